// Splitting a line into words as a shell does: blanks separate, '…', "…" and \ quote, an unquoted
// `;` stands alone. Used by boot, for the arguments of main, and by programs that read commands
// (app/). Any context.
#pragma once

#include <span>
#include <string_view>

#include <sluice/kernel/types.hpp>

namespace sluice {

class WordReader {
 public:
  enum class Kind : u8 {
    Word,
    Separator,     // an unquoted `;`
    End,           // of the line
    Unterminated,  // a quote that is not closed, or a \ at the end
    NoRoom,        // the word does not fit into the storage
  };

  // Words are written one after the other into `storage`, each with a '\0' behind it, and stay
  // there. A storage of line.size() + 1 bytes is always enough: a word is followed by a blank, a
  // `;` or the end.
  WordReader(std::string_view line, std::span<char> storage) : line_(line), storage_(storage) {}

  // The next word; after anything but Word and Separator the same again.
  Kind next();
  // The word that next() found: without its quotes, and '\0' stands behind it.
  std::string_view word() const { return word_; }

 private:
  bool put(char c);
  Kind take_word();

  std::string_view line_;
  std::span<char> storage_;
  usize used_ = 0;
  std::string_view word_;
};

}  // namespace sluice
