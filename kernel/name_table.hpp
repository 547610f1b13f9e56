// What the image's code is called, and where each function keeps what its caller needs: for
// backtraces. toolchain/name_table.py writes the table into the linked image; an image without one
// has no names. Any context. Layout, little-endian, offsets from the start of the code:
//   u32 magic, functions, rows, bytes of text
//   functions: u32 offset, u32 name (offset in the text), in the order of their offsets
//   rows:      u32 offset, u16 cfa, u8 ra, u8 s0, in the order of their offsets: what holds from
//   there text:      names, each ended by '\0'
// A row says in units of 16 bytes how far the caller's sp lies above this one's (with the highest
// bit: above s0), and in units of 8 how far below it ra and s0 are kept (0: in their registers).
// Reference: DWARF 5, 6.4 (call frame information), of which a row is the part that is needed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include <sluice/kernel/types.hpp>

namespace sluice {

class NameTable {
 public:
  // Reads a table that lies at `table`; false: there is none, or it is no table.
  bool read(std::span<const std::byte> table, u64 code_start);

  // How many bytes a table has, by its first kHeaderBytes; 0: this is none.
  static constexpr usize kHeaderBytes = 16;
  static u64 table_bytes(std::span<const std::byte, kHeaderBytes> header);

  struct Function {
    std::string_view name;
    u64 offset;  // of the address, from the function's start
  };
  std::optional<Function> function_at(u64 address) const;

  struct Frame {
    bool from_s0;        // the caller's sp is above s0, not above sp
    u64 bytes;           // so far above
    u64 ra_bytes_below;  // below the caller's sp; 0: ra is still in its register
    u64 s0_bytes_below;
  };
  // Nothing: no row says anything of this address.
  std::optional<Frame> frame_at(u64 address) const;

 private:
  // The last of `count` entries of 8 bytes from `entries` on whose offset is not above `offset`.
  static const std::byte* last_up_to(std::span<const std::byte> entries, u64 offset);

  u64 code_start_ = 0;
  std::span<const std::byte> functions_;
  std::span<const std::byte> rows_;
  std::span<const std::byte> text_;
};

}  // namespace sluice
