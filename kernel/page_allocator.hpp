// Pages of RAM: a buddy allocator over one span of addresses with holes.
// Used by boot (which gives it the free ranges), the heap and DMA. Any run of pages can be taken
// and given back; runs of a power of two are aligned to their size. Any hart, not in irq context.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

class PageAllocator {
 public:
  // Manages pages in [base, base + orders.size() pages), none of them free yet. `orders` is the
  // allocator's own table, a byte a page, zeroed. `base` is page-aligned.
  void init(std::byte* base, std::span<u8> orders);

  // Gives pages to the allocator: at start-up, and what allocate() returned. Page-aligned, inside
  // the span, not free.
  void free(void* start, usize pages);

  // `pages` adjacent pages, aligned to the next power of two of their number; null where there are
  // none.
  void* allocate(usize pages);

  usize free_pages() const { return free_pages_.load(std::memory_order_relaxed); }

 private:
  static constexpr u32 kOrders = 28;  // up to 2^27 pages: 512 GiB
  struct FreeBlock {
    FreeBlock* next;
    FreeBlock* previous;
  };

  FreeBlock* at(usize page) const;
  usize page_of(const void* address) const;
  void push(usize page, u32 order);
  void take(FreeBlock* block, u32 order);
  void free_block(usize page, u32 order);

  SpinLock lock_;  // protects the free blocks and their orders
  std::byte* base_ = nullptr;
  usize first_page_ = 0;  // number of base's page: blocks are aligned in addresses, not in the span
  std::span<u8> orders_;  // of the free block that starts at a page, plus one; 0: none does
  std::array<FreeBlock*, kOrders> free_{};
  std::atomic<usize> free_pages_{0};
};

}  // namespace sluice
