// A disk behind the transport: its configuration and the execution of requests.
// Reference: virtio 1.2, 5.2.4–5.2.6.
#include "block_device.hpp"

#include <algorithm>

#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

constexpr std::byte kUnreadData{0xee};  // what a failed read leaves in the buffer

// struct virtio_blk_config, 5.2.4, up to the fields of features that this device can offer or
// refuse.
const std::vector<ConfigField> kFields = {
    {0, 8, 0, false, "capacity"},
    {8, 4, kBlkSizeMax, false, "size_max"},
    {12, 4, kBlkSegMax, false, "seg_max"},
    {16, 2, kBlkGeometry, false, "geometry.cylinders"},
    {18, 1, kBlkGeometry, false, "geometry.heads"},
    {19, 1, kBlkGeometry, false, "geometry.sectors"},
    {20, 4, kBlkBlockSize, false, "blk_size"},
    {24, 1, kBlkTopology, false, "topology.physical_block_exp"},
    {25, 1, kBlkTopology, false, "topology.alignment_offset"},
    {26, 2, kBlkTopology, false, "topology.min_io_size"},
    {28, 4, kBlkTopology, false, "topology.opt_io_size"},
    {32, 1, kBlkConfigWce, true, "writeback"},
    {34, 2, kBlkMultiQueue, false, "num_queues"},
    {36, 4, kBlkDiscard, false, "max_discard_sectors"},
    {40, 4, kBlkDiscard, false, "max_discard_seg"},
    {44, 4, kBlkDiscard, false, "discard_sector_alignment"},
    {48, 4, kBlkWriteZeroes, false, "max_write_zeroes_sectors"},
    {52, 4, kBlkWriteZeroes, false, "max_write_zeroes_seg"},
    {56, 1, kBlkWriteZeroes, false, "write_zeroes_may_unmap"},
    {60, 4, kBlkSecureErase, false, "max_secure_erase_sectors"},
    {64, 4, kBlkSecureErase, false, "max_secure_erase_seg"},
    {68, 4, kBlkSecureErase, false, "secure_erase_sector_alignment"},
};

}  // namespace

// --- Disk ---------------------------------------------------------------------------------------

Disk::Sector Disk::read(std::uint64_t sector) const {
  if (const auto found = sectors_.find(sector); found != sectors_.end()) {
    return found->second;
  }
  Sector bytes{};
  for (std::uint32_t i = 0; fill != nullptr && i < kSectorBytes; ++i) {
    bytes[i] = fill(sector, i);
  }
  return bytes;
}

void Disk::load(std::span<const std::byte> image) {
  for (std::uint64_t sector = 0; !image.empty(); ++sector) {
    const auto piece = image.first(std::min<std::size_t>(image.size(), kSectorBytes));
    Sector bytes{};
    std::copy(piece.begin(), piece.end(), bytes.begin());
    write(sector, bytes);
    image = image.subspan(piece.size());
  }
}

// --- Features and configuration -----------------------------------------------------------------

BlockDevice::BlockDevice(BlockOptions options) : options_(std::move(options)) {
  reset();
}

std::uint64_t BlockDevice::features() const {
  const auto offer = [](bool really, std::uint64_t feature) { return really ? feature : 0; };
  return offer(options_.read_only, kBlkReadOnly) | offer(options_.topology, kBlkTopology) |
         offer(options_.block_bytes.has_value(), kBlkBlockSize) |
         offer(options_.seg_max.has_value(), kBlkSegMax) |
         offer(options_.size_max.has_value(), kBlkSizeMax) |
         offer(options_.flush || options_.config_wce, kBlkFlush) |  // 5.2.5.2
         offer(options_.config_wce, kBlkConfigWce) |
         offer(options_.queues > 1 || options_.num_queues, kBlkMultiQueue);
}

const std::vector<ConfigField>& BlockDevice::config_fields() const {
  return kFields;
}

std::uint64_t BlockDevice::config_value(const ConfigField& field) const {
  switch (field.offset) {
    case 0:
      return options_.sectors;
    case 8:
      return options_.size_max.value_or(0);
    case 12:
      return options_.seg_max.value_or(0);
    case 20:
      return options_.block_bytes.value_or(kSectorBytes);
    case 26:
      return 1;
    case 32:
      return writeback_ ? 1 : 0;
    case 34:
      return options_.num_queues.value_or(options_.queues);
    default:
      return 0;
  }
}

void BlockDevice::config_written(const ConfigField&, std::uint64_t value) {
  writeback_ = value != 0;  // the only field that a driver writes
}

void BlockDevice::config_read(const ConfigField& field, bool features_ok, bool legacy,
                              Judge& judge) {
  if (field.feature == kBlkConfigWce && !features_ok && !legacy) {
    judge.broken(rule::blk_writeback_early);
  }
}

void BlockDevice::reset() {
  writeback_ = options_.writeback && (options_.flush || options_.config_wce);
}

// --- Executing a request -------------------------------------------------------------------------

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

std::uint32_t BlockDevice::execute(const Chain& chain, const Negotiated&, Memory& memory) {
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
  if (const auto request = header(chain, memory)) {
    done.type = request->type;
    done.sector = request->sector;
    done.status = perform(chain, *request, memory);
  }
  done.status = status_byte.value_or(done.status);
  if (done.status != kBlkOk) {
    const std::vector<std::byte> unread(data.from_device, kUnreadData);
    copy_to_driver(chain, memory, 0, unread);
  }
  const std::array status{std::byte{done.status}};
  copy_to_driver(chain, memory, writable - 1, status);
  requests_.push_back(done);
  return static_cast<std::uint32_t>(writable);
}

std::uint8_t BlockDevice::perform(const Chain& chain, const Header& header, Memory& memory) {
  switch (header.type) {
    case kBlkIn:
      return read_sectors(chain, header, memory);
    case kBlkOut:
      return write_sectors(chain, header, memory);
    case kBlkFlushRequest:
    case kBlkFlushOut:
      return kBlkOk;
    case kBlkGetId:
      return get_id(chain, memory);
    default:
      return kBlkUnsupported;
  }
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

std::uint8_t BlockDevice::write_sectors(const Chain& chain, const Header& header, Memory& memory) {
  const std::uint64_t bytes = data(chain).to_device;
  if (options_.read_only || bytes % kSectorBytes != 0 || refused(header.sector, bytes)) {
    return kBlkIoError;
  }
  for (std::uint64_t offset = 0; offset < bytes; offset += kSectorBytes) {
    Disk::Sector sector;
    if (!copy_from_driver(chain, memory, kBlkHeaderBytes + offset, sector)) {
      return kBlkIoError;
    }
    disk.write(header.sector + offset / kSectorBytes, sector);
  }
  return kBlkOk;
}

std::uint8_t BlockDevice::get_id(const Chain& chain, Memory& memory) const {
  std::array<std::byte, kBlkIdBytes> id{};
  const std::size_t length = std::min<std::size_t>(options_.id.size(), id.size());
  std::transform(options_.id.begin(), options_.id.begin() + static_cast<std::ptrdiff_t>(length),
                 id.begin(), [](char c) { return static_cast<std::byte>(c); });
  return copy_to_driver(chain, memory, 0, id) ? kBlkOk : kBlkIoError;
}

}  // namespace referee
