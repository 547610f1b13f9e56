// The word splitter. Reference: POSIX.1-2017, Shell Command Language, 2.2 (quoting), 2.3 (token
// recognition).
#include <sluice/kernel/words.hpp>

namespace sluice {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n';
}
// What a \ quotes inside "…"; before anything else it stands for itself.
bool is_special_in_quotes(char c) {
  return c == '"' || c == '\\' || c == '$' || c == '`';
}

}  // namespace

bool WordReader::put(char c) {
  if (used_ == storage_.size()) {
    return false;
  }
  storage_[used_++] = c;
  return true;
}

WordReader::Kind WordReader::next() {
  usize start = 0;
  while (start < line_.size() && is_blank(line_[start])) {
    ++start;
  }
  line_.remove_prefix(start);
  if (line_.empty()) {
    return Kind::End;
  }
  if (line_.front() == ';') {
    line_.remove_prefix(1);
    return Kind::Separator;
  }
  return take_word();
}

WordReader::Kind WordReader::take_word() {
  const usize first = used_;
  char quote = 0;
  usize at = 0;
  for (; at < line_.size(); ++at) {
    char c = line_[at];
    if (quote == 0 && (is_blank(c) || c == ';')) {
      break;
    }
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
      continue;
    }
    if (c == quote && quote != 0) {
      quote = 0;
      continue;
    }
    const bool last = at + 1 == line_.size();
    if (c == '\\' && quote != '\'' && (last || quote == 0 || is_special_in_quotes(line_[at + 1]))) {
      if (last) {
        used_ = first;
        return Kind::Unterminated;
      }
      c = line_[++at];
    }
    if (!put(c)) {
      used_ = first;
      return Kind::NoRoom;
    }
  }
  if (quote != 0 || !put('\0')) {
    used_ = first;
    return quote != 0 ? Kind::Unterminated : Kind::NoRoom;
  }
  word_ = {storage_.data() + first, used_ - first - 1};
  line_.remove_prefix(at);
  return Kind::Word;
}

}  // namespace sluice
