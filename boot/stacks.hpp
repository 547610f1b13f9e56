// Where each hart's stacks are: one for what it runs, one for the exceptions that end in a panic,
// each above a page that is not mapped. Used by boot/ alone; the places are linker.ld's.
#pragma once

#include <cstddef>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/memory.hpp>

extern "C" {
extern std::byte __boot_stack[], __trap_stack_guard[], __trap_stack[], __hart_stacks[];
}

namespace sluice::boot {

struct Stack {
  u64 bottom;
  u64 top;
  bool holds(u64 address) const { return address >= bottom && address < top; }
  bool guards(u64 address) const { return address < bottom && address >= bottom - kPageBytes; }
};

inline constexpr u64 kHartStackBytes = 32 * 1024;
inline constexpr u64 kTrapStackBytes = 16 * 1024;
inline constexpr u64 kHartStacksBytes = kHartStackBytes + kTrapStackBytes + 2 * kPageBytes;

// Slot 0 is the hart that booted; slots 1 to kMaxHarts − 1 are the others, one each.
inline Stack stack_of(u32 slot) {
  const u64 bottom =
      reinterpret_cast<u64>(__hart_stacks) + (slot - 1) * kHartStacksBytes + kPageBytes;
  return slot == 0
             ? Stack{reinterpret_cast<u64>(__boot_stack), reinterpret_cast<u64>(__trap_stack_guard)}
             : Stack{bottom, bottom + kHartStackBytes};
}
inline Stack trap_stack_of(u32 slot) {
  const u64 bottom =
      slot == 0 ? reinterpret_cast<u64>(__trap_stack) : stack_of(slot).top + kPageBytes;
  return {bottom, bottom + kTrapStackBytes};
}

// Slots that are used, from 0 on; the rest is free memory. Set with the first look at memory.
inline constinit u32 used_stack_slots = 1;

// Is is_it(stack) true of one of all stacks that are used?
template <class IsIt>
bool any_stack(IsIt is_it) {
  for (u32 slot = 0; slot < used_stack_slots; ++slot) {
    if (is_it(stack_of(slot)) || is_it(trap_stack_of(slot))) {
      return true;
    }
  }
  return false;
}

}  // namespace sluice::boot
