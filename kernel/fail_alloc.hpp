// Makes one allocation fail on purpose (`fail_alloc=N` on the kernel command line), so that a test
// can see what comes of it. Counted, from kernel entry on, is each call of Heap::allocate (beneath
// operator new) and of PageAllocator::allocate (page tables, DMA memory, pages of RAM disks,
// buffers, and the heap's own, when a free list is empty or a piece is large). The N-th fails as it
// would where memory is out, is logged, and those after it succeed again. Linux: fault injection's
// failslab and fail_page_alloc, with times=1.
#pragma once

#include <atomic>

#include <sluice/kernel/types.hpp>

namespace sluice::fail_alloc {

// Allocations up to the one that fails, with it; 0: none does, any more.
extern std::atomic<u64> left;

// The `nth` allocation from now on fails; 0: none.
inline void set(u64 nth) {
  left.store(nth, std::memory_order_relaxed);
}

bool count_down(usize bytes);

// Asked by each allocator, once per allocation: shall this one fail? Task and work context.
inline bool fails(usize bytes) {
  return left.load(std::memory_order_relaxed) != 0 && count_down(bytes);
}

}  // namespace sluice::fail_alloc
