// The host's port: a test process as a machine of one hart, with a manual clock and a DMA arena.
// See kernel/port/README.md for what each name promises; tests control it through world.hpp.
#pragma once

#include <expected>
#include <string_view>

#include <sluice/kernel/result.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

class MmioRegion;
struct Hart;

namespace port {

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
void set_timer(u64 ticks);
void idle();
void wake(Hart& hart);

Result<MmioRegion*> map_device(PhysAddr base, u64 bytes);
void unmap_device(MmioRegion* region);

std::byte* allocate_pages(usize count);
void free_pages(std::byte* pages, usize count);

enum class DmaDirection : u8 { ToDevice, FromDevice };
struct DmaBlock {
  std::byte* data = nullptr;
  BusAddr bus{};
  usize bytes = 0;
};
Result<DmaBlock> dma_allocate(usize bytes, usize alignment, u64 mask);
void dma_free(const DmaBlock& block);
Result<BusAddr> dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask);
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction);

[[noreturn]] void exit(u32 status);
[[noreturn]] void panic(std::string_view message);

}  // namespace port
}  // namespace sluice
