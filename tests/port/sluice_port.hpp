// The host's port: a test process as a machine of some harts, which run one after the other in one
// thread, with a manual clock and a DMA arena.
// See kernel/port/README.md for what each name promises; tests control it through world.hpp.
#pragma once

#include <atomic>

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

// The host's compiler must not move accesses across these; a device model in the same thread needs
// no more.
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
void relax();  // the test fails where nobody can end the loop that calls it
Hart& this_hart();
u64 ticks();
void idle();

bool dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask, BusAddr& bus,
             Errc& error);
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction);

}  // namespace sluice::port
