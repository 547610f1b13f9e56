// The memory that the device may touch, as the test gives it.
// Used by the referee for rings and buffers; sluice_adapter.hpp makes one of the test port's arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace referee {

class Memory {
 public:
  virtual ~Memory() = default;
  // The bytes at a bus address, or an empty span where [bus, bus + bytes) is not, as a whole, lent
  // to the device now.
  virtual std::span<std::byte> at(std::uint64_t bus, std::uint64_t bytes) = 0;
};

}  // namespace referee
