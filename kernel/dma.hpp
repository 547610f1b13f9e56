// Memory that devices read and write. DmaBuffer owns such memory for as long as a driver lives;
// map() lends a caller's memory to a device for one request. A bus address comes from here and from
// nowhere else: never from a cast. On the target a mapping is arithmetic; on the host it is a
// bounce buffer that catches what was not given back.
#pragma once

#include <cstring>
#include <span>
#include <utility>

#include <sluice/kernel/memory_usage.hpp>
#include <sluice/kernel/result.hpp>
#include <sluice_port.hpp>

namespace sluice {

// Owns zeroed memory that a device may use at bus(). Allocate it in probe (task or work), never per
// request.
class DmaBuffer {
 public:
  DmaBuffer() = default;
  DmaBuffer(DmaBuffer&& other) noexcept : block_(std::exchange(other.block_, {})) {}
  DmaBuffer& operator=(DmaBuffer&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~DmaBuffer() {
    if (block_.data != nullptr) {
      memory_usage::release(Holder::Dma, block_.bytes);
      port::dma_free(block_);
    }
  }

  // `alignment` in bytes, a power of two. Every bus address of the memory is ≤ `mask`. NoMemory.
  static Result<DmaBuffer> allocate(usize bytes, usize alignment, u64 mask) {
    DmaBuffer buffer;
    buffer.block_ = TRY(port::dma_allocate(bytes, alignment, mask));
    memory_usage::hold(Holder::Dma, buffer.block_.bytes);
    std::memset(buffer.block_.data, 0, bytes);
    return buffer;
  }

  std::span<std::byte> bytes() const { return {block_.data, block_.bytes}; }
  BusAddr bus(usize offset = 0) const { return block_.bus + offset; }

 private:
  port::DmaBlock block_;
};

namespace dma {

// What a driver holds from queue_rq to completion for each piece of a caller's memory.
struct Mapping {
  BusAddr bus;
  std::byte* data = nullptr;
  u32 bytes = 0;
  port::DmaDirection direction{};
};

using Direction = port::DmaDirection;

// Lends `bytes` at `data` to a device whose addresses are ≤ `mask`. False: OutOfRange, the memory
// lies above the mask, or NoMemory, the world has no room to bounce. Any context.
inline bool map_into(Mapping& mapping, std::byte* data, u32 bytes, Direction direction, u64 mask,
                     Errc& error) {
  mapping.data = data;
  mapping.bytes = bytes;
  mapping.direction = direction;
  return port::dma_map(data, bytes, direction, mask, mapping.bus, error);
}

// The same as a Result.
inline Result<Mapping> map(std::byte* data, u32 bytes, Direction direction, u64 mask) {
  Mapping mapping;
  Errc error{};
  if (!map_into(mapping, data, bytes, direction, mask, error)) {
    return fail(error);
  }
  return mapping;
}

// Takes it back: from now on the caller may read what the device wrote. Any context.
inline void unmap(const Mapping& mapping) {
  port::dma_unmap(mapping.bus, mapping.data, mapping.bytes, mapping.direction);
}

}  // namespace dma
}  // namespace sluice
