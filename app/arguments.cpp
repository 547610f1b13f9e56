// The option reader and the number parsers. Reference: POSIX.1-2017, Utility Conventions, 12.2 (and
// the long options of GNU).
#include "arguments.hpp"

namespace sluice::app {

bool OptionReader::next() {
  value_ = {};
  taken_ = false;
  if (!joined_.empty()) {
    name_ = joined_.substr(0, 1);
    joined_.remove_prefix(1);
    return true;
  }
  while (at_ < words_.size()) {
    const std::string_view word = words_[at_++];
    if (options_over_ || word.size() < 2 || word[0] != '-') {
      words_[operands_++] = word;
      continue;
    }
    if (word == "--") {
      options_over_ = true;
      continue;
    }
    long_ = word[1] == '-';
    if (long_) {
      const usize equals = word.find('=');
      name_ = word.substr(2, equals == std::string_view::npos ? equals : equals - 2);
      if (equals != std::string_view::npos) {
        value_ = word.substr(equals + 1);
      }
    } else {
      name_ = word.substr(1, 1);
      joined_ = word.substr(2);
    }
    return true;
  }
  return false;
}

bool OptionReader::take_value() {
  if (long_ && value_.data() != nullptr) {
    taken_ = true;
    return true;
  }
  if (!long_ && !joined_.empty()) {
    value_ = joined_;
    joined_ = {};
    return true;
  }
  if (at_ == words_.size()) {
    return false;
  }
  value_ = words_[at_++];
  taken_ = true;
  return true;
}

std::optional<u64> parse_size(std::string_view text) {
  u32 shift = 0;
  if (!text.empty()) {
    switch (text.back() | 0x20) {
      case 'k':
        shift = 10;
        break;
      case 'm':
        shift = 20;
        break;
      case 'g':
        shift = 30;
        break;
      case 't':
        shift = 40;
        break;
      default:
        break;
    }
  }
  if (shift != 0) {
    text.remove_suffix(1);
  }
  const std::optional<u64> value = parse_number(text);
  if (!value || *value > (~u64{0} >> shift)) {
    return std::nullopt;
  }
  return *value << shift;
}

}  // namespace sluice::app
