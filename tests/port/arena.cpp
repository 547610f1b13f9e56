// Memory at bus addresses of its own, for devices that a test plays.
#include "world.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <sluice/kernel/fail_alloc.hpp>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif

namespace sluice::test {
namespace {

constexpr u8 kPoison = 0xdb;
constexpr u64 kGuardBytes = 64;  // nothing lives directly behind a region

// May the code under test touch it? Asked by AddressSanitizer, where there is one.
void allow([[maybe_unused]] std::span<std::byte> memory) {
#ifdef ASAN_UNPOISON_MEMORY_REGION
  ASAN_UNPOISON_MEMORY_REGION(memory.data(), memory.size());
#endif
}
void forbid([[maybe_unused]] std::span<std::byte> memory) {
#ifdef ASAN_POISON_MEMORY_REGION
  ASAN_POISON_MEMORY_REGION(memory.data(), memory.size());
#endif
}

}  // namespace

Arena::Arena(const SharedMemory& shared) : shared_(shared) {
  if (!shared_.bytes.empty()) {
    std::memset(shared_.bytes.data(), kPoison, shared_.bytes.size());
    forbid(shared_.bytes);
  }
}

Arena::~Arena() {
  allow(shared_.bytes);
}

std::optional<u64> Arena::first_spoiled() const {
  const std::span all = shared_.bytes;
  allow(all);
  // Are all bytes as the one before them, and the first as it should be?
  if (all.empty() || (all[0] == std::byte{kPoison} &&
                      std::memcmp(all.data(), all.data() + 1, all.size() - 1) == 0)) {
    return std::nullopt;
  }
  const auto is_spoiled = [](std::byte value) { return value != std::byte{kPoison}; };
  const auto at = std::find_if(all.begin(), all.end(), is_spoiled);
  return shared_.bus + static_cast<u64>(at - all.begin());
}

// The first room behind what was placed last, or else behind the beginning.
Result<u64> Arena::place(usize bytes, usize alignment) const {
  const u64 end = shared_.bytes.empty() ? ~u64{0} : shared_.bus + shared_.bytes.size();
  const u64 needed = bytes + kGuardBytes;
  for (const u64 from : {next_bus_, shared_.bus}) {
    u64 bus = align_up(from, alignment);
    for (auto next = regions_.lower_bound(from);
         next != regions_.end() && bus + needed > next->first; ++next) {
      bus = align_up(next->first + next->second.bytes + kGuardBytes, alignment);
    }
    if (bus + needed <= end) {
      return bus;
    }
  }
  return fail(Errc::NoMemory);
}

Result<Arena::Region*> Arena::take(u64 bus, usize bytes, bool mapping, u64 mask) {
  next_bus_ = bus + bytes + kGuardBytes;
  if (bus + bytes - 1 > mask) {
    return fail(Errc::OutOfRange);
  }
  Region region{nullptr, bytes, mapping, nullptr};
  if (shared_.bytes.empty()) {
    region.own = std::make_unique<std::byte[]>(bytes);
    region.data = region.own.get();
  } else {
    region.data = shared_.bytes.data() + (bus - shared_.bus);
    allow({region.data, bytes});
  }
  std::memset(region.data, kPoison, bytes);
  return &regions_.emplace(bus, std::move(region)).first->second;
}

void Arena::give_back(std::map<u64, Region>::iterator region) {
  if (!shared_.bytes.empty()) {
    std::memset(region->second.data, kPoison, region->second.bytes);
    // With some of the guard: AddressSanitizer knows eight bytes together.
    forbid({region->second.data, region->second.bytes + 8});
  }
  regions_.erase(region);
}

Result<port::DmaBlock> Arena::allocate(usize bytes, usize alignment, u64 mask) {
  if (allocations_left == 0 || fail_alloc::fails(bytes)) {
    return fail(Errc::NoMemory);
  }
  --allocations_left;
  const u64 bus = TRY(place(bytes, std::max<usize>(alignment, 16)));
  const Region& region = *TRY(take(bus, bytes, false, mask));
  return port::DmaBlock{region.data, BusAddr(bus), bytes};
}

void Arena::free(const port::DmaBlock& block) {
  const auto found = regions_.find(block.bus.value());
  if (found == regions_.end()) {
    throw Panic("DMA memory freed that was not allocated");
  }
  give_back(found);
}

Result<BusAddr> Arena::map(std::byte* data, u32 bytes, port::DmaDirection direction, u64 mask) {
  if (bytes == 0) {
    throw Panic("mapping of no bytes");
  }
  if (allocations_left == 0 || fail_alloc::fails(bytes)) {
    return fail(Errc::NoMemory);
  }
  --allocations_left;
  // An odd offset, so that nobody counts on the alignment of a caller's memory.
  const u64 bus = TRY(place(bytes + 1, 16)) + 1;
  const Region& region = *TRY(take(bus, bytes, true, mask));
  if (direction == port::DmaDirection::ToDevice) {
    std::memcpy(region.data, data, bytes);
  }
  return BusAddr(bus);
}

void Arena::unmap(BusAddr bus, std::byte* data, u32 bytes, port::DmaDirection direction) {
  const auto found = regions_.find(bus.value());
  if (found == regions_.end() || !found->second.mapping || found->second.bytes != bytes) {
    throw Panic("unmapping of what is not mapped");
  }
  if (direction == port::DmaDirection::FromDevice) {
    std::memcpy(data, found->second.data, bytes);
  }
  give_back(found);
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
  return {region.data + (bus - start), bytes};
}

void Arena::scribble_over_mappings(std::byte with) {
  for (auto& [bus, region] : regions_) {
    if (region.mapping) {
      std::memset(region.data, static_cast<int>(with), region.bytes);
    }
  }
}

u64 Arena::digest() const {
  u64 digest = 0;
  for (const auto& [bus, region] : regions_) {
    const std::string_view text(reinterpret_cast<const char*>(region.data), region.bytes);
    digest = (digest ^ bus ^ std::hash<std::string_view>{}(text)) * 0x100'0000'01b3;
  }
  return digest;
}

usize Arena::live_mappings() const {
  return static_cast<usize>(std::count_if(regions_.begin(), regions_.end(),
                                          [](const auto& entry) { return entry.second.mapping; }));
}

}  // namespace sluice::test
