// Registers of virtio-mmio: what each step of the specification reads and writes.
#include <sluice/drivers/virtio/mmio_transport.hpp>

#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

namespace reg = mmio::reg;

namespace {

constexpr u32 kStopReads = 1000;

constexpr u32 low(u64 value) {
  return static_cast<u32>(value);
}
constexpr u32 high(u64 value) {
  return static_cast<u32>(value >> 32);
}

}  // namespace

std::unexpected<Errc> Transport::config_keeps_changing(u32 attempts) {
  log::error("virtio: the device's configuration changed during each of {} reads", attempts);
  return fail(Errc::Timeout);
}

Result<MmioTransport::Identity> MmioTransport::identify(MmioRegion& regs, std::string_view name) {
  if (regs.bytes() < mmio::kConfigOffset) {
    log::error("{}: {} bytes of registers are no virtio-mmio device, which has {} at least", name,
               regs.bytes(), mmio::kConfigOffset);
    return fail(Errc::NotSupported);
  }
  const u32 magic = regs.read(reg::magic_value);
  const u32 version = regs.read(reg::version);
  if (magic != mmio::kMagic) {
    log::error("{}: MagicValue is {:#x}, not {:#x}: no virtio device", name, magic, mmio::kMagic);
    return fail(Errc::NotSupported);
  }
  if (version != mmio::kLegacyVersion && version != mmio::kModernVersion) {
    log::error("{}: Version is {}; this driver knows 1 (legacy) and 2", name, version);
    return fail(Errc::NotSupported);
  }
  const u32 device_id = regs.read(reg::device_id);
  if (device_id == kEmptySlot) {
    return fail(Errc::NotFound);
  }
  return Identity{version, device_id};
}

u64 MmioTransport::dma_mask() const {
  return legacy() ? (u64{1} << 32) * kPageBytes - 1 : ~u64{0};
}

void MmioTransport::begin_reset() {
  page_size_told_ = false;
  regs_.write(reg::status, 0);
}

Result<void> MmioTransport::reset() {
  begin_reset();
  u32 seen = 0;
  for (u32 reads = 0; reads < kResetReads; ++reads) {
    seen = regs_.read(reg::status);
    if (seen == 0) {
      return {};
    }
    port::relax();
  }
  log::error("{}: not reset after {} reads: Status is {:#x}, not 0", name_, kResetReads, seen);
  return fail(Errc::Timeout);
}

u64 MmioTransport::device_features() {
  regs_.write(reg::device_features_sel, 0);
  u64 features = regs_.read(reg::device_features);
  if (!legacy()) {
    regs_.write(reg::device_features_sel, 1);
    features |= u64{regs_.read(reg::device_features)} << 32;
  }
  return features;
}

void MmioTransport::set_driver_features(u64 features) {
  regs_.write(reg::driver_features_sel, 0);
  regs_.write(reg::driver_features, low(features));
  if (!legacy()) {
    regs_.write(reg::driver_features_sel, 1);
    regs_.write(reg::driver_features, high(features));
  }
}

// --- Configuration space -------------------------------------------------------------------------

u32 MmioTransport::config_bytes() const {
  const u64 bytes = regs_.bytes() - mmio::kConfigOffset;
  return bytes > 0xffff ? 0xffff : static_cast<u32>(bytes);
}

u32 MmioTransport::config_read(u32 offset, u32 bytes) {
  SLUICE_ASSERT(offset < config_bytes() && bytes <= config_bytes() - offset);
  const u64 at = mmio::kConfigOffset + offset;
  switch (bytes) {
    case 1:
      return regs_.read8(at);
    case 2:
      return regs_.read16(at);
    default:
      return regs_.read32(at);
  }
}

void MmioTransport::config_write8(u32 offset, u8 value) {
  SLUICE_ASSERT(offset < config_bytes());
  regs_.write8(mmio::kConfigOffset + offset, value);
}

// --- Queues, 4.2.3.2 and (legacy) 4.2.4 ----------------------------------------------------------

Result<u32> MmioTransport::queue_size_max(u32 index) {
  // 1. Select. 2. Not in use? 3. How large?
  regs_.write(reg::queue_sel, index);
  const u32 in_use = legacy() ? regs_.read(reg::queue_pfn) : regs_.read(reg::queue_ready);
  if (in_use != 0) {
    log::error("{}: queue {} is in use already ({} is {:#x})", name_, index,
               legacy() ? "QueuePFN" : "QueueReady", in_use);
    return fail(Errc::Busy);
  }
  const u32 size = regs_.read(reg::queue_num_max);
  if (size == 0) {
    log::error("{}: the device has no queue {} (QueueNumMax is 0)", name_, index);
    return fail(Errc::NotFound);
  }
  return size;
}

Result<void> MmioTransport::set_up_queue(u32 index, const QueuePlace& place) {
  if (legacy()) {
    return set_up_legacy_queue(index, place);
  }
  regs_.write(reg::queue_sel, index);
  // 5. Its size.
  regs_.write(reg::queue_num, place.size);
  // 6. Its parts.
  regs_.write(reg::queue_desc_low, low(place.descriptors.value()));
  regs_.write(reg::queue_desc_high, high(place.descriptors.value()));
  regs_.write(reg::queue_driver_low, low(place.driver.value()));
  regs_.write(reg::queue_driver_high, high(place.driver.value()));
  regs_.write(reg::queue_device_low, low(place.device.value()));
  regs_.write(reg::queue_device_high, high(place.device.value()));
  // 7. Go.
  regs_.write(reg::queue_ready, 1);
  return {};
}

Result<void> MmioTransport::set_up_legacy_queue(u32 index, const QueuePlace& place) {
  const u64 page = place.descriptors.value() / kPageBytes;
  if (place.descriptors.value() % kPageBytes != 0 || page == 0 || high(page) != 0) {
    log::error("{}: queue {} at {:#x} has no page number of 32 bits", name_, index,
               place.descriptors);
    return fail(Errc::OutOfRange);
  }
  if (!page_size_told_) {
    regs_.write(reg::guest_page_size, kPageBytes);
    page_size_told_ = true;
  }
  regs_.write(reg::queue_sel, index);
  // 5. Its size. 6. The used ring's alignment. 7. The number of its first page.
  regs_.write(reg::queue_num, place.size);
  regs_.write(reg::queue_align, used_alignment());
  regs_.write(reg::queue_pfn, low(page));
  return {};
}

Result<void> MmioTransport::tear_down_queue(u32 index) {
  regs_.write(reg::queue_sel, index);
  if (legacy()) {
    regs_.write(reg::queue_pfn, 0);
    return {};
  }
  regs_.write(reg::queue_ready, 0);
  for (u32 reads = 0; reads < kStopReads; ++reads) {
    if (regs_.read(reg::queue_ready) == 0) {
      return {};
    }
  }
  log::error("{}: queue {} does not stop: QueueReady stays set", name_, index);
  return fail(Errc::Timeout);
}

}  // namespace sluice::virtio
