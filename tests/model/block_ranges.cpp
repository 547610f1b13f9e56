// The commands whose data are ranges of sectors: DISCARD, WRITE_ZEROES, SECURE_ERASE, judged and
// executed. Reference: virtio 1.2, 5.2.6.
#include <algorithm>

#include "block_device.hpp"
#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

// What stands where nothing may be expected any more.
constexpr std::byte kDiscarded{0xdd};
constexpr std::byte kErased{0xff};

Disk::Sector filled(std::byte with) {
  Disk::Sector bytes;
  bytes.fill(with);
  return bytes;
}

std::uint64_t range_bytes(const BlockRange& range) {
  return std::uint64_t{range.sectors} * kSectorBytes;
}

std::string text_of(const BlockRange& range) {
  return std::to_string(range.sectors) + " sectors from " + std::to_string(range.sector) +
         ", flags " + hex(range.flags);
}

}  // namespace

const RangeLimits* BlockDevice::limits(std::uint32_t type) const {
  const auto& given = type == kBlkDiscardRequest       ? options_.discard
                      : type == kBlkWriteZeroesRequest ? options_.write_zeroes
                                                       : options_.secure_erase;
  return given ? &*given : nullptr;
}

// A ragged end is left out.
std::vector<BlockRange> BlockDevice::ranges(const Chain& chain, Memory& memory) {
  std::vector<std::byte> bytes(data(chain).to_device);
  if (!copy_from_driver(chain, memory, kBlkHeaderBytes, bytes)) {
    return {};
  }
  std::vector<BlockRange> ranges;
  for (std::size_t at = 0; at + kBlkRangeBytes <= bytes.size(); at += kBlkRangeBytes) {
    ranges.push_back({load<std::uint64_t>(bytes, at), load<std::uint32_t>(bytes, at + 8),
                      load<std::uint32_t>(bytes, at + 12)});
  }
  return ranges;
}

// --- Judging -------------------------------------------------------------------------------------

bool BlockDevice::inspect_ranges(const Chain& chain, const Header& header, Memory& memory,
                                 Judge& judge) const {
  const RangeLimits* most = limits(header.type);
  if (most == nullptr) {
    return true;  // its feature was not offered: judged already
  }
  const std::uint64_t bytes = data(chain).to_device;
  const std::string type = "type " + std::to_string(header.type) + ": ";
  if (bytes % kBlkRangeBytes != 0) {
    judge.broken(rule::blk_range_multiple, type + std::to_string(bytes) + " bytes");
    return false;
  }
  const std::vector<BlockRange> all = ranges(chain, memory);
  if (all.empty() || all.size() > most->max_ranges) {
    judge.broken(rule::blk_range_count, type + std::to_string(all.size()) + " ranges, of " +
                                            std::to_string(most->max_ranges));
    return false;
  }
  return std::all_of(all.begin(), all.end(), [&](const BlockRange& range) {
    return inspect_range(header.type, range, judge);
  });
}

bool BlockDevice::inspect_range(std::uint32_t type, const BlockRange& range, Judge& judge) const {
  const auto broken = [&](const Rule& rule) {
    judge.broken(rule, "type " + std::to_string(type) + ": " + text_of(range));
    return false;
  };
  if (type == kBlkDiscardRequest && (range.flags & kBlkUnmap) != 0) {
    return broken(rule::blk_discard_unmap);
  }
  if ((range.flags & ~(type == kBlkWriteZeroesRequest ? kBlkUnmap : 0)) != 0) {
    return broken(rule::blk_range_flags);
  }
  if (range.sectors > limits(type)->max_sectors) {
    return broken(rule::blk_range_sectors);
  }
  return in_range(range.sector, range_bytes(range)) || broken(rule::blk_capacity);
}

// --- Executing -----------------------------------------------------------------------------------

std::uint8_t BlockDevice::work_on_ranges(const Header& header,
                                         const std::vector<BlockRange>& ranges, bool cached) {
  const RangeLimits* most = limits(header.type);
  const std::uint32_t known = header.type == kBlkWriteZeroesRequest ? kBlkUnmap : 0;
  const bool flags_known = std::all_of(
      ranges.begin(), ranges.end(),
      [known](const BlockRange& range) { return (range.flags & ~known) == 0; });  // 5.2.6.2
  if (most == nullptr || !flags_known) {
    return kBlkUnsupported;
  }
  const std::byte with = header.type == kBlkDiscardRequest       ? kDiscarded
                         : header.type == kBlkWriteZeroesRequest ? std::byte{0}
                                                                 : kErased;
  for (const BlockRange& range : ranges) {
    if (options_.read_only || range.sectors > most->max_sectors ||
        refused(range.sector, range_bytes(range))) {
      return kBlkIoError;  // the ranges before it are done
    }
    const bool zeroes = header.type == kBlkWriteZeroesRequest;
    const bool aligned =
        range.sector % most->alignment == 0 && range.sectors % most->alignment == 0;
    misaligned_ranges_ += zeroes || aligned ? 0 : 1;
    for (std::uint64_t sector = range.sector; sector < range.sector + range.sectors; ++sector) {
      put(sector, filled(with), cached && zeroes);
    }
  }
  ++writes_;
  return kBlkOk;
}

}  // namespace referee
