// The memory that the device may touch, as the test gives it.
// Used by the referee for rings and buffers; sluice_adapter.hpp makes one of the test port's arena,
// MemoryBlock is the simplest one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace referee {

class Memory {
 public:
  virtual ~Memory() = default;
  // The bytes at a bus address, or an empty span where [bus, bus + bytes) is not, as a whole, lent
  // to the device now.
  virtual std::span<std::byte> at(std::uint64_t bus, std::uint64_t bytes) = 0;
};

// One block of zeroes at a bus address of the test's choice, lent as long as it lives.
class MemoryBlock final : public Memory {
 public:
  MemoryBlock(std::uint64_t bus, std::size_t bytes) : bus_(bus), bytes_(bytes) {}

  std::uint64_t bus() const { return bus_; }
  std::byte* data() { return bytes_.data(); }
  std::span<std::byte> at(std::uint64_t bus, std::uint64_t bytes) override {
    const bool inside =
        bus >= bus_ && bus - bus_ <= bytes_.size() && bytes <= bytes_.size() - (bus - bus_);
    return inside ? std::span(bytes_).subspan(bus - bus_, bytes) : std::span<std::byte>{};
  }

 private:
  std::uint64_t bus_;
  std::vector<std::byte> bytes_;
};

}  // namespace referee
