// The host's port: a test process as a machine of one hart, with a manual clock and a DMA arena.
// See kernel/port/README.md for what each name promises; tests control it through world.hpp.
#pragma once

#include <sluice/kernel/port/functions.hpp>

namespace sluice::port {

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
inline void relax() {}
Hart& this_hart();
u64 ticks();
void idle();
void wake(Hart& hart);

Result<BusAddr> dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask);
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction);

}  // namespace sluice::port
