// Who holds the machine's memory, in bytes: counted where memory changes hands, read by `free`.
// A count is one relaxed addition; nothing is counted on the way of a request, where nothing is
// allocated. The counts of all holders and what is free add up to the total. Any context.
#pragma once

#include <array>
#include <atomic>
#include <string_view>

#include <sluice/kernel/types.hpp>

namespace sluice {

class Heap;
class PageAllocator;

enum class Holder : u8 {
  Reserved,  // by the firmware and the device tree
  Text,      // of the image, as the next five
  ReadOnlyData,
  Data,
  Bss,
  Stacks,
  Names,  // of its functions, for backtraces
  DeviceTree,
  Initrd,
  PageMap,  // the page allocator's own table
  PageTables,
  Heap,     // pages that the heap has, whether pieces of them are allocated or not
  Dma,      // DmaBuffer: rings
  RamDisk,  // pages of RAM disks that were written to
  Buffers,  // allocate_pages()
};
inline constexpr usize kHolders = 15;
std::string_view to_string(Holder holder);

namespace memory_usage {

extern std::array<std::atomic<u64>, kHolders> held_bytes;

inline void hold(Holder holder, u64 bytes) {
  held_bytes[static_cast<usize>(holder)].fetch_add(bytes, std::memory_order_relaxed);
}
inline void release(Holder holder, u64 bytes) {
  held_bytes[static_cast<usize>(holder)].fetch_sub(bytes, std::memory_order_relaxed);
}
inline u64 held(Holder holder) {
  return held_bytes[static_cast<usize>(holder)].load(std::memory_order_relaxed);
}

// What start-up knows: all memory there is, and who hands it out. They live for ever.
void set_sources(u64 total_bytes, const PageAllocator& pages, const Heap& heap);

struct Totals {
  u64 total_bytes = 0;
  u64 free_bytes = 0;
  u64 heap_bytes = 0;  // allocated, with what rounding up adds
  u64 heap_peak_bytes = 0;
};
Totals totals();

}  // namespace memory_usage
}  // namespace sluice
