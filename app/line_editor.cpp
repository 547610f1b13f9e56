// The line editor. Reference: ECMA-48 for the sequences of the arrow keys and "erase in line".
#include "line_editor.hpp"

#include <algorithm>

namespace sluice::app {
namespace {

constexpr u8 kControlC = 0x03;
constexpr u8 kControlD = 0x04;
constexpr u8 kBackspace = 0x08;
constexpr u8 kControlU = 0x15;
constexpr u8 kEscape = 0x1b;
constexpr u8 kDelete = 0x7f;

bool continues_character(char c) {
  return (static_cast<u8>(c) & 0xc0) == 0x80;
}

}  // namespace

void LineEditor::begin() {
  used_ = 0;
  back_ = 0;
  escape_ = Escape::No;
  out_.put(prompt_);
}

// Characters may be two columns wide: drawing the whole line again needs no knowledge of that.
void LineEditor::redraw() {
  out_.put("\r\x1b[K");
  out_.put(prompt_);
  out_.put(line());
}

void LineEditor::erase_character() {
  if (used_ == 0) {
    return;
  }
  do {
    --used_;
  } while (used_ > 0 && continues_character(line_[used_]));
  redraw();
}

void LineEditor::insert(u8 byte) {
  if (used_ == kMaxBytes) {
    out_.put("\a");
    return;
  }
  line_[used_++] = static_cast<char>(byte);
  out_.put({&line_[used_ - 1], 1});
}

void LineEditor::remember() {
  if (used_ == 0) {
    return;
  }
  const u32 slot = remembered_ % kHistory;
  std::copy_n(line_.begin(), used_, history_[slot].begin());
  history_bytes_[slot] = used_;
  ++remembered_;
}

void LineEditor::show_history(u32 back) {
  back_ = back;
  used_ = 0;
  if (back > 0) {
    const u32 slot = (remembered_ - back) % kHistory;
    used_ = history_bytes_[slot];
    std::copy_n(history_[slot].begin(), used_, line_.begin());
  }
  redraw();
}

LineEditor::Event LineEditor::feed_escape(u8 byte) {
  if (escape_ == Escape::Begun && byte == '[') {
    escape_ = Escape::Sequence;
    return Event::None;
  }
  if (escape_ == Escape::Sequence && (byte < 0x40 || byte > 0x7e)) {
    return Event::None;  // a parameter; the final byte is still to come
  }
  const bool sequence = escape_ == Escape::Sequence;
  escape_ = Escape::No;
  if (sequence && byte == 'A' && back_ < std::min(remembered_, kHistory)) {
    show_history(back_ + 1);
  } else if (sequence && byte == 'B' && back_ > 0) {
    show_history(back_ - 1);
  }
  return Event::None;
}

LineEditor::Event LineEditor::feed(u8 byte) {
  if (escape_ != Escape::No) {
    return feed_escape(byte);
  }
  switch (byte) {
    case '\r':
    case '\n':
      out_.put("\n");
      remember();
      return Event::Line;
    case kControlC:
      out_.put("^C\n");
      return Event::Cancel;
    case kControlD:
      if (used_ == 0) {
        out_.put("\n");
        return Event::End;
      }
      return Event::None;
    case kBackspace:
    case kDelete:
      erase_character();
      return Event::None;
    case kControlU:
      used_ = 0;
      redraw();
      return Event::None;
    case kEscape:
      escape_ = Escape::Begun;
      return Event::None;
    default:
      if (byte >= ' ') {
        insert(byte);
      }
      return Event::None;
  }
}

}  // namespace sluice::app
