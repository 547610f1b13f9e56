// The driver's progress through Status, the negotiation of features, and the reset.
// Reference: virtio 1.2, 2.1, 2.4, 3.1.
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
  if (features_refused_ || knobs.refuse_features) {
    features_refused_ = true;
    status_ &= ~kFeaturesOk;
    return;
  }
  personality_.negotiated(driver(), judge);
}

void MmioDevice::go_live() {
  check_torn();
  if (legacy() && (offered() & ~accepted_ & kFeatureAnyLayout) != 0) {
    judge.broken(rule::features_any_layout, "accepted " + hex(accepted_));
  }
  if (legacy()) {
    personality_.negotiated(driver(), judge);
  }
  for (QueueRegisters& queue : queues_) {
    if (queue.ring) {
      queue.ring->negotiated(driver());
    }
  }
}

void MmioDevice::reset() {
  ++counters_.resets;
  reset_seen_ = true;
  reset_unread_ = true;
  quarantine_.clear();
  for (const QueueRegisters& queue : queues_) {
    if (queue.ring) {
      quarantine_.push_back(queue.ring->place());
    }
  }
  resetting_ = status_ != 0;
  status_before_reset_ = status_;
  reset_reads_left_ = resetting_ ? knobs.reset_reads : 0;
  status_ = 0;
  if (reset_reads_left_ == 0) {
    in_flight_.clear();  // at once: nothing is written late
    finish_reset();
  }
}

// A reset that takes its time waits for the requests in flight, and these are written meanwhile.
void MmioDevice::finish_reset() {
  resetting_ = false;
  reset_reads_left_ = 0;
  for (const InFlight& request : std::exchange(in_flight_, {})) {
    QueueRegisters& queue = queues_[request.chain.queue];
    if (queue.ring && queue.ring->check_lent(request.chain)) {
      personality_.execute(request.chain, driver(), memory_);
    }
  }
  accepted_ = 0;
  features_ok_unread_ = features_refused_ = features_ok_judged_ = false;
  broken_down_ = false;
  device_features_sel_.reset();
  driver_features_sel_.reset();
  guest_page_size_ = 0;
  queue_sel_ = 0;
  queues_ = std::vector<QueueRegisters>(personality_.queue_count());
  interrupt_status_ = interrupt_seen_ = reads_without_ack_ = 0;
  halves_.clear();
  torn_ = nullptr;
  released_ = 0;
  next_queue_ = 0;
  personality_.reset();
  tell_line();
}

}  // namespace referee
