// Calls into the firmware. Used by boot/ alone.
// Reference: RISC-V Supervisor Binary Interface 2.0.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice::sbi {

struct Return {
  i64 error;
  i64 value;
};

inline Return call(u64 extension, u64 function, u64 argument0 = 0, u64 argument1 = 0,
                   u64 argument2 = 0, u64 argument3 = 0) {
  register u64 a0 asm("a0") = argument0;
  register u64 a1 asm("a1") = argument1;
  register u64 a2 asm("a2") = argument2;
  register u64 a3 asm("a3") = argument3;
  register u64 a6 asm("a6") = function;
  register u64 a7 asm("a7") = extension;
  asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
  return {static_cast<i64>(a0), static_cast<i64>(a1)};
}

// Extensions.
inline constexpr u64 kTime = 0x54494D45;
inline constexpr u64 kIpi = 0x735049;
inline constexpr u64 kRfence = 0x52464E43;
inline constexpr u64 kHsm = 0x48534D;
inline constexpr u64 kReset = 0x53525354;
inline constexpr u64 kDebugConsole = 0x4442434E;
inline constexpr u64 kLegacySetTimer = 0;
inline constexpr u64 kLegacyPutchar = 1;
inline constexpr u64 kLegacyGetchar = 2;
inline constexpr u64 kLegacyShutdown = 8;

// HSM: the hart enters `address` with its id in a0 and `argument` in a1, paging and interrupts off.
// 0, or an error.
inline i64 start_hart(u64 id, u64 address, u64 argument) {
  return call(kHsm, 0, id, address, argument).error;
}
// This hart is the firmware's again; returns where it refuses.
inline void stop_hart() {
  call(kHsm, 1);
}
// sPI: a software interrupt for one hart.
inline void send_ipi(u64 id) {
  call(kIpi, 0, 1, id);
}
// RFENCE: sfence.vma of all addresses on every hart that runs.
inline void fence_translations_everywhere() {
  constexpr u64 kAllHarts = ~u64{0};
  call(kRfence, 1, 0, kAllHarts, 0, kAllHarts);
}

}  // namespace sluice::sbi
