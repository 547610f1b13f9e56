// Editing a line on a terminal: backspace, ^U, ^C, ^D, and the lines before with the arrow keys.
// Used by the interactive prompt, which gives it one byte after the other. What is shown goes to a
// sink. Task.
#pragma once

#include <array>
#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice::app {

class LineEditor {
 public:
  static constexpr usize kMaxBytes = 512;

  enum class Event : u8 {
    None,    // the line goes on
    Line,    // line() is complete
    Cancel,  // ^C: the line is given up
    End,     // ^D on an empty line
  };

  LineEditor(Sink& out, std::string_view prompt) : out_(out), prompt_(prompt) {}

  // Shows the prompt and begins an empty line.
  void begin();
  Event feed(u8 byte);
  // Valid until begin().
  std::string_view line() const { return {line_.data(), used_}; }

 private:
  static constexpr u32 kHistory = 16;
  enum class Escape : u8 { No, Begun, Sequence };
  using Line = std::array<char, kMaxBytes>;

  void redraw();
  void erase_character();
  void insert(u8 byte);
  void remember();
  // `back` 0 is the new line, 1 the one before, …
  void show_history(u32 back);
  Event feed_escape(u8 byte);

  Sink& out_;
  std::string_view prompt_;
  Line line_;
  usize used_ = 0;
  Escape escape_ = Escape::No;
  std::array<Line, kHistory> history_;
  std::array<usize, kHistory> history_bytes_{};
  u32 remembered_ = 0;  // lines ever; the latest is at (remembered_ − 1) modulo kHistory
  u32 back_ = 0;        // which one is shown
};

}  // namespace sluice::app
