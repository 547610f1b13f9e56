// Bytes as `hexdump -C` prints them: sixteen a line, in hexadecimal and as characters, lines that
// repeat as one `*`. Used by hexdump. Pure; any context.
#pragma once

#include <array>
#include <span>

#include <sluice/kernel/format.hpp>

namespace sluice::app {

class HexDumper {
 public:
  // `offset` of the first byte. The sink outlives the dumper.
  HexDumper(Sink& out, u64 offset) : out_(out), offset_(offset) {}
  void add(std::span<const std::byte> data);
  // The last, short line and the offset behind it. Nothing comes after it.
  void finish();

 private:
  void end_line();

  static constexpr usize kLineBytes = 16;
  Sink& out_;
  u64 offset_;  // of line_
  std::array<u8, kLineBytes> line_{};
  std::array<u8, kLineBytes> previous_{};
  usize used_ = 0;
  bool has_previous_ = false;
  bool folded_ = false;  // a `*` stands for the lines since the last one printed
};

}  // namespace sluice::app
