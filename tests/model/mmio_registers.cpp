// What the control registers say and do: features, interrupts, notifications; Status and queues
// have their own files.
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {
namespace {

constexpr std::uint32_t kVendor = 0x45464552;  // "REFE"
// Reads of an InterruptStatus that is not 0 until it is clear that nobody is going to acknowledge
// it.
constexpr std::uint32_t kPatience = 8;

}  // namespace

std::uint64_t MmioDevice::offered() const {
  std::uint64_t features = personality_.features() | setup_.features;
  features |= legacy() ? 0 : setup_.added;
  features &= ~(legacy() ? kFeatureVersion1 | kFeatureRingReset
                         : kFeatureAnyLayout | kFeatureNotifyOnEmpty);
  features |= legacy() ? 0 : kFeatureVersion1;
  return features & ~setup_.withheld;
}

std::uint32_t MmioDevice::read_control(std::uint64_t offset) {
  switch (offset) {
    case kMagicValue:
      return setup_.magic;
    case kVersion:
      return setup_.version;
    case kDeviceId:
      return personality_.device_id();
    case kVendorId:
      return kVendor;
    case kDeviceFeatures:
      return read_device_features();
    case kInterruptStatus:
      return read_interrupt_status();
    case kStatus:
      return read_status();
    case kConfigGeneration:
      config_reads_.generation_read();
      return generation_;
    default:
      return read_queue(offset);
  }
}

void MmioDevice::write_control(std::uint64_t offset, std::uint32_t value) {
  switch (offset) {
    case kDeviceFeaturesSel:
      device_features_sel_ = value;
      break;
    case kDriverFeaturesSel:
      driver_features_sel_ = value;
      break;
    case kDriverFeatures:
      write_driver_features(value);
      break;
    case kGuestPageSize:
      write_guest_page_size(value);
      break;
    case kQueueSel:
      queue_sel_ = value;
      break;
    case kQueueNotify:
      write_notify(value);
      break;
    case kInterruptAck:
      write_interrupt_ack(value);
      break;
    case kStatus:
      write_status(value);
      break;
    default:
      write_queue(offset, value);
      break;
  }
}

std::uint32_t MmioDevice::read_device_features() {
  if (!device_features_sel_) {
    judge.broken(rule::mmio_features_sel, "DeviceFeatures is read");
  }
  const std::uint32_t sel = device_features_sel_.value_or(0);
  features_read_ |= sel > 1 ? 0 : 1U << sel;
  return sel > 1 ? 0 : static_cast<std::uint32_t>(offered() >> (32 * sel));
}

void MmioDevice::write_driver_features(std::uint32_t value) {
  if (!driver_features_sel_) {
    judge.broken(rule::mmio_features_sel, "DriverFeatures is written");
  }
  if ((status_ & kFeaturesOk) != 0) {
    judge.broken(rule::features_late, hex(value));
    return;
  }
  if ((status_ & kDriver) == 0) {
    judge.broken(rule::status_order, "feature bits while Status is " + hex(status_));
  }
  const std::uint32_t sel = driver_features_sel_.value_or(0);
  if (value != 0 && sel <= 1 && (features_read_ & 1U << sel) == 0) {
    judge.broken(rule::features_unread, "word " + std::to_string(sel) + ": " + hex(value));
  }
  const std::uint32_t offer = sel > 1 ? 0 : static_cast<std::uint32_t>(offered() >> (32 * sel));
  if ((value & ~offer) != 0) {
    features_refused_ = true;  // 2.2.2: FEATURES_OK must not hold
    judge.broken(rule::features_not_offered,
                 "word " + std::to_string(sel) + ": " + hex(value & ~offer));
  }
  if (sel <= 1) {
    const std::uint64_t word = std::uint64_t{0xffff'ffff} << (32 * sel);
    accepted_ = (accepted_ & ~word) | (std::uint64_t{value & offer} << (32 * sel));
  }
}

std::uint32_t MmioDevice::read_interrupt_status() {
  interrupt_seen_ |= interrupt_status_;
  if (interrupt_status_ != 0 && ++reads_without_ack_ >= kPatience) {
    reads_without_ack_ = 0;
    judge.broken(rule::irq_unacknowledged, "InterruptStatus " + hex(interrupt_status_) + " read " +
                                               std::to_string(kPatience) + " times");
  }
  return interrupt_status_ == 0 ? 0 : interrupt_status_ | knobs.undefined_events;
}

void MmioDevice::write_interrupt_ack(std::uint32_t value) {
  reads_without_ack_ = 0;
  if ((value & ~(kIrqUsedBuffer | kIrqConfigChange)) != 0) {
    judge.broken(rule::irq_ack_undefined, hex(value));
  } else if ((value & ~interrupt_seen_) != 0) {
    judge.broken(rule::irq_ack_unseen, hex(value) + " where " + hex(interrupt_seen_) + " was read");
  }
  interrupt_status_ &= ~value;
  interrupt_seen_ &= ~value;
  if ((value & kIrqConfigChange) != 0 && std::exchange(change_told_, false)) {
    personality_.change_acknowledged();
  }
  tell_line();
}

void MmioDevice::write_notify(std::uint32_t value) {
  ++counters_.notifications;
  if (broken_down_ || resetting_) {
    if (needs_reset_read_) {
      judge.broken(rule::status_needs_reset, "queue " + hex(value));
    }
    return;
  }
  if (!legacy() && !live()) {
    judge.broken(rule::notify_early, "queue " + hex(value));
    return;
  }
  const bool with_data = driver().has(kFeatureNotificationData);
  const std::uint32_t index = with_data ? value & 0xffff : value;
  if (index >= queues_.size() || !queues_[index].ring || queues_[index].reset) {
    judge.broken(rule::notify_no_queue, hex(value));
    return;
  }
  config_reads_.check(legacy(), judge);
  QueueRegisters& queue = queues_[index];
  queue.ring->negotiated(driver());  // legacy: the device may be used before DRIVER_OK
  if (with_data) {
    queue.ring->check_notification_data(static_cast<std::uint16_t>(value >> 16));
  }
  if (queue.ring->needs_none()) {
    ++counters_.needless_notifications;
    if (!queue.ring->place().packed && queue.ring->published_since_told()) {
      judge.broken(rule::notify_needless, "queue " + std::to_string(index));
    }
  }
  wake(queue);
}

}  // namespace referee
