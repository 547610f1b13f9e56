// RngDriver: drives virtio entropy devices, and gives the pool of entropy some of what they have.
// Put it into the image together with virtio::Bus and a transport's driver. Reference: virtio 1.2,
// 5.4.
//
// There is one queue and one buffer in it at a time. The order: probe makes both, scan asks for the
// pool's share, read() asks for more; what a device still has when somebody gave up waiting is his
// who asks next.
#pragma once

#include <span>

#include <sluice/drivers/virtio/bus.hpp>

namespace sluice::virtio {

class RngDriver final : public Driver {
 public:
  static constexpr u32 kPoolBytes = 32;  // for the pool, of each device
  static constexpr u64 kTimeoutNs = 1'000'000'000;

  constexpr RngDriver() : Driver("virtio_rng") {}

  // Random bytes of a device that this driver drives: as many as it gives within kTimeoutNs, at
  // most all of `to`, and how many those are. Where there are none: Timeout; Io, it broke a rule or
  // down; Busy, it is frozen. Task on the hart that booted, where devices come and go.
  static Result<usize> read(dev::Device& device, std::span<std::byte> to);

  std::string_view class_name() const override { return "hw_random"; }
  std::span<const u32> ids() const override;
  u64 features() const override;
  u64 legacy_features() const override;
  Result<void> probe(Device& device) override;
  void scan(Device& device) override;
  void remove(Device& device) override;
  void failed(Device& device) override;
  Result<void> freeze(Device& device) override;
  Result<void> restore(Device& device) override;
};

}  // namespace sluice::virtio
