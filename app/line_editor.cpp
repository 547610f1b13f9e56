// The line editor. Whatever changes, the row is drawn again: characters may be two columns wide,
// and the terminal knows better where that leaves the cursor.
#include "line_editor.hpp"

#include <algorithm>

namespace sluice::app {
namespace {

constexpr u8 control(char letter) {
  return static_cast<u8>(letter & 0x1f);
}
constexpr u8 kEscape = 0x1b;
constexpr u8 kDelete = 0x7f;
constexpr u32 kMostParameter = 1000;

bool continues_character(char c) {
  return (static_cast<u8>(c) & 0xc0) == 0x80;
}

// Bytes of the character that begins with this one; 0: none does (RFC 3629).
usize character_bytes(u8 first) {
  return first < 0x80   ? 1
         : first < 0xc2 ? 0
         : first < 0xe0 ? 2
         : first < 0xf0 ? 3
         : first < 0xf5 ? 4
                        : 0;
}

}  // namespace

usize LineEditor::before(usize at) const {
  while (at > 0) {
    --at;
    if (!continues_character(line_[at])) {
      break;
    }
  }
  return at;
}

usize LineEditor::after(usize at) const {
  while (at < used_) {
    ++at;
    if (at == used_ || !continues_character(line_[at])) {
      break;
    }
  }
  return at;
}

// Never too few: U+1100 is the first wide character, and E1 84 80 in UTF-8.
usize LineEditor::columns_at(usize at) const {
  const auto first = static_cast<u8>(line_[at]);
  return first > 0xe1 || (first == 0xe1 && static_cast<u8>(line_[at + 1]) >= 0x84) ? 2 : 1;
}

usize LineEditor::columns(usize from, usize to) const {
  usize sum = 0;
  for (; from < to; from = after(from)) {
    sum += columns_at(from);
  }
  return sum;
}

// The window begins where the cursor is in it, and as far to the left as shows the line's end.
void LineEditor::follow_cursor() {
  window_ = std::min(window_, cursor_);
  usize shown = columns(window_, cursor_);
  for (; shown > room(); window_ = after(window_)) {
    shown -= columns_at(window_);
  }
  shown = columns(window_, used_);
  while (window_ > 0) {
    const usize earlier = before(window_);
    shown += columns_at(earlier);
    if (shown > room()) {
      break;
    }
    window_ = earlier;
  }
}

void LineEditor::draw() {
  follow_cursor();
  usize end = cursor_;
  for (usize left = room() - columns(window_, cursor_); end < used_ && columns_at(end) <= left;
       end = after(end)) {
    left -= columns_at(end);
  }
  out_.put("\r");
  out_.put(prompt_);
  out_.put(line().substr(window_, cursor_ - window_));
  if (end == cursor_) {
    out_.put("\x1b[K");
    return;
  }
  out_.put("\x1b\x37");
  out_.put(line().substr(cursor_, end - cursor_));
  out_.put("\x1b[K\x1b\x38");
}

void LineEditor::begin() {
  used_ = 0;
  cursor_ = 0;
  window_ = 0;
  back_ = 0;
  partial_bytes_ = 0;
  escape_ = Escape::No;
  out_.put(prompt_);
}

void LineEditor::move_to(usize at) {
  if (at != cursor_) {
    cursor_ = at;
    draw();
  }
}

void LineEditor::erase(usize from, usize to) {
  if (from == to) {
    return;
  }
  std::copy(line_.begin() + to, line_.begin() + used_, line_.begin() + from);
  used_ -= to - from;
  cursor_ = from;
  draw();
}

// At the end of a line that fits nothing needs to be drawn again.
void LineEditor::insert(std::string_view character) {
  if (character.size() > kMaxBytes - used_) {
    out_.put("\a");
    return;
  }
  std::copy_backward(line_.begin() + cursor_, line_.begin() + used_,
                     line_.begin() + used_ + character.size());
  std::ranges::copy(character, line_.begin() + cursor_);
  used_ += character.size();
  cursor_ += character.size();
  if (cursor_ == used_ && columns(window_, used_) <= room()) {
    out_.put(character);
  } else {
    draw();
  }
}

void LineEditor::take_text(u8 byte) {
  const auto c = static_cast<char>(byte);
  if (!continues_character(c)) {
    partial_bytes_ = 0;
    partial_wanted_ = character_bytes(byte);
  } else if (partial_bytes_ == 0) {
    return;
  }
  if (partial_wanted_ == 0) {
    return;
  }
  partial_[partial_bytes_++] = c;
  if (partial_bytes_ == partial_wanted_) {
    partial_bytes_ = 0;
    // U+0080 to U+009F: a terminal takes them for the beginnings of sequences.
    if (partial_[0] != '\xc2' || byte >= 0xa0) {
      insert({partial_.data(), partial_wanted_});
    }
  }
}

void LineEditor::remember() {
  const u32 last = (remembered_ - 1) % kHistory;
  if (used_ == 0 || (remembered_ > 0 &&
                     line() == std::string_view(history_[last].data(), history_bytes_[last]))) {
    return;
  }
  const u32 slot = remembered_++ % kHistory;
  std::copy_n(line_.begin(), used_, history_[slot].begin());
  history_bytes_[slot] = used_;
}

// `back` 0 is the new line, 1 the one before, …
void LineEditor::show_history(u32 back) {
  if (back > std::min(remembered_, kHistory)) {
    return;
  }
  if (back_ == 0) {
    draft_ = line_;
    draft_bytes_ = used_;
  }
  back_ = back;
  const u32 slot = (remembered_ - back) % kHistory;
  line_ = back == 0 ? draft_ : history_[slot];
  used_ = back == 0 ? draft_bytes_ : history_bytes_[slot];
  cursor_ = used_;
  draw();
}

// The last byte of a sequence, or a number in its place.
void LineEditor::act_on_key(u8 final_byte) {
  if (final_byte == '~') {
    final_byte = parameter_ == 1 || parameter_ == 7   ? 'H'
                 : parameter_ == 4 || parameter_ == 8 ? 'F'
                 : parameter_ == 3                    ? control('D')
                                                      : 0;
  }
  switch (final_byte) {
    case 'A':
      return show_history(back_ + 1);
    case 'B':
      return back_ > 0 ? show_history(back_ - 1) : void();
    case 'C':
      return move_to(after(cursor_));
    case 'D':
      return move_to(before(cursor_));
    case 'H':
      return move_to(0);
    case 'F':
      return move_to(used_);
    case control('D'):
      return erase(cursor_, after(cursor_));
    default:
      return;
  }
}

void LineEditor::feed_escape(u8 byte) {
  if (escape_ == Escape::Begun) {
    parameter_ = 0;
    escape_ = byte == '[' ? Escape::Sequence : byte == 'O' ? Escape::Single : Escape::No;
    return;
  }
  if (escape_ == Escape::Sequence && byte < 0x40) {
    if (byte >= '0' && byte <= '9') {
      parameter_ = std::min(parameter_ * 10 + (byte - '0'), kMostParameter);
    } else if (parameter_ == 0) {
      parameter_ = kMostParameter;  // "\e[;3~": the first is not there
    }
    return;
  }
  escape_ = Escape::No;
  act_on_key(byte);
}

LineEditor::Event LineEditor::feed_control(u8 byte) {
  switch (byte) {
    case '\r':
    case '\n':
      out_.put("\n");
      remember();
      return Event::Line;
    case control('C'):
      out_.put("^C\n");
      return Event::Cancel;
    case control('D'):
      if (used_ == 0) {
        out_.put("\n");
        return Event::End;
      }
      erase(cursor_, after(cursor_));
      break;
    case control('H'):
    case kDelete:
      erase(before(cursor_), cursor_);
      break;
    case control('U'):
      erase(0, cursor_);
      break;
    case control('K'):
      erase(cursor_, used_);
      break;
    case control('W'): {
      const usize word_end = line().substr(0, cursor_).find_last_not_of(' ') + 1;
      erase(line().substr(0, word_end).find_last_of(' ') + 1, cursor_);
      break;
    }
    case control('L'):
      out_.put("\x1b[H\x1b[2J");
      draw();
      break;
    case control('A'):
      act_on_key('H');
      break;
    case control('E'):
      act_on_key('F');
      break;
    case control('B'):
      act_on_key('D');
      break;
    case control('F'):
      act_on_key('C');
      break;
    case control('P'):
      act_on_key('A');
      break;
    case control('N'):
      act_on_key('B');
      break;
    case kEscape:
      escape_ = Escape::Begun;
      break;
    default:
      break;
  }
  return Event::None;
}

// A control character, whatever it comes into, is itself.
LineEditor::Event LineEditor::feed(u8 byte) {
  if (byte < ' ' || byte == kDelete) {
    partial_bytes_ = 0;
    escape_ = Escape::No;
    return feed_control(byte);
  }
  if (escape_ != Escape::No && byte < 0x80) {
    feed_escape(byte);
    return Event::None;
  }
  escape_ = Escape::No;
  take_text(byte);
  return Event::None;
}

}  // namespace sluice::app
