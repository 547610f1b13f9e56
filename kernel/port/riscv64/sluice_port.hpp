// The target's port: supervisor mode on RISC-V. See kernel/port/README.md for what each name
// promises. Used through the kernel's headers. Reference: RISC-V privileged architecture 1.12;
// virtual addresses equal physical ones.
#pragma once

#include <atomic>

#include <sluice/kernel/port/functions.hpp>

namespace sluice::port {

// GCC 12 makes an exchange of every atomic store; an aligned store of a register is one.
template <class T>
inline void store_relaxed(std::atomic<T>& to, T value) {
  // NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer
  static_assert(sizeof(to) == sizeof(T) && std::atomic<T>::is_always_lock_free);
  *reinterpret_cast<volatile T*>(&to) = value;
}
template <class T>
inline void store_release(std::atomic<T>& to, T value) {
  asm volatile("fence rw, w" ::: "memory");
  store_relaxed(to, value);
}

// Lending memory to a device leaves nothing to be taken back.
inline constexpr bool kDmaUnmaps = false;

// The device is not asked to wait.
inline void before_shared_access(const void*, usize, bool) {}

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

inline constexpr u64 kSstatusSie = u64{1} << 1;   // supervisor interrupts enabled
inline constexpr u64 kSipExternal = u64{1} << 9;  // an interrupt controller's is pending

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

// A register, not an object: reading it is no instruction.
register Hart* hart_in_tp asm("tp");  // NOLINT(misc-definitions-in-headers)
inline Hart& this_hart() {
  return *hart_in_tp;
}

inline u64 ticks() {
  u64 value;
  asm volatile("rdtime %0" : "=r"(value));
  return value;
}

// A pending interrupt ends wfi even while interrupts are off, so that nothing is slept over. A
// device's is served right here: a trap would save registers that nobody needs.
inline void idle() {
  u64 pending;
  asm volatile(
      "wfi\n\t"
      "csrr %0, sip"
      : "=r"(pending)::"memory");
  if ((pending & kSipExternal) != 0) [[likely]] {
    serve_external_interrupt();
  }
}

// AIA 1.0, 2.3: siselect, sireg, stopei; by number, because assemblers that know the names are
// rare.
inline u64 imsic_read(u32 select) {
  u64 value;
  asm volatile(
      "csrw 0x150, %1\n\t"
      "csrr %0, 0x151"
      : "=r"(value)
      : "r"(u64{select})
      : "memory");
  return value;
}
inline void imsic_write(u32 select, u64 value) {
  asm volatile(
      "csrw 0x150, %0\n\t"
      "csrw 0x151, %1" ::"r"(u64{select}),
      "r"(value)
      : "memory");
}
inline u32 imsic_claim() {
  u64 top;
  asm volatile("csrrw %0, 0x15c, zero" : "=r"(top)::"memory");
  return static_cast<u32>(top);
}

// Memory is identity-mapped and devices are coherent: a mapping is the address itself, if the
// device can reach it.
inline bool dma_map(std::byte* data, u32 bytes, DmaDirection, u64 mask, BusAddr& bus, Errc& error) {
  bus = BusAddr(reinterpret_cast<u64>(data));
  error = Errc::OutOfRange;
  return bus.value() + bytes - 1 <= mask;
}
inline void dma_unmap(BusAddr, std::byte*, u32, DmaDirection) {}

}  // namespace sluice::port
