// What an exception was, in words. Used by panic alone.
#pragma once

#include <sluice/boot/trap.hpp>
#include <sluice/kernel/format.hpp>

namespace sluice::boot {

// "store to a read-only page at 0x80230000: .rodata"
void put_cause(Sink& out, const TrapFrame& frame);

}  // namespace sluice::boot
