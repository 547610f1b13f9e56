// The host's port with a thread for each hart, for ThreadSanitizer: real time, real races.
// See kernel/port/README.md for what each name promises; tests start the harts through harts.hpp.
// Interrupts are delivered where a hart turns them on and where it is idle.
#pragma once

#include <atomic>
#include <thread>

#include <sluice/kernel/port/functions.hpp>

namespace sluice::port {

template <class T>
void store_relaxed(std::atomic<T>& to, T value) {
  to.store(value, std::memory_order_relaxed);
}
template <class T>
void store_release(std::atomic<T>& to, T value) {
  to.store(value, std::memory_order_release);
}

inline constexpr bool kDmaUnmaps = true;

inline void before_shared_access(const void*, usize, bool) {}

// Device models are threads, too, and use atomics.
inline void fence_rw_o() {
  asm volatile("" ::: "memory");
}
inline void fence_i_rw() {
  asm volatile("" ::: "memory");
}
inline void fence_rw_w() {
  asm volatile("" ::: "memory");
}
inline void fence_r_rw() {
  asm volatile("" ::: "memory");
}
inline void fence_rw_rw() {
  asm volatile("" ::: "memory");
}

bool irq_save();
void irq_restore(bool were_on);
inline void relax() {
  std::this_thread::yield();
}
inline thread_local constinit Hart* hart_of_thread = nullptr;
inline Hart& this_hart() {
  return *hart_of_thread;
}
u64 ticks();
void idle();

// No hart has an interrupt file.
inline u64 imsic_read(u32) {
  return 0;
}
inline void imsic_write(u32, u64) {}
inline u32 imsic_claim() {
  return 0;
}

bool dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask, BusAddr& bus,
             Errc& error);
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction);

}  // namespace sluice::port
