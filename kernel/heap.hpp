// The heap beneath operator new: powers of two up to half a page in free lists, more as whole
// pages. Used through `new (std::nothrow)`, which gives null where memory is out. Freeing what was
// not allocated, or twice, is a checked crash. Task and work context of any hart; never irq.
#pragma once

#include <array>
#include <atomic>

#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/page_allocator.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

class Heap {
 public:
  explicit constexpr Heap(PageAllocator& pages) : pages_(pages) {}

  // `alignment` is a power of two. Null where there is not enough memory.
  void* allocate(usize bytes, usize alignment = 16);
  void free(void* memory);

  // With headers, and rounded up as chunks are.
  usize allocated_bytes() const { return allocated_bytes_.load(std::memory_order_relaxed); }
  // The most that were allocated at once.
  usize peak_bytes() const { return peak_bytes_.load(std::memory_order_relaxed); }

 private:
  struct FreeChunk {
    FreeChunk* next;
  };
  void* take_pages(usize pages);
  void* take_chunk(u32 size_class);
  void count(usize chunk_bytes);

  static constexpr u32 kClasses = 7;  // 32, 64, … 2048 bytes, header included
  PageAllocator& pages_;
  SpinLock lock_;  // protects the free lists and the headers' magic numbers
  std::array<FreeChunk*, kClasses> free_{};
  std::atomic<usize> allocated_bytes_{0};  // written under the lock, as the next
  std::atomic<usize> peak_bytes_{0};
};

}  // namespace sluice
