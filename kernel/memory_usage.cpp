// The counts of memory, by holder.
#include <sluice/kernel/memory_usage.hpp>

#include <sluice/kernel/heap.hpp>
#include <sluice/kernel/page_allocator.hpp>

namespace sluice {

std::string_view to_string(Holder holder) {
  constexpr std::array<std::string_view, kHolders> kNames{
      "reserved", "text",     "rodata",      "data", "bss", "stacks",   "names",  "device tree",
      "initrd",   "page map", "page tables", "heap", "DMA", "RAM disk", "buffers"};
  return kNames[static_cast<usize>(holder)];
}

namespace memory_usage {
namespace {

constinit u64 all_bytes = 0;
constinit const PageAllocator* page_source = nullptr;
constinit const Heap* heap_source = nullptr;

}  // namespace

constinit std::array<std::atomic<u64>, kHolders> held_bytes{};

void set_sources(u64 total_bytes, const PageAllocator& pages, const Heap& heap) {
  all_bytes = total_bytes;
  page_source = &pages;
  heap_source = &heap;
}

Totals totals() {
  if (page_source == nullptr) {
    return {};
  }
  return {all_bytes, page_source->free_pages() * kPageBytes, heap_source->allocated_bytes(),
          heap_source->peak_bytes()};
}

}  // namespace memory_usage
}  // namespace sluice
