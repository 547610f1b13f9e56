// A terminal of 80 columns: what stands in the row where the cursor is, and where that is. Judges
// what the line editor writes: a sequence that it does not know, or a row that overflows, fails.
// Reference: ECMA-48; DEC VT100 for saving the cursor.
#pragma once

#include <string>
#include <vector>

#include <sluice/kernel/format.hpp>

#include "tests/catch.hpp"

namespace sluice::test {

class Terminal final : public Sink {
 public:
  static constexpr usize kColumns = 80;

  void put(std::string_view text) override {
    written += text;
    for (usize at = 0; at < text.size();) {
      at += take(text.substr(at));
    }
  }

  // Without the blanks at the end.
  std::string row() const {
    std::string text;
    for (const std::string& cell : cells_) {
      text += cell;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }
  usize column() const { return column_; }
  u32 bells = 0;
  u32 clears = 0;
  std::string written;  // all of it, as it came

 private:
  // How many bytes it has taken.
  usize take(std::string_view text) {
    switch (text[0]) {
      case '\n':
        cells_.assign(kColumns, " ");
        column_ = 0;  // as the line discipline before it does
        return 1;
      case '\r':
        column_ = 0;
        return 1;
      case '\a':
        ++bells;
        return 1;
      case '\x1b':
        return take_sequence(text);
      default:
        return take_character(text);
    }
  }

  usize take_sequence(std::string_view text) {
    if (text.starts_with("\x1b[K")) {
      for (usize i = column_; i < kColumns; ++i) {
        cells_[i] = " ";
      }
      return 3;
    }
    if (text.starts_with("\x1b\x37") || text.starts_with("\x1b\x38")) {
      (text[1] == '7' ? saved_ : column_) = text[1] == '7' ? column_ : saved_;
      return 2;
    }
    if (text.starts_with("\x1b[H\x1b[2J")) {
      cells_.assign(kColumns, " ");
      column_ = 0;
      ++clears;
      return 7;
    }
    FAIL("an unknown sequence: " << text.substr(1));
    return 1;
  }

  usize take_character(std::string_view text) {
    const auto first = static_cast<u8>(text[0]);
    const usize bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    REQUIRE((first >= ' ' && first != 0x7f));
    REQUIRE((first < 0x80 || first >= 0xc2));
    REQUIRE(bytes <= text.size());
    const usize width = bytes == 4 || text.substr(0, bytes) >= "\xe1\x84\x80" ? 2 : 1;
    REQUIRE(column_ + width < kColumns);
    cells_[column_] = text.substr(0, bytes);
    if (width == 2) {
      cells_[column_ + 1] = "";
    }
    column_ += width;
    return bytes;
  }

  std::vector<std::string> cells_ = std::vector<std::string>(kColumns, " ");
  usize column_ = 0;
  usize saved_ = 0;
};

}  // namespace sluice::test
