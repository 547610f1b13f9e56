// The reset of the device, which may take its time, and what a driver leaves at the end.
// Reference: virtio 1.2, 2.4, 3.1.1.
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {

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
  features_ok_unread_ = features_refused_ = features_ok_judged_ = needs_reset_read_ = false;
  features_read_ = 0;
  broken_down_ = false;
  device_features_sel_.reset();
  driver_features_sel_.reset();
  guest_page_size_ = 0;
  queue_sel_ = 0;
  queues_ = std::vector<QueueRegisters>(personality_.queue_count());
  interrupt_status_ = interrupt_seen_ = reads_without_ack_ = 0;
  config_reads_.clear();
  change_told_ = false;
  released_ = 0;
  next_queue_ = 0;
  personality_.reset();
  tell_line();
}

void MmioDevice::check_end() {
  check_memory();
  const std::uint32_t begun = status_ & (kAcknowledge | kDriver | kFeaturesOk);
  if (begun != 0 && (status_ & (kDriverOk | kFailed | kNeedsReset)) == 0) {
    judge.broken(rule::status_given_up, "Status is " + hex(status_));
  }
}

}  // namespace referee
