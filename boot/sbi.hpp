// Calls into the firmware. Used by boot/ alone.
// Reference: RISC-V Supervisor Binary Interface 2.0.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice::sbi {

struct Return {
  i64 error;
  i64 value;
};

inline Return call(u64 extension, u64 function, u64 argument0 = 0, u64 argument1 = 0) {
  register u64 a0 asm("a0") = argument0;
  register u64 a1 asm("a1") = argument1;
  register u64 a6 asm("a6") = function;
  register u64 a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
  return {static_cast<i64>(a0), static_cast<i64>(a1)};
}

inline void set_timer(u64 ticks) {
  call(0x54494D45, 0, ticks);
}
inline void legacy_putchar(char c) {
  call(1, 0, static_cast<u8>(c));
}

// SRST: QEMU ends with status 0 whatever the reason says. Returns where the firmware has no such
// extension.
inline void shut_down() {
  call(0x53525354, 0, 0, 0);
}

}  // namespace sluice::sbi
