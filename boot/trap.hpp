// The registers of what a trap interrupted, as trap.S saves them. Used by the trap handler and by
// panic.
#pragma once

#include <array>

#include <sluice/kernel/types.hpp>

namespace sluice::boot {

struct TrapFrame {
  std::array<u64, 32> x;  // x[0] is 0 where the trap interrupted another trap's handler
  u64 sepc;
  u64 sstatus;
  u64 scause;
  u64 stval;
};
static_assert(sizeof(TrapFrame) == 36 * 8);

// Installs the trap vector and this hart's trap stack; external and timer interrupts become
// possible.
void set_up_traps();

// Uses stimecmp instead of firmware calls from now on.
void use_sstc();

}  // namespace sluice::boot
