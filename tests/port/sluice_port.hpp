// The host's port: a test process as a machine of some harts, which run one after the other in one
// thread, with a manual clock and a DMA arena, or the clock and the memory of a device elsewhere.
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

// A device model in the same thread would be content with less; one in another process is not.
inline void fence_rw_o() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void fence_i_rw() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void fence_rw_w() {
  std::atomic_thread_fence(std::memory_order_release);
}
inline void fence_r_rw() {
  std::atomic_thread_fence(std::memory_order_acquire);
}
inline void fence_rw_rw() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
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
