// The lines of hexdump -C.
#include "hex_dumper.hpp"

#include <algorithm>

namespace sluice::app {

void HexDumper::add(std::span<const std::byte> data) {
  for (const std::byte byte : data) {
    line_[used_++] = std::to_integer<u8>(byte);
    if (used_ == kLineBytes) {
      end_line();
    }
  }
}

void HexDumper::finish() {
  if (used_ > 0) {
    end_line();
  }
  if (has_previous_) {
    format_to(out_, "{:08x}\n", offset_);
  }
}

void HexDumper::end_line() {
  const bool repeated =
      has_previous_ && std::equal(line_.begin(), line_.begin() + used_, previous_.begin());
  if (repeated) {
    if (!folded_) {
      out_.put("*\n");
    }
    folded_ = true;
  } else {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<char, 53 + kLineBytes> text;
    text.fill(' ');
    for (usize i = 0; i < used_; ++i) {
      const usize at = 2 + 3 * i + (i >= 8 ? 1 : 0);
      text[at] = kDigits[line_[i] >> 4];
      text[at + 1] = kDigits[line_[i] & 0xf];
      text[53 + i] = line_[i] >= ' ' && line_[i] < 0x7f ? static_cast<char>(line_[i]) : '.';
    }
    text[52] = '|';
    format_to(out_, "{:08x}{}|\n", offset_, std::string_view(text.data(), 53 + used_));
    folded_ = false;
  }
  offset_ += used_;
  used_ = 0;
  previous_ = line_;
  has_previous_ = true;
}

}  // namespace sluice::app
