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

constexpr u32 kMostNamed = 4;
constexpr usize kMostShown = 64;  // of a word

bool is_among(std::string_view names, std::string_view wanted) {
  for (std::string_view name = next_word(names); !name.empty(); name = next_word(names)) {
    if (name == wanted) {
      return true;
    }
  }
  return false;
}

void report_repeated(std::string_view prefix, std::string_view name) {
  u32 count = 0;
  std::string_view left = kernel_words;
  for (std::string_view word = next_word(left); !word.empty(); word = next_word(left)) {
    if (word.starts_with(prefix)) {
      word.remove_prefix(prefix.size());
      count += word.starts_with(name) && word.substr(name.size()).starts_with('=') ? 1 : 0;
    }
  }
  if (count > 1) {
    log::warning("command line: {}{}= stands there {} times; the last counts", prefix, name, count);
  }
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

void report_unknown(std::string_view prefix, std::string_view names,
                    bool (*knows)(std::string_view name)) {
  u32 unknown = 0;
  std::string_view left = kernel_words;
  for (std::string_view word = next_word(left); !word.empty(); word = next_word(left)) {
    const std::string_view name = word.substr(0, word.find('='));
    if (!name.starts_with(prefix)) {
      continue;
    }
    const bool has_value = name.size() < word.size();
    if ((has_value && is_among(names, name.substr(prefix.size()))) ||
        (knows != nullptr && knows(name))) {
      continue;
    }
    if (++unknown <= kMostNamed) {
      log::warning("command line: {} means nothing", word.substr(0, kMostShown));
    }
  }
  if (unknown > kMostNamed) {
    log::warning("command line: {} more words mean nothing", unknown - kMostNamed);
  }
  if (unknown > 0) {
    log::warning("command line: there is {}NAME=VALUE with these names: {}", prefix, names);
  }
  for (std::string_view name = next_word(names); !name.empty(); name = next_word(names)) {
    report_repeated(prefix, name);
  }
}

std::string_view program_words() {
  return rest;
}

}  // namespace sluice::command_line
