// A disk behind the transport: the execution of requests.
// Reference: virtio 1.2, 5.2.6.
#include "block_device.hpp"

#include <algorithm>
#include <array>

#include "wire.hpp"

namespace referee {
namespace {

constexpr std::byte kUnreadData{0xee};  // what a failed read leaves in the buffer

}  // namespace

// One that no other chain in flight has, whatever the ring's layout.
std::pair<std::uint16_t, std::uint32_t> BlockDevice::key(const Chain& chain) {
  return {chain.queue, chain.head | std::uint32_t{chain.id} << 16};
}

std::optional<BlockDevice::Header> BlockDevice::header(const Chain& chain, Memory& memory) {
  std::array<std::byte, kBlkHeaderBytes> bytes;
  if (!copy_from_driver(chain, memory, 0, bytes)) {
    return std::nullopt;
  }
  return Header{load<std::uint32_t>(bytes, 0), load<std::uint64_t>(bytes, 8)};
}

BlockDevice::Data BlockDevice::data(const Chain& chain) {
  const auto without = [](std::uint64_t bytes, std::uint64_t frame) {
    return bytes > frame ? bytes - frame : 0;
  };
  return {without(chain.readable_bytes(), kBlkHeaderBytes), without(chain.writable_bytes(), 1)};
}

bool BlockDevice::in_range(std::uint64_t sector, std::uint64_t bytes) const {
  return sector <= options_.sectors && bytes / kSectorBytes <= options_.sectors - sector;
}

// Beyond the end, not whole blocks, or a bad sector in it.
bool BlockDevice::refused(std::uint64_t sector, std::uint64_t bytes) const {
  const std::uint64_t block = options_.block_bytes.value_or(kSectorBytes);
  if (!in_range(sector, bytes) || bytes % block != 0 || sector * kSectorBytes % block != 0) {
    return true;
  }
  const auto bad = bad_sectors.lower_bound(sector);
  return bad != bad_sectors.end() && *bad < sector + bytes / kSectorBytes;
}

std::uint32_t BlockDevice::execute(const Chain& chain, const Negotiated& driver, Memory& memory) {
  const std::uint64_t writable = chain.writable_bytes();
  if (writable == 0) {
    return 0;
  }
  BlockRequest done{~std::uint32_t{0}, 0, 0, kBlkIoError, chain.queue, 0};
  const Data data = BlockDevice::data(chain);
  done.bytes = data.to_device + data.from_device;
  for (const Segment& segment : chain.segments) {
    const std::uint32_t frame = segment.device_writable ? 1 : kBlkHeaderBytes;
    done.segments = static_cast<std::uint16_t>(done.segments + (segment.bytes > frame ? 1 : 0));
  }
  Sent sent = sent_[key(chain)];
  sent_.erase(key(chain));
  sent.cached = sent.cached || caches_writes(driver);  // stable if it was so all the time
  if (const auto request = header(chain, memory)) {
    done.type = request->type;
    done.sector = request->sector;
    done.status = perform(chain, *request, sent, memory, done);
  }
  done.status = status_byte.value_or(done.status);
  if (done.status != kBlkOk) {
    const std::vector<std::byte> unread(data.from_device, kUnreadData);
    copy_to_driver(chain, memory, 0, unread);
  }
  const std::array status{std::byte{done.status}};
  copy_to_driver(chain, memory, writable - 1, status);
  requests_.push_back(std::move(done));
  return static_cast<std::uint32_t>(writable);
}

std::uint8_t BlockDevice::perform(const Chain& chain, const Header& header, const Sent& sent,
                                  Memory& memory, BlockRequest& done) {
  switch (header.type) {
    case kBlkIn:
      return read_sectors(chain, header, memory);
    case kBlkOut:
      return write_sectors(chain, header, sent.cached, memory);
    case kBlkFlushRequest:
    case kBlkFlushOut:
      disk.flush(sent.writes);
      return kBlkOk;
    case kBlkGetId:
      return get_id(chain, memory);
    case kBlkGetLifetime:
      return get_lifetime(chain, memory);
    default:
      break;
  }
  if (has_ranges(header.type)) {
    done.ranges = ranges(chain, memory);
    return work_on_ranges(header, done.ranges, sent.cached);
  }
  return kBlkUnsupported;
}

std::uint8_t BlockDevice::read_sectors(const Chain& chain, const Header& header,
                                       Memory& memory) const {
  const std::uint64_t bytes = data(chain).from_device;
  if (bytes % kSectorBytes != 0 || refused(header.sector, bytes)) {
    return kBlkIoError;
  }
  for (std::uint64_t offset = 0; offset < bytes; offset += kSectorBytes) {
    const Disk::Sector sector = disk.read(header.sector + offset / kSectorBytes);
    if (!copy_to_driver(chain, memory, offset, sector)) {
      return kBlkIoError;
    }
  }
  return kBlkOk;
}

void BlockDevice::put(std::uint64_t sector, const Disk::Sector& bytes, bool cached) {
  if (cached) {
    disk.write_volatile(sector, bytes, writes_);
  } else {
    disk.write(sector, bytes);
  }
}

std::uint8_t BlockDevice::write_sectors(const Chain& chain, const Header& header, bool cached,
                                        Memory& memory) {
  const std::uint64_t bytes = data(chain).to_device;
  if (options_.read_only || bytes % kSectorBytes != 0 || refused(header.sector, bytes)) {
    return kBlkIoError;
  }
  for (std::uint64_t offset = 0; offset < bytes; offset += kSectorBytes) {
    Disk::Sector sector;
    if (!copy_from_driver(chain, memory, kBlkHeaderBytes + offset, sector)) {
      return kBlkIoError;
    }
    put(header.sector + offset / kSectorBytes, sector, cached);
  }
  ++writes_;
  return kBlkOk;
}

std::uint8_t BlockDevice::get_id(const Chain& chain, Memory& memory) const {
  std::array<std::byte, kBlkIdBytes> id{};
  const std::size_t length = std::min<std::size_t>(options_.id.size(), id.size());
  std::transform(options_.id.begin(), options_.id.begin() + static_cast<std::ptrdiff_t>(length),
                 id.begin(), [](char c) { return static_cast<std::byte>(c); });
  return copy_to_driver(chain, memory, 0, id) ? kBlkOk : kBlkIoError;
}

std::uint8_t BlockDevice::get_lifetime(const Chain& chain, Memory& memory) const {
  if (!options_.lifetime) {
    return kBlkUnsupported;
  }
  std::array<std::byte, kBlkLifetimeBytes> bytes{};
  store(std::span<std::byte>(bytes), 0, options_.lifetime->pre_eol_info);
  store(std::span<std::byte>(bytes), 2, options_.lifetime->typ_a);
  store(std::span<std::byte>(bytes), 4, options_.lifetime->typ_b);
  return copy_to_driver(chain, memory, 0, bytes) ? kBlkOk : kBlkIoError;
}

}  // namespace referee
