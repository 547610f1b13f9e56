// Looking words up in the kernel command line.
#include <sluice/kernel/command_line.hpp>

#include <sluice/kernel/log.hpp>
#include <sluice/kernel/number.hpp>

namespace sluice::command_line {
namespace {

constinit std::string_view kernel_words;
constinit std::string_view rest;

std::string_view next_word(std::string_view& line) {
  const usize start = line.find_first_not_of(" \t\n");
  if (start == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(start);
  const std::string_view word = line.substr(0, line.find_first_of(" \t\n"));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

void set(std::string_view line) {
  kernel_words = line;
  rest = {};
  std::string_view left = line;
  for (std::string_view word = next_word(left); !word.empty(); word = next_word(left)) {
    if (word == "--") {
      kernel_words = line.substr(0, static_cast<usize>(word.data() - line.data()));
      rest = left.empty() ? left : left.substr(1);
      return;
    }
  }
}

std::optional<std::string_view> value(std::string_view name) {
  std::optional<std::string_view> found;
  std::string_view left = kernel_words;
  for (std::string_view word = next_word(left); !word.empty(); word = next_word(left)) {
    if (word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
      found = word.substr(name.size() + 1);
    }
  }
  return found;
}

std::optional<u64> number(std::string_view name, u64 minimum, u64 maximum) {
  const std::optional<std::string_view> text = value(name);
  if (!text) {
    return std::nullopt;
  }
  const std::optional<u64> result = parse_number(*text);
  if (!result || *result < minimum || *result > maximum) {
    log::error("command line: {}={} is no number from {} to {}; ignored", name, *text, minimum,
               maximum);
    return std::nullopt;
  }
  return result;
}

std::string_view program_words() {
  return rest;
}

}  // namespace sluice::command_line
