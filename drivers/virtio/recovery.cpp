// Devices that interrupt without end, break the rules or do not answer: reset and set up again, or
// taken out of service.
#include <sluice/drivers/virtio/bus.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::virtio {

u32 Device::buffers_taken() const {
  u32 buffers = 0;
  for (const std::unique_ptr<Virtqueue>& queue : queues()) {
    buffers += queue->taken();
  }
  return buffers;
}

// Its queues may be going where it is not live; that it left service is a reason, too.
u32 Device::work_done() {
  if (live()) {
    buffers_at_look_ = buffers_taken();
  }
  return buffers_at_look_ + lives_.load(std::memory_order_relaxed);
}

void Device::stormed() {
  silenced_.store(1, std::memory_order_relaxed);
  break_down();
}

void Device::break_down() {
  report(Trouble::Broken);
}
void Device::recover() {
  report(Trouble::Silent);
}

void Device::report(Trouble trouble) {
  Trouble before = trouble_.load(std::memory_order_relaxed);
  while (before < trouble && !trouble_.compare_exchange_weak(before, trouble)) {
  }
  post_to(hart(0), work_);
}

// Work of the hart that booted, where devices also come and go.
void Device::serve() {
  if (looks_left_ > 0) {
    go_on_recovering();
    return;
  }
  if (!live()) {
    return;
  }
  Trouble trouble = trouble_.exchange(Trouble::None);
  const u32 now = transport_.status();
  if (trouble == Trouble::None && (now & status::kNeedsReset) != 0) {
    log::error("{}: the device gave up (Status is {:#x}: DEVICE_NEEDS_RESET)", name(), now);
    trouble = Trouble::Silent;
  }
  switch (trouble) {
    case Trouble::None:
      virtio_driver().config_changed(*this);
      return;
    case Trouble::Silent:
      begin_recovery();
      return;
    case Trouble::Broken:
      take_out_of_service();
      return;
  }
}

void Device::begin_recovery() {
  if (!virtio_driver().reset_prepare(*this)) {
    take_out_of_service();
    return;
  }
  leave_service();
  deaf_ = true;
  looks_left_ = kMostLooks;
  transport_.begin_reset();
  go_on_recovering();
}

// A device may take its time over a reset; until it is complete it may write to what it has.
void Device::go_on_recovering() {
  if (!transport_.is_reset()) {
    if (--looks_left_ > 0) {
      recovery_timer_.arm(clock::now_ns() + kLookPauseNs);
    } else {
      log::error("{}: its reset does not end: Status is {:#x}, not 0", name(), transport_.status());
      take_out_of_service();
    }
    return;
  }
  looks_left_ = 0;
  was_reset();
  if (const Result<void> recovered = end_recovery(); recovered) {
    log::warning("{}: was reset, and is in service again", name());
  } else {
    log::error("{}: was reset, and cannot be used again: {}", name(), to_string(recovered.error()));
    take_out_of_service();
  }
}

Result<void> Device::end_recovery() {
  TRY(set_up_again());
  TRY(virtio_driver().reset_done(*this));
  ready();
  return {};
}

// For good. One that did not let itself be reset is not asked again.
void Device::take_out_of_service() {
  if (!deaf_) {
    (void)reset();
  }
  virtio_driver().failed(*this);
}

}  // namespace sluice::virtio
