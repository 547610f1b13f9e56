// Traps of this hart, and the registers of what an exception interrupted, as trap.S saves them.
// Used by start-up and by panic.
#pragma once

#include <array>

#include <sluice/kernel/types.hpp>

namespace sluice::boot {

struct TrapFrame {
  std::array<u64, 32> x;
  u64 sepc;
  u64 sstatus;
  u64 scause;
  u64 stval;
};
static_assert(sizeof(TrapFrame) == 36 * 8);

// What an interrupt leaves on the stack that it found: the registers that a call may change.
struct InterruptFrame {
  u64 ra;
  std::array<u64, 15> temporaries;  // t0 to t6, a0 to a7
  u64 sepc;                         // for backtraces
  u64 unused;
};
static_assert(sizeof(InterruptFrame) == 18 * 8);

// Installs the trap vector and this hart's stack for exceptions; external, timer and software
// interrupts become possible.
void set_up_traps(u64 trap_stack_top);

// Uses stimecmp instead of firmware calls from now on, on every hart.
void use_sstc();

}  // namespace sluice::boot
