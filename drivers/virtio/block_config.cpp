// Reading a virtio disk's configuration space.
#include <sluice/drivers/virtio/block_config.hpp>

#include <bit>

#include <sluice/kernel/log.hpp>

namespace sluice::virtio {
namespace {

using block::Config;

constexpr u32 kMaxBlockBytes = 65536;
constexpr u64 kMaxSectors = u64{1} << 54;  // 2^63 bytes

// How much of the configuration space holds fields that exist for these features.
u32 bytes_used(const Device& device) {
  if (device.has(block::kMultiQueue)) {
    return offsetof(Config, num_queues) + 2;
  }
  if (device.has(block::kConfigWce)) {
    return offsetof(Config, writeback) + 1;
  }
  if (device.has(block::kBlkSize)) {
    return offsetof(Config, blk_size) + 4;
  }
  if (device.has(block::kSegMax)) {
    return offsetof(Config, seg_max) + 4;
  }
  return device.has(block::kSizeMax) ? offsetof(Config, size_max) + 4 : sizeof(Config::capacity);
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
  config.read_only = device.has(block::kReadOnly);
  // Without CONFIG_WCE a device that can flush has something to flush.
  config.write_cache = device.has(block::kFlush);
  if (config.write_cache && device.has(block::kConfigWce)) {
    config.write_cache = transport.config_field<u8>(offsetof(Config, writeback)) != 0;
  }
  return config;
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
  if (config.max_segments == 0) {
    config.max_segments = 1;  // devices are known to offer SEG_MAX and say nothing
  }
  return config;
}

}  // namespace sluice::virtio
