// The judgement of a request's form, before it is executed. Reference: virtio 1.2, 5.2.6.
#include <algorithm>

#include "block_device.hpp"
#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

// The feature that a command needs; 0: none, or unknown (a device answers it with UNSUPP).
std::uint64_t needed_feature(std::uint32_t type) {
  switch (type) {
    case kBlkFlushRequest:
    case kBlkFlushOut:
      return kBlkFlush;
    case kBlkDiscardRequest:
      return kBlkDiscard;
    case kBlkWriteZeroesRequest:
      return kBlkWriteZeroes;
    case kBlkSecureEraseRequest:
      return kBlkSecureErase;
    case kBlkGetLifetime:
      return kBlkLifetime;
    default:
      return 0;
  }
}

}  // namespace

void BlockDevice::inspect(const Chain& chain, const Negotiated& driver, Memory& memory,
                          Judge& judge) {
  sent_[key(chain)] = {caches_writes(driver), writes_};
  inspect_capacity_read(judge);
  if (!inspect_form(chain, driver, judge)) {
    return;
  }
  if (const auto request = header(chain, memory)) {
    static_cast<void>(
        inspect_command(*request, driver, judge) && inspect_data(chain, *request, judge) &&
        (!has_ranges(request->type) || inspect_ranges(chain, *request, memory, judge)) &&
        inspect_segments(chain, *request, driver, judge));
  }
}

void BlockDevice::inspect_capacity_read(Judge& judge) {
  if (patience_ && (*patience_)-- == 0) {
    patience_.reset();
    judge.broken(rule::blk_capacity_unread);
  }
}

bool BlockDevice::inspect_form(const Chain& chain, const Negotiated& driver, Judge& judge) {
  if (chain.queue != 0 && !driver.has(kBlkMultiQueue)) {
    judge.broken(rule::blk_queue, "queue " + std::to_string(chain.queue));
    return false;
  }
  if (chain.readable_bytes() < kBlkHeaderBytes) {
    judge.broken(rule::blk_header, std::to_string(chain.readable_bytes()) + " bytes");
    return false;
  }
  if (chain.writable_bytes() == 0) {
    judge.broken(rule::blk_status, "no device-writable byte");
    return false;
  }
  // The clause has 8 bytes where the header it describes has 16.
  const Segment& first = chain.segments.front();
  const Segment& last = chain.segments.back();
  if (driver.legacy && !driver.has(kFeatureAnyLayout) &&
      (first.bytes != kBlkHeaderBytes || last.bytes != 1)) {
    judge.broken(rule::blk_legacy_framing, "first descriptor of " + std::to_string(first.bytes) +
                                               ", last of " + std::to_string(last.bytes) +
                                               " bytes");
    return false;
  }
  return true;
}

bool BlockDevice::inspect_command(const Header& header, const Negotiated& driver,
                                  Judge& judge) const {
  const std::string type = "type " + std::to_string(header.type);
  const std::string sector = type + ", sector " + std::to_string(header.sector);
  if (!driver.has(needed_feature(header.type))) {
    judge.broken(rule::blk_command_feature, type);
    return false;
  }
  if (options_.read_only && (header.type == kBlkOut || has_ranges(header.type))) {
    judge.broken(rule::blk_read_only, sector);
    return false;
  }
  if (is_flush(header.type) && header.sector != 0) {
    judge.broken(rule::blk_flush_sector, sector);
    return false;
  }
  const bool known = header.type == kBlkGetId || needed_feature(header.type) != 0;
  if (known && header.sector != 0) {
    judge.broken(rule::blk_sector_unused, sector);
    return false;
  }
  return true;
}

bool BlockDevice::inspect_data(const Chain& chain, const Header& header, Judge& judge) const {
  const Data data = BlockDevice::data(chain);
  const std::string detail = "type " + std::to_string(header.type) + ", sector " +
                             std::to_string(header.sector) + ": " + std::to_string(data.to_device) +
                             " bytes to the device, " + std::to_string(data.from_device) +
                             " from it";
  const auto broken = [&](const Rule& rule) {
    judge.broken(rule, detail);
    return false;
  };
  if (header.type == kBlkGetId) {
    return data.from_device == kBlkIdBytes || broken(rule::blk_id_bytes);
  }
  if (header.type == kBlkGetLifetime) {
    return data.from_device == kBlkLifetimeBytes || broken(rule::blk_lifetime_bytes);
  }
  if (has_ranges(header.type)) {
    return data.from_device == 0 || broken(rule::blk_data_direction);
  }
  if (is_flush(header.type)) {
    return data.to_device + data.from_device == 0 || broken(rule::blk_flush_data);
  }
  if (header.type != kBlkIn && header.type != kBlkOut) {
    return true;
  }
  if ((header.type == kBlkIn ? data.to_device : data.from_device) != 0) {
    return broken(rule::blk_data_direction);
  }
  const std::uint64_t bytes = data.to_device + data.from_device;
  if (bytes % kSectorBytes != 0) {
    return broken(rule::blk_data_multiple);
  }
  return in_range(header.sector, bytes) || broken(rule::blk_capacity);
}

bool BlockDevice::inspect_segments(const Chain& chain, const Header& header,
                                   const Negotiated& driver, Judge& judge) const {
  const bool writable = header.type == kBlkIn;
  std::uint64_t frame = writable ? 0 : kBlkHeaderBytes;  // bytes before the data
  std::uint64_t left = writable ? data(chain).from_device : data(chain).to_device;
  std::uint32_t count = 0;
  for (const Segment& segment : chain.segments) {
    if (segment.device_writable != writable) {
      continue;
    }
    const std::uint64_t skipped = std::min<std::uint64_t>(frame, segment.bytes);
    const std::uint64_t bytes = std::min<std::uint64_t>(segment.bytes - skipped, left);
    frame -= skipped;
    left -= bytes;
    count += bytes != 0 ? 1 : 0;
    if (driver.has(kBlkSizeMax) && bytes > options_.size_max.value_or(0)) {
      judge.broken(rule::blk_size_max, std::to_string(bytes) + " bytes in a segment, of " +
                                           std::to_string(options_.size_max.value_or(0)));
      return false;
    }
  }
  if (driver.has(kBlkSegMax) && count > options_.seg_max.value_or(0)) {
    judge.broken(rule::blk_seg_max, std::to_string(count) + " segments, of " +
                                        std::to_string(options_.seg_max.value_or(0)));
    return false;
  }
  return true;
}

}  // namespace referee
