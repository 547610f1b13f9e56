// MmioTransport: a virtio device behind registers in memory, version 2 or the legacy version 1; and
// MmioDriver, the platform driver that finds such devices and puts them on the virtio bus. Used by
// boot, which adds the driver; drivers see the Transport. Reference: virtio 1.2, 4.2.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/virtio/transport.hpp>
#include <sluice/kernel/mmio.hpp>

namespace sluice::virtio {

class MmioTransport final : public Transport {
 public:
  static constexpr u32 kPageBytes = 4096;  // of the legacy layout
  static constexpr u32 kResetReads = 100'000;

  // What a slot holds: reads MagicValue, Version and DeviceID, in this order. NotSupported, with
  // the value in the log; NotFound: the slot is empty, which is no error (4.2.2.2).
  struct Identity {
    u32 version;
    u32 device_id;
  };
  static Result<Identity> identify(MmioRegion& regs, std::string_view name);

  // `name` is for messages. The registers outlive the transport.
  MmioTransport(MmioRegion& regs, Identity identity, std::string_view name)
      : regs_(regs), identity_(identity), name_(name) {}

  u32 device_id() const override { return identity_.device_id; }
  bool legacy() const override { return identity_.version == mmio::kLegacyVersion; }
  u64 dma_mask() const override;
  u32 used_alignment() const override { return legacy() ? kPageBytes : 64; }
  u32 vectors() const override { return 1; }

  u32 status() override { return regs_.read(mmio::reg::status); }
  void set_status(u32 value) override { regs_.write(mmio::reg::status, value); }
  Result<void> reset() override;
  void begin_reset() override;
  bool is_reset() override { return status() == 0; }
  u64 device_features() override;
  void set_driver_features(u64 features) override;

  u32 config_bytes() const override;
  u32 config_read(u32 offset, u32 bytes) override;
  void config_write8(u32 offset, u8 value) override;
  u32 config_generation() override { return regs_.read(mmio::reg::config_generation); }

  Result<u32> queue_size_max(u32 index) override;
  Result<void> set_up_queue(u32 index, const QueuePlace& place) override;
  Result<void> tear_down_queue(u32 index) override;
  Doorbell doorbell(u32 index) override { return {regs_, mmio::reg::queue_notify, index}; }

  // Flattened: the rest of the transport is compiled to be small.
  [[gnu::flatten]] u32 take_interrupts() override {
    const u32 causes =
        regs_.read(mmio::reg::interrupt_status) & (kInterruptUsed | kInterruptConfig);
    if (causes != 0) [[likely]] {
      regs_.write(mmio::reg::interrupt_ack, causes);
    }
    return causes;
  }

 private:
  Result<void> set_up_legacy_queue(u32 index, const QueuePlace& place);

  MmioRegion& regs_;
  Identity identity_;
  std::string_view name_;
  bool page_size_told_ = false;  // legacy: since the last reset
};

// Drives the slots of `compatible = "virtio,mmio"`. Put it into the image together with
// virtio::Bus.
class MmioDriver final : public dev::PlatformDriver {
 public:
  constexpr MmioDriver() : PlatformDriver("virtio-mmio") {}
  std::span<const std::string_view> compatibles() const override;
  Result<void> probe(dev::Device& slot) override;

 private:
  bool legacy_noted_ = false;  // in the log, once
};

}  // namespace sluice::virtio
