// The target's port: supervisor mode on RISC-V. See kernel/port/README.md for what each name
// promises. Used through the kernel's headers. Reference: RISC-V privileged architecture 1.12;
// virtual addresses equal physical ones.
#pragma once

#include <sluice/kernel/port/functions.hpp>

namespace sluice::port {

inline void fence_rw_o() {
  asm volatile("fence rw, o" ::: "memory");
}
inline void fence_i_rw() {
  asm volatile("fence i, rw" ::: "memory");
}
inline void fence_rw_w() {
  asm volatile("fence rw, w" ::: "memory");
}
inline void fence_r_rw() {
  asm volatile("fence r, rw" ::: "memory");
}
inline void fence_rw_rw() {
  asm volatile("fence rw, rw" ::: "memory");
}

inline constexpr u64 kSstatusSie = u64{1} << 1;  // supervisor interrupts enabled

inline bool irq_save() {
  u64 before;
  asm volatile("csrrci %0, sstatus, 2" : "=r"(before)::"memory");
  return (before & kSstatusSie) != 0;
}
inline void irq_restore(bool were_on) {
  if (were_on) {
    asm volatile("csrsi sstatus, 2" ::: "memory");
  }
}

inline void relax() {
  asm volatile("nop");
}

inline Hart& this_hart() {
  Hart* hart;
  asm("mv %0, tp" : "=r"(hart));
  return *hart;
}

inline u64 ticks() {
  u64 value;
  asm volatile("rdtime %0" : "=r"(value));
  return value;
}

// A pending interrupt ends wfi even while interrupts are off, so that nothing is slept over.
inline void idle() {
  asm volatile("wfi" ::: "memory");
}
inline void wake(Hart&) {}

// Memory is identity-mapped and devices are coherent: a mapping is the address itself, if the
// device can reach it.
inline Result<BusAddr> dma_map(std::byte* data, u32 bytes, DmaDirection, u64 mask) {
  const u64 start = reinterpret_cast<u64>(data);
  if (start + bytes - 1 > mask) [[unlikely]] {
    return fail(Errc::OutOfRange);
  }
  return BusAddr(start);
}
inline void dma_unmap(BusAddr, std::byte*, u32, DmaDirection) {}

}  // namespace sluice::port
