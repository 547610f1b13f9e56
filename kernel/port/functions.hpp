// The part of the port that every world declares alike: functions too large, or too rarely called,
// to be inline. What each promises is in README.md. Included by each world's sluice_port.hpp.
#pragma once

#include <string_view>

#include <sluice/kernel/page_walk.hpp>
#include <sluice/kernel/result.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

class MmioRegion;
struct Hart;

namespace port {

void set_timer(u64 ticks);
void wake(Hart& hart);
void serve_external_interrupt();

Result<MmioRegion*> map_device(PhysAddr base, u64 bytes);
void unmap_device(MmioRegion* region);

PageWalk walk_page_tables(u64 address);

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

[[noreturn]] void exit(u32 status);
[[noreturn]] void reboot();
[[noreturn]] void panic(std::string_view message);

}  // namespace port
}  // namespace sluice
