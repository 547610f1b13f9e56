// Memory at bus addresses of its own, for devices that a test plays.
#include "world.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::test {
namespace {

constexpr std::byte kPoison{0xdb};

}  // namespace

u64 Arena::place(usize bytes, usize alignment) {
  const u64 bus = align_up(next_bus_, std::max<usize>(alignment, 16));
  next_bus_ = bus + bytes + 64;  // nothing lives directly behind it
  return bus;
}

Result<port::DmaBlock> Arena::allocate(usize bytes, usize alignment, u64 mask) {
  if (allocations_left == 0) {
    return fail(Errc::NoMemory);
  }
  --allocations_left;
  const u64 bus = place(bytes, alignment);
  if (bus + bytes - 1 > mask) {
    return fail(Errc::OutOfRange);
  }
  Region region{std::make_unique<std::byte[]>(bytes), bytes, false};
  std::fill_n(region.storage.get(), bytes, kPoison);
  std::byte* data = region.storage.get();
  regions_.emplace(bus, std::move(region));
  return port::DmaBlock{data, BusAddr(bus), bytes};
}

void Arena::free(const port::DmaBlock& block) {
  if (regions_.erase(block.bus.value()) != 1) {
    throw Panic("DMA memory freed that was not allocated");
  }
}

Result<BusAddr> Arena::map(std::byte* data, u32 bytes, port::DmaDirection direction, u64 mask) {
  if (bytes == 0) {
    throw Panic("mapping of no bytes");
  }
  if (allocations_left == 0) {
    return fail(Errc::NoMemory);
  }
  --allocations_left;
  // An odd offset, so that nobody counts on the alignment of a caller's memory.
  const u64 bus = place(bytes, 1) + 1;
  next_bus_ += 1;
  if (bus + bytes - 1 > mask) {
    return fail(Errc::OutOfRange);
  }
  Region region{std::make_unique<std::byte[]>(bytes), bytes, true};
  if (direction == port::DmaDirection::ToDevice) {
    std::memcpy(region.storage.get(), data, bytes);
  } else {
    std::fill_n(region.storage.get(), bytes, kPoison);
  }
  regions_.emplace(bus, std::move(region));
  return BusAddr(bus);
}

void Arena::unmap(BusAddr bus, std::byte* data, u32 bytes, port::DmaDirection direction) {
  const auto found = regions_.find(bus.value());
  if (found == regions_.end() || !found->second.mapping || found->second.bytes != bytes) {
    throw Panic("unmapping of what is not mapped");
  }
  if (direction == port::DmaDirection::FromDevice) {
    std::memcpy(data, found->second.storage.get(), bytes);
  }
  regions_.erase(found);
}

std::span<std::byte> Arena::at(u64 bus, u64 bytes) {
  auto after = regions_.upper_bound(bus);
  if (after == regions_.begin()) {
    return {};
  }
  const auto& [start, region] = *--after;
  if (bus - start > region.bytes || region.bytes - (bus - start) < bytes) {
    return {};
  }
  return {region.storage.get() + (bus - start), bytes};
}

usize Arena::live_mappings() const {
  return static_cast<usize>(std::count_if(regions_.begin(), regions_.end(),
                                          [](const auto& entry) { return entry.second.mapping; }));
}

}  // namespace sluice::test
