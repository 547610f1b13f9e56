// The virtio disk driver: its tables, and the callbacks handed on to the disk that they are for.
#include <sluice/drivers/virtio/block.hpp>

#include <sluice/drivers/virtio/block_disk.hpp>

namespace sluice::virtio {
namespace {

BlockDisk& disk_of(const dev::Device& device) {
  return *static_cast<BlockDisk*>(device.driver_data);
}

}  // namespace

std::string_view BlockDriver::DiskId::text() const {
  const std::string_view all(bytes.data(), bytes.size());
  return all.substr(0, all.find('\0'));
}

std::span<const u32> BlockDriver::ids() const {
  static constexpr std::array<u32, 1> kIds{kBlockDeviceId};
  return kIds;
}

// Only what is used.
u64 BlockDriver::features() const {
  return block::kSizeMax | block::kSegMax | block::kReadOnly | block::kBlkSize | block::kFlush |
         block::kTopology | block::kConfigWce | block::kMultiQueue | block::kDiscard |
         block::kWriteZeroes | block::kLifetime | block::kSecureErase | feature::kIndirectDesc |
         feature::kEventIdx | feature::kRingPacked | feature::kAccessPlatform |
         feature::kOrderPlatform;
}

// Header and status have descriptors of their own, so that either framing is fine; but a driver
// must take ANY_LAYOUT where it is offered (6.3).
u64 BlockDriver::legacy_features() const {
  return features() | feature::kAnyLayout;
}

Result<void> BlockDriver::probe(Device& device) {
  const BlockConfig config = TRY(BlockConfig::read(device));
  BlockDisk* const disk = TRY(device.make<BlockDisk>(device));
  TRY(disk->set_up(config));
  device.driver_data = disk;
  return {};
}

void BlockDriver::scan(Device& device) {
  disk_of(device).add();
}
void BlockDriver::remove(Device& device) {
  disk_of(device).remove();
}
void BlockDriver::shutdown(Device& device) {
  disk_of(device).shutdown();
}
void BlockDriver::config_changed(Device& device) {
  disk_of(device).config_changed();
}
Result<void> BlockDriver::freeze(Device& device) {
  return disk_of(device).freeze();
}
Result<void> BlockDriver::restore(Device& device) {
  return disk_of(device).restore();
}
bool BlockDriver::reset_prepare(Device& device) {
  return disk_of(device).reset_prepare();
}
Result<void> BlockDriver::reset_done(Device& device) {
  return disk_of(device).reset_done();
}
void BlockDriver::failed(Device& device) {
  disk_of(device).failed();
}

Result<BlockDriver::Lifetime> BlockDriver::read_lifetime(dev::Device& device) {
  return disk_of(device).read_lifetime();
}
Result<void> BlockDriver::set_write_cache(dev::Device& device, bool on) {
  return disk_of(device).set_write_cache(on);
}
Result<BlockDriver::DiskId> BlockDriver::read_id(dev::Device& device) {
  return disk_of(device).read_id();
}

}  // namespace sluice::virtio
