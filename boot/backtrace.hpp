// Who called whom, by name: for a panic's report. Used by panic alone.
#pragma once

#include <span>
#include <string_view>

#include <sluice/kernel/format.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice::boot {

// The image's table of names and frames (kernel/name_table.hpp), where it has one; else empty.
std::span<const std::byte> name_table_bytes();

// "0x80201234 (fat::File::read+0x1c)"; without the parenthesis where there is no name. Of a return
// address the name is that of the call before it, which may be the last of its function.
void put_place(Sink& out, u64 address, bool is_return_address = false);

// What of a place in the program is needed to find its caller.
struct Registers {
  u64 pc;
  u64 ra;
  u64 sp;
  u64 s0;
};

// A line per call, the innermost first, as far as frames can be followed.
void put_backtrace(Sink& out, Registers registers);

}  // namespace sluice::boot
