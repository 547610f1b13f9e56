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
  // Asks a device that this driver drives. Busy: no room in its ring now, asked already, or it is
  // suspended or out of service; Timeout: no answer within a second; Io: it answers so, or was
  // reset meanwhile; NotSupported: it answers so. Task.
  static Result<DiskId> read_id(dev::Device& device);

  // How much of its life a disk has behind it: its own words (virtio 1.2, 5.2.6). As read_id();
  // NotSupported: it does not say.
  struct Lifetime {
    u16 pre_eol_info = 0;  // 1: normal, 2: warning, 3: urgent; 0: unknown
    u16 used_a = 0;        // tenths of it, by two measures, from 1 on; 0: unknown
    u16 used_b = 0;
  };
  static Result<Lifetime> read_lifetime(dev::Device& device);

  // Switches the disk's write cache. NotSupported: the device does not let its driver; Io: it is
  // out of service; else what its flush ended with. Task.
  static Result<void> set_write_cache(dev::Device& device, bool on);

  std::string_view class_name() const override { return "block"; }
  std::span<const u32> ids() const override;
  u64 features() const override;
  u64 legacy_features() const override;
  Result<void> probe(Device& device) override;
  void scan(Device& device) override;
  void remove(Device& device) override;
  void shutdown(Device& device) override;
  void config_changed(Device& device) override;
  Result<void> freeze(Device& device) override;
  Result<void> restore(Device& device) override;
  bool reset_prepare(Device& device) override;
  Result<void> reset_done(Device& device) override;
  void failed(Device& device) override;
};

}  // namespace sluice::virtio
