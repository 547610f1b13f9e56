// What a disk of the referee keeps: sectors, some of them only in a cache that a power cut empties.
// Used by BlockDevice, and by tests that fill a disk or look at it. Reference: virtio 1.2, 5.2.6.2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "block_wire.hpp"

namespace referee {

// Sparse: sectors that were never written read as zero, or as `fill` makes them.
class Disk {
 public:
  using Sector = std::array<std::byte, kSectorBytes>;
  // What an untouched sector holds, a function of its number and the offset.
  std::byte (*fill)(std::uint64_t sector, std::uint32_t offset) = nullptr;

  Sector read(std::uint64_t sector) const;
  // Stable at once.
  void write(std::uint64_t sector, const Sector& bytes);
  // Puts an image at sector 0; a ragged end is filled with zeroes.
  void load(std::span<const std::byte> image);

  // In the cache, as the `order`-th write to be completed.
  void write_volatile(std::uint64_t sector, const Sector& bytes, std::uint64_t order) {
    cache_[sector] = {bytes, order};
  }
  // Makes stable what was written before the `order`-th write.
  void flush(std::uint64_t order);
  // Forgets the cache, as a power cut does.
  void lose_cache() { cache_.clear(); }

  std::size_t written() const;  // sectors that were ever written and not lost
  std::size_t cached() const { return cache_.size(); }

 private:
  struct Cached {
    Sector bytes;
    std::uint64_t order;
  };
  std::map<std::uint64_t, Sector> sectors_;
  std::map<std::uint64_t, Cached> cache_;
};

}  // namespace referee
