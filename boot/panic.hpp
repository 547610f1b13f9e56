// The end of the program in disorder. Used by boot/ and, through port::panic, by everyone.
#pragma once

#include <sluice/boot/trap.hpp>

namespace sluice::boot {

inline constexpr u32 kPanicStatus = 101;

// An exception: prints cause, registers and backtrace, ends with status 101.
[[noreturn]] void panic_on_trap(const TrapFrame& frame);

}  // namespace sluice::boot
