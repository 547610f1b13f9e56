// The heap: before each piece of memory stands a header that says where it came from.
#include <sluice/kernel/heap.hpp>

#include <bit>

#include <sluice/kernel/fail_alloc.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/memory_usage.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice {
namespace {

constexpr u32 kLive = 0x51a1ce01;
constexpr usize kSmallest = 32;
constexpr usize kLargestClass = kPageBytes / 2;

struct alignas(16) Header {
  u32 magic;   // kLive while allocated
  u32 offset;  // bytes from the start of the chunk to the header
  u64 bytes;   // of the chunk; a class for kLargestClass and less, whole pages beyond
};

constexpr u32 class_of(usize bytes) {
  const usize rounded = bytes < kSmallest ? kSmallest : std::bit_ceil(bytes);
  return static_cast<u32>(std::countr_zero(rounded) - std::countr_zero(kSmallest));
}

}  // namespace

void* Heap::take_pages(usize pages) {
  void* const taken = pages_.allocate(pages);
  if (taken != nullptr) {
    memory_usage::hold(Holder::Heap, pages * kPageBytes);
  }
  return taken;
}

void* Heap::take_chunk(u32 size_class) {
  const usize bytes = kSmallest << size_class;
  if (free_[size_class] == nullptr) {
    auto* page = static_cast<std::byte*>(take_pages(1));
    if (page == nullptr) {
      return nullptr;
    }
    for (usize at = 0; at < kPageBytes; at += bytes) {
      free_[size_class] = new (page + at) FreeChunk{free_[size_class]};
    }
  }
  FreeChunk* chunk = free_[size_class];
  free_[size_class] = chunk->next;
  return chunk;
}

void Heap::count(usize chunk_bytes) {
  const usize now = allocated_bytes() + chunk_bytes;
  allocated_bytes_.store(now, std::memory_order_relaxed);
  if (now > peak_bytes()) {
    peak_bytes_.store(now, std::memory_order_relaxed);
  }
}

void* Heap::allocate(usize bytes, usize alignment) {
  SLUICE_ASSERT(port::this_hart().context != Context::Irq);
  const usize slack = alignment > sizeof(Header) ? alignment : 0;
  const usize needed = bytes + sizeof(Header) + slack;
  if (needed < bytes || fail_alloc::fails(bytes)) {
    return nullptr;
  }
  const LockGuard guard(lock_);
  const bool small = needed <= kLargestClass;
  const usize chunk_bytes = small ? kSmallest << class_of(needed) : pages_for(needed) * kPageBytes;
  void* chunk = small ? take_chunk(class_of(needed)) : take_pages(pages_for(needed));
  if (chunk == nullptr) {
    return nullptr;
  }
  const u64 start = reinterpret_cast<u64>(chunk);
  const u64 data = align_up(start + sizeof(Header), alignment > 16 ? alignment : 16);
  new (reinterpret_cast<void*>(data - sizeof(Header)))
      Header{kLive, static_cast<u32>(data - sizeof(Header) - start), chunk_bytes};
  count(chunk_bytes);
  return reinterpret_cast<void*>(data);
}

void Heap::free(void* memory) {
  if (memory == nullptr) {
    return;
  }
  auto* header = static_cast<Header*>(memory) - 1;
  const LockGuard guard(lock_);
  SLUICE_ASSERT(header->magic == kLive);
  header->magic = 0;
  const usize bytes = header->bytes;
  void* chunk = reinterpret_cast<std::byte*>(header) - header->offset;
  allocated_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (bytes <= kLargestClass) {
    const u32 size_class = class_of(bytes);
    free_[size_class] = new (chunk) FreeChunk{free_[size_class]};
  } else {
    memory_usage::release(Holder::Heap, bytes);
    pages_.free(chunk, bytes / kPageBytes);
  }
}

}  // namespace sluice
