// The driver's progress through Status, and the negotiation of features.
// Reference: virtio 1.2, 2.1, 2.2, 3.1, 6.
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {

std::uint32_t MmioDevice::read_status() {
  if (reset_reads_left_ > 0) {
    --reset_reads_left_;
    return status_before_reset_;
  }
  if (resetting_) {
    finish_reset();
  }
  if (status_ == 0) {
    reset_unread_ = false;
    quarantine_.clear();
  }
  features_ok_unread_ = false;
  needs_reset_read_ = needs_reset_read_ || (status_ & kNeedsReset) != 0;
  return status_;
}

void MmioDevice::write_status(std::uint32_t value) {
  if (value == 0) {
    reset();
    return;
  }
  const std::uint32_t added = value & ~status_;
  check_status_order(value, added);
  if (resetting_) {
    finish_reset();
  }
  status_ = value | (status_ & kNeedsReset);
  if ((added & kFeaturesOk) != 0) {
    negotiate();
  }
  if ((added & kDriverOk) != 0) {
    go_live();
  }
}

void MmioDevice::check_status_order(std::uint32_t value, std::uint32_t added) {
  const std::string step = hex(status_) + " -> " + hex(value);
  if (!std::exchange(reset_seen_, true)) {
    judge.broken(rule::reset_first, step);
  }
  if (std::exchange(reset_unread_, false)) {
    quarantine_.clear();
    judge.broken(rule::reset_unread, "Status is written " + hex(value));
  }
  if ((status_ & ~value & ~kNeedsReset) != 0) {
    judge.broken(rule::status_cleared, step);
  }
  if ((status_ & kFailed) != 0 && added != 0) {
    judge.broken(rule::status_failed, step);
  }
  const bool skips_acknowledge = (added & kDriver) != 0 && (value & kAcknowledge) == 0;
  const bool skips_driver = (added & (kFeaturesOk | kDriverOk)) != 0 && (status_ & kDriver) == 0;
  if (skips_acknowledge || skips_driver) {
    judge.broken(rule::status_order, step);
  }
  if (legacy() && (added & kFeaturesOk) != 0) {
    judge.broken(rule::status_features_ok_legacy, step);
  }
  if ((added & kDriverOk) != 0) {
    check_features_ok();
  }
}

// FEATURES_OK was set, read again, and held: before queues are set up and before DRIVER_OK. Told
// once.
void MmioDevice::check_features_ok() {
  if (legacy() || features_ok_judged_) {
    return;
  }
  if ((status_ & kFeaturesOk) == 0) {
    features_ok_judged_ = true;
    judge.broken(features_refused_ ? rule::status_features_refused
                                   : rule::status_features_ok_skipped);
  } else if (features_ok_unread_) {
    features_ok_judged_ = true;
    judge.broken(rule::status_features_ok_unread);
  }
}

void MmioDevice::negotiate() {
  features_ok_unread_ = true;
  if (legacy()) {
    return;
  }
  if ((offered() & ~accepted_ & kFeatureVersion1) != 0) {
    features_refused_ = true;
    judge.broken(rule::features_version_1, "accepted " + hex(accepted_));
  }
  check_dependencies();
  if (const std::uint64_t platform =
          offered() & ~accepted_ & (kFeatureAccessPlatform | kFeatureOrderPlatform)) {
    judge.broken(rule::features_platform, hex(platform));
  }
  if ((offered() & ~accepted_ & kFeatureRingPacked) != 0) {
    judge.broken(rule::packed_unaccepted, "accepted " + hex(accepted_));
  }
  if (features_refused_ || knobs.refuse_features) {
    features_refused_ = true;
    status_ &= ~kFeaturesOk;
    return;
  }
  personality_.negotiated(driver(), judge);
}

void MmioDevice::check_dependencies() {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::uint64_t missing = personality_.required_by(feature_bit(bit)) & ~accepted_;
    if ((accepted_ & feature_bit(bit)) != 0 && missing != 0) {
      features_refused_ = true;
      judge.broken(rule::features_dependency,
                   "bit " + std::to_string(bit) + " without " + hex(missing));
    }
  }
}

void MmioDevice::go_live() {
  config_reads_.check(legacy(), judge);
  if (legacy() && (offered() & ~accepted_ & kFeatureAnyLayout) != 0) {
    judge.broken(rule::features_any_layout, "accepted " + hex(accepted_));
  }
  if (legacy()) {
    check_dependencies();
    if ((accepted_ & kFeatureUnused30) != 0) {
      judge.broken(rule::features_bit_30);
    }
    personality_.negotiated(driver(), judge);
  }
  for (QueueRegisters& queue : queues_) {
    if (queue.ring) {
      queue.ring->negotiated(driver());
    }
  }
}

}  // namespace referee
