// The end of the program, in order and in disorder. Used by boot/ and, through port::panic, by
// everyone.
#pragma once

#include <sluice/boot/trap.hpp>
#include <sluice/kernel/console.hpp>

namespace sluice::boot {

inline constexpr u32 kPanicStatus = 101;

// An exception: prints cause, registers and backtrace, ends with status 101.
[[noreturn]] void panic_on_trap(const TrapFrame& frame);

// The serial line as the firmware drives it, output only: for a machine whose line has no driver
// here.
console::Device& firmware_console();

// Tells run.sh the status and switches the machine off, through the test finisher or else the
// firmware.
[[noreturn]] void power_off(u32 status);

}  // namespace sluice::boot
