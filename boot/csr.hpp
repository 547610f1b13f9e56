// Supervisor control and status registers, by name. Used by boot/ alone.
// Reference: RISC-V privileged architecture 1.12, chapter 4; Sstc extension for stimecmp.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice::csr {

#define SLUICE_CSR(name, csr_name)                                 \
  inline u64 read_##name() {                                       \
    u64 value;                                                     \
    asm volatile("csrr %0, " csr_name : "=r"(value));              \
    return value;                                                  \
  }                                                                \
  inline void write_##name(u64 value) {                            \
    asm volatile("csrw " csr_name ", %0" ::"r"(value) : "memory"); \
  }

SLUICE_CSR(sie, "sie")
SLUICE_CSR(stvec, "stvec")
SLUICE_CSR(sepc, "sepc")
SLUICE_CSR(sscratch, "sscratch")
SLUICE_CSR(satp, "satp")
SLUICE_CSR(stimecmp, "0x14d")

#undef SLUICE_CSR

// Bits of sie and sip.
inline constexpr u64 kSoftware = u64{1} << 1;
inline constexpr u64 kTimer = u64{1} << 5;
inline constexpr u64 kExternal = u64{1} << 9;

// sip's software interrupt: the only one that is cleared by hand.
inline void clear_software_interrupt() {
  asm volatile("csrci sip, 2" ::: "memory");
}

// For a hart that has come to its end: until an interrupt is pending, and does nothing about it.
inline void wait_for_interrupt() {
  asm volatile("wfi" ::: "memory");
}

}  // namespace sluice::csr
