// The words of a command: options, operands, numbers and sizes.
// Used by every command. Pure: no output, any context.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include <sluice/kernel/number.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice::app {

using Words = std::span<std::string_view>;

// Takes the options out of a command's words, wherever they stand before a `--`; what is left are
// the operands. Letters may be joined (-lR); a value follows in the same word (-n16, --name=value)
// or is the next one.
//   OptionReader options(words);
//   while (options.next()) { if (options.is("l")) … else if (options.is("n") &&
//   options.take_value()) … }
class OptionReader {
 public:
  explicit OptionReader(Words words) : words_(words) {}

  // The next option; false at the end.
  bool next();
  // Is it this letter, or, of more than one letter, this long option?
  bool is(std::string_view name) const { return name == name_; }
  // As the user wrote it, for a message: "-x", "--json".
  std::string_view name() const { return name_; }
  bool is_long() const { return long_; }

  // Takes the option's value; false where there is none.
  bool take_value();
  std::string_view value() const { return value_; }
  // A long option with "=…" behind it whose value nobody took.
  bool has_unwanted_value() const { return long_ && value_.data() != nullptr && !taken_; }

  // After the last next(): the words that are no options, in their order.
  Words operands() const { return words_.first(operands_); }

 private:
  Words words_;
  usize at_ = 0;             // of the next word to look at
  usize operands_ = 0;       // kept so far, at the front of words_
  std::string_view joined_;  // letters of the current word that are still to come
  std::string_view name_;
  std::string_view value_;
  bool long_ = false;
  bool taken_ = false;
  bool options_over_ = false;
};

// A number of bytes: a number with at most one of k, M, G, T behind it, in either case, each 1024
// times the one before.
std::optional<u64> parse_size(std::string_view text);

}  // namespace sluice::app
