// BlockDriver: drives virtio disks, which appear as vda, vdb, …
// Put it into the image together with virtio::Bus and a transport's driver. Reference:
// virtio 1.2, 5.2.
#pragma once

#include <array>
#include <string_view>

#include <sluice/drivers/virtio/bus.hpp>

namespace sluice::virtio {

class BlockDriver final : public Driver {
 public:
  constexpr BlockDriver() : Driver("virtio_blk") {}

  // What a disk calls itself (QEMU: serial=), up to 20 bytes of its choice; NULs end it.
  struct DiskId {
    std::array<char, block::kIdBytes> bytes{};
    std::string_view text() const;
  };
  // Asks a device that this driver drives. Busy: no room in its ring now, or asked already;
  // Timeout: no answer within a second; Io, NotSupported: what it answers. Task.
  static Result<DiskId> read_id(dev::Device& device);

  std::span<const u32> ids() const override;
  u64 features() const override;
  u64 legacy_features() const override;
  Result<void> probe(Device& device) override;
  void scan(Device& device) override;
  void remove(Device& device) override;
  void shutdown(Device& device) override;
  void config_changed(Device& device) override;
  void failed(Device& device) override;
};

}  // namespace sluice::virtio
