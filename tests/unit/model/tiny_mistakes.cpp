// What the tiny driver's requests have wrong with them: before they are placed, in the table or the
// packed ring, on the available ring, and while they are in flight.
#include <algorithm>

#include "tiny_driver.hpp"
#include "tiny_wire.hpp"

namespace tiny {

void Driver::spoil_ranges(std::uint32_t type, std::vector<Range>& ranges) const {
  constexpr std::uint32_t kDiscardType = 11;
  constexpr std::uint32_t kWriteZeroesType = 13;
  switch (mistake_) {
    case Mistake::NoRanges:
      ranges.clear();
      break;
    case Mistake::TooManyRanges:
      ranges.resize(8, ranges.front());
      break;
    case Mistake::RangeTooLong:
      ranges.back().sectors = 65;
      break;
    case Mistake::RangeBeyondCapacity:
      ranges.back().sector = capacity_ - 1;
      break;
    case Mistake::DiscardUnmaps:
      ranges.back().flags = type == kDiscardType ? 1 : 0;
      break;
    case Mistake::RangeFlagUnknown:
      ranges.back().flags = type == kWriteZeroesType ? 2 : 0;
      break;
    default:
      break;
  }
}

void Driver::spoil_request(Request& request, std::vector<Piece>& parts) {
  const bool read = request.type == 0;
  const bool write = request.type == 1;
  switch (mistake_) {
    case Mistake::ShortHeader:
      parts.front().bytes = 8;
      break;
    case Mistake::BigEndianHeader:
      if (read) {
        std::reverse(request.block.data + 8, request.block.data + 16);
      }
      break;
    case Mistake::StatusReadable:
      if (write) {
        parts.back().flags = 0;
      }
      break;
    case Mistake::DataBothWays:  // a write whose data the device is to write
      if (write) {
        parts[1].flags = kWrite;
      }
      break;
    case Mistake::RangesWritable:
      if (request.to_device && !write) {
        parts[1].flags = kWrite;
      }
      break;
    case Mistake::DataRagged:
      if (read) {
        parts[1].bytes -= 1;
      }
      break;
    case Mistake::BeyondCapacity:
      if (read) {
        poke(request.block.data + 8, capacity_ - 1);
      }
      break;
    case Mistake::AddressIsPointer:
      if (read) {
        parts[1].bus = reinterpret_cast<std::uintptr_t>(request.block.data);
      }
      break;
    case Mistake::WritableFirst:
      if (write) {
        std::swap(parts[1], parts[2]);
      }
      break;
    case Mistake::SplitHeaderOnLegacy:
      parts.front().bytes = 8;
      parts.insert(parts.begin() + 1, {parts.front().bus + 8, 8, 0});
      break;
    case Mistake::EntropyReadable:
      parts.front().flags = 0;
      break;
    case Mistake::EntropyBehindHeader:  // made from a disk's driver
      parts.insert(parts.begin(), {request.block.bus.value(), 16, 0});
      break;
    case Mistake::EntropyOfNothing:
      parts.front().bytes = 0;
      break;
    case Mistake::IndirectTooLong:
      if (read) {  // 40 pieces for a queue of 8
        const Piece whole = parts[1];
        parts.erase(parts.begin() + 1);
        for (std::uint32_t i = 0; i < 32; ++i) {
          parts.insert(parts.begin() + 1 + i, {whole.bus + 32 * i, 32, kWrite});
        }
      }
      break;
    default:
      break;
  }
}

void Driver::spoil_descriptors(const Request& request) {
  std::byte* head = table(request.descriptors.front());
  switch (mistake_) {
    case Mistake::NextOutOfRange:
      poke(head + 14, static_cast<std::uint16_t>(size_));
      break;
    case Mistake::Loop: {
      std::byte* last = table(request.descriptors.back());
      poke(last + 12, static_cast<std::uint16_t>(peek<std::uint16_t>(last + 12) | kNext));
      poke(last + 14, request.descriptors.front());
      break;
    }
    case Mistake::IndirectUnnegotiated:
      poke(head + 12, kTable);
      break;
    case Mistake::IndirectNext:
      poke(head + 12, static_cast<std::uint16_t>(kTable | kNext));
      break;
    case Mistake::IndirectRagged:
      poke(head + 8, std::uint32_t{40});
      break;
    case Mistake::IndirectNested: {
      const std::uint64_t offset = peek<std::uint64_t>(head) - request.block.bus.value();
      std::byte* first = request.block.data + offset;
      poke(first + 12, static_cast<std::uint16_t>(kTable | kNext));
      break;
    }
    default:
      break;
  }
}

void Driver::spoil_packed(const Request& request) {
  std::byte* first = table(request.descriptors.front());
  std::byte* entries =
      request.block.data + (peek<std::uint64_t>(first) - request.block.bus.value());
  switch (mistake_) {
    case Mistake::IndirectUnnegotiated:
      first_flags_ |= kTable;
      break;
    case Mistake::IndirectNext:
      first_flags_ |= kNext;
      break;
    case Mistake::IndirectRagged:
      poke(first + 8, std::uint32_t{40});
      break;
    case Mistake::IndirectNested:
      poke(entries + 14, kTable);
      break;
    case Mistake::TableHasNext:
      poke(entries + 14, kNext);
      break;
    case Mistake::IndirectInList: {
      std::byte* second = table(request.descriptors[1]);
      poke(second + 14, static_cast<std::uint16_t>(peek<std::uint16_t>(second + 14) | kTable));
      break;
    }
    default:
      break;
  }
}

void Driver::spoil_published() {
  if (makes(Mistake::IndexTakenBack) && avail_index_ == 2) {
    poke(avail() + 2, std::uint16_t{0});
  } else if (makes(Mistake::BigEndianIndex)) {
    poke(avail() + 2, static_cast<std::uint16_t>(avail_index_ << 8));
  } else if (makes(Mistake::IndexJumps)) {
    poke(avail() + 2, static_cast<std::uint16_t>(avail_index_ + size_));
  } else if (makes(Mistake::WritesUsedRing)) {
    poke(used() + (packed() ? 0 : 4), std::uint32_t{7});
  }
}

// Once, when the device has taken something.
void Driver::spoil_in_flight() {
  const bool late = makes(Mistake::ChangesHeader) || makes(Mistake::ChangesDescriptor) ||
                    makes(Mistake::ChangesTable) || makes(Mistake::TakesBufferBack);
  if (!late || spoilt_) {
    return;
  }
  spoilt_ = true;
  Request& request = requests_.back();
  if (makes(Mistake::ChangesHeader)) {
    poke(request.block.data + 8, std::uint64_t{1});
  } else if (makes(Mistake::ChangesDescriptor)) {
    poke(table(request.descriptors.front()) + 14, static_cast<std::uint16_t>(size_ - 1));
  } else if (makes(Mistake::ChangesTable)) {
    const auto table_bus = peek<std::uint64_t>(table(request.descriptors.front()));
    poke(request.block.data + (table_bus - request.block.bus.value()) + 12, std::uint16_t{1});
  } else {
    world_.arena.free(request.block);
    request.block = {};
  }
}

}  // namespace tiny
