// Reading a virtio disk's configuration space.
#include <sluice/drivers/virtio/block_config.hpp>

#include <algorithm>
#include <bit>

#include <sluice/kernel/log.hpp>

namespace sluice::virtio {
namespace {

using block::Config;

constexpr u32 kMaxBlockBytes = 65536;
constexpr u32 kMostPhysicalExponent = 8;
constexpr u64 kMaxSectors = u64{1} << 54;  // 2^63 bytes

// How much of the configuration space holds fields that exist for these features.
u32 bytes_used(const Device& device) {
  struct Needed {
    u64 feature;
    usize bytes;
  };
  constexpr Needed kNeeded[] = {
      {block::kSecureErase, sizeof(Config)},
      {block::kWriteZeroes, offsetof(Config, write_zeroes_may_unmap) + 1},
      {block::kDiscard, offsetof(Config, discard_sector_alignment) + 4},
      {block::kMultiQueue, offsetof(Config, num_queues) + 2},
      {block::kConfigWce, offsetof(Config, writeback) + 1},
      {block::kTopology, offsetof(Config, opt_io_size) + 4},
      {block::kBlkSize, offsetof(Config, blk_size) + 4},
      {block::kGeometry, offsetof(Config, sectors) + 1},
      {block::kSegMax, offsetof(Config, seg_max) + 4},
      {block::kSizeMax, offsetof(Config, size_max) + 4},
  };
  for (const Needed& needed : kNeeded) {
    if (device.has(needed.feature)) {
      return static_cast<u32>(needed.bytes);
    }
  }
  return sizeof(Config::capacity);
}

BlockConfig::Ranges read_ranges(Transport& transport, u32 sectors_at, u32 count_at) {
  return {transport.config_field<u32>(sectors_at), transport.config_field<u32>(count_at)};
}

void read_ranges(const Device& device, Transport& transport, BlockConfig& config) {
  if (device.has(block::kDiscard)) {
    config.discard = read_ranges(transport, offsetof(Config, max_discard_sectors),
                                 offsetof(Config, max_discard_seg));
  }
  if (device.has(block::kWriteZeroes)) {
    config.write_zeroes = read_ranges(transport, offsetof(Config, max_write_zeroes_sectors),
                                      offsetof(Config, max_write_zeroes_seg));
    config.zeroes_may_unmap =
        transport.config_field<u8>(offsetof(Config, write_zeroes_may_unmap)) != 0;
  }
  if (device.has(block::kSecureErase)) {
    config.secure_erase = read_ranges(transport, offsetof(Config, max_secure_erase_sectors),
                                      offsetof(Config, max_secure_erase_seg));
  }
}

BlockConfig read_fields(const Device& device, Transport& transport) {
  BlockConfig config;
  config.sectors = transport.config_field<u64>(offsetof(Config, capacity));
  if (device.has(block::kSizeMax)) {
    config.max_segment_bytes = transport.config_field<u32>(offsetof(Config, size_max));
  }
  if (device.has(block::kSegMax)) {
    config.max_segments = transport.config_field<u32>(offsetof(Config, seg_max));
  }
  if (device.has(block::kBlkSize)) {
    config.block_bytes = transport.config_field<u32>(offsetof(Config, blk_size));
  }
  if (device.has(block::kMultiQueue)) {
    config.queues = transport.config_field<u16>(offsetof(Config, num_queues));
  }
  if (device.has(block::kGeometry)) {
    config.geometry = {transport.config_field<u16>(offsetof(Config, cylinders)),
                       transport.config_field<u8>(offsetof(Config, heads)),
                       transport.config_field<u8>(offsetof(Config, sectors))};
  }
  config.physical_block_bytes = config.block_bytes;
  if (device.has(block::kTopology)) {
    // A power of two of logical blocks; one that is too large says nothing.
    const u8 exponent = transport.config_field<u8>(offsetof(Config, physical_block_exp));
    config.physical_block_bytes <<= exponent < kMostPhysicalExponent ? exponent : 0;
  }
  read_ranges(device, transport, config);
  config.read_only = device.has(block::kReadOnly);
  // Without CONFIG_WCE a device that can flush has something to flush.
  config.write_cache = device.has(block::kFlush);
  if (config.write_cache && device.has(block::kConfigWce)) {
    config.write_cache = transport.config_field<u8>(offsetof(Config, writeback)) != 0;
  }
  return config;
}

// What can be asked for of it: ranges of whole blocks, and no more than a segment holds. The block
// size makes sense.
void trim(BlockConfig::Ranges& ranges, const BlockConfig& config) {
  ranges.sectors =
      static_cast<u32>(align_down(ranges.sectors, config.block_bytes >> blk::kSectorShift));
  ranges.count =
      std::min(ranges.count, config.max_segment_bytes / static_cast<u32>(sizeof(block::Range)));
}

Result<void> check(Device& device, const BlockConfig& config) {
  if (!std::has_single_bit(config.block_bytes) || config.block_bytes < blk::kSectorBytes ||
      config.block_bytes > kMaxBlockBytes) {
    log::error("{}: blk_size is {}, no power of two from {} to {}", device.name(),
               config.block_bytes, blk::kSectorBytes, kMaxBlockBytes);
    return device.reject(Errc::Malformed, "its block size makes no sense");
  }
  if (config.sectors > kMaxSectors) {
    log::error("{}: capacity is {} sectors, more than the {} that can be counted in bytes",
               device.name(), config.sectors, kMaxSectors);
    return device.reject(Errc::Malformed, "its capacity makes no sense");
  }
  if (config.queues == 0) {
    log::error("{}: num_queues is 0", device.name());
    return device.reject(Errc::Malformed, "it has no queues");
  }
  if (config.max_segment_bytes == 0) {
    log::error("{}: size_max is 0: no data fits into a request", device.name());
    return device.reject(Errc::Malformed, "its size_max makes no sense");
  }
  return {};
}

}  // namespace

Result<BlockConfig> BlockConfig::read(Device& device) {
  Transport& transport = device.transport();
  if (bytes_used(device) > transport.config_bytes()) {
    log::error("{}: the configuration space has {} bytes; the features {:#x} need {}",
               device.name(), transport.config_bytes(), device.features(), bytes_used(device));
    return device.reject(Errc::Malformed, "its configuration space is too short");
  }
  BlockConfig config = TRY(transport.config_consistent(
      [&device](Transport& from) { return read_fields(device, from); }));
  TRY(check(device, config));
  trim(config.discard, config);
  trim(config.write_zeroes, config);
  trim(config.secure_erase, config);
  if (config.max_segments == 0) {
    config.max_segments = 1;  // devices are known to offer SEG_MAX and say nothing
  }
  return config;
}

}  // namespace sluice::virtio
