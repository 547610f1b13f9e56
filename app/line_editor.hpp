// Editing a line on a terminal. Used by the interactive prompt, which gives it one byte after the
// other; what is shown goes to a sink. Task.
//   ←→ ^B ^F, Home End ^A ^E   move       ↑↓ ^P ^N   the lines before, and back to the one begun
//   Backspace ^H, Delete ^D    a character before and under the cursor
//   ^W ^U ^K                   the word before, all before, all behind
//   ^L clears the screen, ^C gives the line up, ^D ends an empty one
// The line is UTF-8; bytes that are none, and control characters, are dropped. It takes one row of
// a terminal of 80 columns: of a longer one the part around the cursor is shown.
// Reference: ECMA-48 for the sequences, and DEC's VT100 for saving the cursor.
#pragma once

#include <array>
#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice::app {

class LineEditor {
 public:
  static constexpr usize kMaxBytes = 512;
  static constexpr usize kColumns = 80;

  enum class Event : u8 {
    None,    // the line goes on
    Line,    // line() is complete
    Cancel,  // ^C: the line is given up
    End,     // ^D on an empty line
  };

  // The prompt is ASCII, and much shorter than a row.
  LineEditor(Sink& out, std::string_view prompt) : out_(out), prompt_(prompt) {}

  // Shows the prompt and begins an empty line.
  void begin();
  Event feed(u8 byte);
  // Valid until begin().
  std::string_view line() const { return {line_.data(), used_}; }

 private:
  static constexpr u32 kHistory = 16;
  enum class Escape : u8 { No, Begun, Sequence, Single };
  using Line = std::array<char, kMaxBytes>;

  usize room() const { return kColumns - 1 - prompt_.size(); }  // the last column stays free
  usize before(usize at) const;                                 // where that character begins
  usize after(usize at) const;                                  // and where it ends
  usize columns_at(usize at) const;
  usize columns(usize from, usize to) const;

  void move_to(usize at);
  void erase(usize from, usize to);
  void draw();
  void follow_cursor();
  void take_text(u8 byte);
  void insert(std::string_view character);
  void remember();
  void show_history(u32 back);
  void feed_escape(u8 byte);
  void act_on_key(u8 final_byte);
  Event feed_control(u8 byte);

  Sink& out_;
  std::string_view prompt_;
  Line line_;
  usize used_ = 0;
  usize cursor_ = 0;  // these two at the beginning of a character, or at used_
  usize window_ = 0;  // the first one shown

  std::array<char, 4> partial_{};  // a character that is not complete
  usize partial_bytes_ = 0;
  usize partial_wanted_ = 0;
  Escape escape_ = Escape::No;
  u32 parameter_ = 0;  // the first of a sequence

  std::array<Line, kHistory> history_;
  std::array<usize, kHistory> history_bytes_{};
  Line draft_;  // the line that was begun, while one of history is shown
  usize draft_bytes_ = 0;
  u32 remembered_ = 0;  // lines ever; the latest is at (remembered_ − 1) modulo kHistory
  u32 back_ = 0;        // which one is shown; 0: the new one
};

}  // namespace sluice::app
