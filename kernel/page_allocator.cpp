// The buddy allocator. A free block of 2^order pages starts at a multiple of its size; its buddy is
// its other half in the next larger block.
#include <sluice/kernel/page_allocator.hpp>

#include <algorithm>
#include <bit>

#include <sluice/kernel/fail_alloc.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice {

void PageAllocator::init(std::byte* base, std::span<u8> orders) {
  base_ = base;
  first_page_ = reinterpret_cast<usize>(base) / kPageBytes;
  orders_ = orders;
}

PageAllocator::FreeBlock* PageAllocator::at(usize page) const {
  return reinterpret_cast<FreeBlock*>(base_ + (page - first_page_) * kPageBytes);
}

usize PageAllocator::page_of(const void* address) const {
  return reinterpret_cast<usize>(address) / kPageBytes;
}

void PageAllocator::push(usize page, u32 order) {
  FreeBlock* block = at(page);
  block->previous = nullptr;
  block->next = free_[order];
  if (block->next != nullptr) {
    block->next->previous = block;
  }
  free_[order] = block;
  orders_[page - first_page_] = static_cast<u8>(order + 1);
}

void PageAllocator::take(FreeBlock* block, u32 order) {
  (block->previous != nullptr ? block->previous->next : free_[order]) = block->next;
  if (block->next != nullptr) {
    block->next->previous = block->previous;
  }
  orders_[page_of(block) - first_page_] = 0;
}

void PageAllocator::free_block(usize page, u32 order) {
  while (order + 1 < kOrders) {
    const usize buddy = page ^ (usize{1} << order);
    const bool inside = buddy >= first_page_ && buddy - first_page_ < orders_.size();
    if (!inside || orders_[buddy - first_page_] != order + 1) {
      break;
    }
    take(at(buddy), order);
    page = std::min(page, buddy);
    ++order;
  }
  push(page, order);
}

void PageAllocator::free(void* start, usize pages) {
  usize page = page_of(start);
  SLUICE_ASSERT(page >= first_page_ && page - first_page_ + pages <= orders_.size());
  const LockGuard guard(lock_);
  free_pages_.fetch_add(pages, std::memory_order_relaxed);
  while (pages > 0) {
    const u32 aligned = page == 0 ? kOrders - 1 : static_cast<u32>(std::countr_zero(page));
    const u32 fits = static_cast<u32>(std::bit_width(pages)) - 1;
    const u32 order = std::min({aligned, fits, kOrders - 1});
    free_block(page, order);
    page += usize{1} << order;
    pages -= usize{1} << order;
  }
}

void* PageAllocator::allocate(usize pages) {
  if (pages == 0 || pages > (usize{1} << (kOrders - 1)) || fail_alloc::fails(pages * kPageBytes)) {
    return nullptr;
  }
  const u32 wanted = static_cast<u32>(std::bit_width(pages - 1));
  void* result = nullptr;
  {
    const LockGuard guard(lock_);
    u32 order = wanted;
    while (order < kOrders && free_[order] == nullptr) {
      ++order;
    }
    if (order == kOrders) {
      return nullptr;
    }
    FreeBlock* block = free_[order];
    take(block, order);
    for (const usize page = page_of(block); order > wanted;) {
      --order;
      push(page + (usize{1} << order), order);
    }
    free_pages_.fetch_sub(usize{1} << wanted, std::memory_order_relaxed);
    result = block;
  }
  const usize excess = (usize{1} << wanted) - pages;
  if (excess > 0) {
    free(static_cast<std::byte*>(result) + pages * kPageBytes, excess);
  }
  return result;
}

}  // namespace sluice
