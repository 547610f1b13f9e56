// The life of a virtio device: initialisation in the order of the specification, interrupts, and
// its end.
#include <sluice/drivers/virtio/bus.hpp>

#include <algorithm>
#include <bit>

#include <sluice/drivers/virtio/packed_queue.hpp>
#include <sluice/drivers/virtio/split_queue.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

// --- Device: status and features -----------------------------------------------------------------

Device::Device(std::string_view name, dev::Device* parent, Transport& transport)
    : dev::Device(name, parent),
      transport_(transport),
      work_([](void* device) { static_cast<Device*>(device)->serve(); }, this),
      recovery_timer_([](void* device) { post_to(hart(0), static_cast<Device*>(device)->work_); },
                      this) {}

Device::~Device() {
  recovery_timer_.cancel_and_wait();
  cancel_and_wait(work_);
}

Driver& Device::virtio_driver() const {
  return static_cast<Driver&>(*driver());
}

// From our own record: what the device says of its status is no reason to set a bit.
void Device::add_status(u32 bit) {
  status_ |= bit;
  transport_.set_status(status_);
}

Result<void> Device::negotiate() {
  Driver& driver = virtio_driver();
  // 1. Reset.
  TRY(reset());
  trouble_.store(Trouble::None, std::memory_order_relaxed);
  if (silenced_.exchange(0, std::memory_order_relaxed) != 0) {
    parent()->restore_irqs();
  }
  // 2. We have seen it. 3. We know how to drive it.
  add_status(status::kAcknowledge);
  add_status(status::kDriver);
  // 4. What both understand.
  offered_ = transport_.device_features();
  features_ =
      offered_ & (legacy() ? driver.legacy_features() : driver.features() | feature::kVersion1);
  if (!legacy() && !has(feature::kVersion1)) {
    log::error("{}: offers {:#x}, without VERSION_1, although it is no legacy device", name(),
               offered_);
    return reject(Errc::NotSupported, "it does not offer VERSION_1");
  }
  TRY(driver.validate(*this));
  transport_.set_driver_features(features_);
  return legacy() ? Result<void>{} : accept_features();
}

Result<void> Device::accept_features() {
  // 5. No more features. 6. Does the device agree?
  add_status(status::kFeaturesOk);
  if ((transport_.status() & status::kFeaturesOk) == 0) {
    status_ &= ~status::kFeaturesOk;
    log::error("{}: refuses the features {:#x}; it offers {:#x}", name(), features_, offered_);
    return reject(Errc::NotSupported, "it refuses the features that the driver uses");
  }
  return {};
}

void Device::ready() {
  if (!live()) {
    interrupts_.store(0, std::memory_order_relaxed);
    live_.store(1, std::memory_order_release);  // first: an interrupt may come at once
    add_status(status::kDriverOk);
    if (trouble_.load(std::memory_order_relaxed) != Trouble::None) [[unlikely]] {
      post_to(hart(0), work_);  // it came before we were ready for it
    }
  }
}

void Device::leave_service() {
  live_.store(0, std::memory_order_release);
  interrupts_.store(0, std::memory_order_relaxed);
}

Result<void> Device::reset() {
  leave_service();
  deaf_ = true;
  TRY(transport_.reset());
  was_reset();
  return {};
}

void Device::was_reset() {
  deaf_ = false;
  holds_memory_ = false;
  status_ = 0;
  Trouble silent = Trouble::Silent;  // of before, that is: several requests may have missed it
  trouble_.compare_exchange_strong(silent, Trouble::None);
}

// After a reset: the steps of negotiate() and create_queue(), to where they led before.
Result<void> Device::set_up_again() {
  add_status(status::kAcknowledge);
  add_status(status::kDriver);
  offered_ = transport_.device_features();
  if ((features_ & ~offered_) != 0) {
    log::error("{}: offers {:#x} after a reset, without {:#x} that it offered before", name(),
               offered_, features_ & ~offered_);
    return fail(Errc::NotSupported);
  }
  transport_.set_driver_features(features_);
  if (!legacy()) {
    TRY(accept_features());
  }
  for (const std::unique_ptr<Virtqueue>& queue : queues()) {
    const u32 most = TRY(transport_.queue_size_max(queue->index()));
    if (queue->size() > most) {
      log::error("{}: queue {} has {} elements at most after a reset, and {} are in use", name(),
                 queue->index(), most, queue->size());
      return fail(Errc::NotSupported);
    }
    queue->restart();
    TRY(transport_.set_up_queue(queue->index(), queue->place()));
    holds_memory_ = true;
  }
  return {};
}

// --- Device: queues ------------------------------------------------------------------------------

Result<Virtqueue*> Device::create_queue(u32 index, u32 wanted, QueueHandler handler,
                                        void* context) {
  SLUICE_ASSERT(queue_count_ < kMaxQueues && wanted > 0);
  const Result<u32> size_max = transport_.queue_size_max(index);
  if (!size_max) {
    return reject(size_max.error() == Errc::NotFound ? Errc::Malformed : size_max.error(),
                  "it lacks a queue, or has it in use");
  }
  const u32 most = *size_max;
  std::unique_ptr<Virtqueue> queue = TRY(make_queue(index, std::min(wanted, most)));
  TRY(transport_.set_up_queue(index, queue->place()));
  holds_memory_ = true;
  handlers_[queue_count_] = {handler, context};
  queues_[queue_count_] = std::move(queue);
  return queues_[queue_count_++].get();
}

// Of `size` elements, or what its layout allows.
Result<std::unique_ptr<Virtqueue>> Device::make_queue(u32 index, u32 size) {
  if (has(feature::kRingPacked)) {
    const PackedQueue::Options options{.event_idx = has(feature::kEventIdx),
                                       .indirect = has(feature::kIndirectDesc),
                                       .notification_data = has(feature::kNotificationData)};
    return TRY(PackedQueue::create(transport_, index, std::min(size, packed::kMaxQueueSize),
                                   options, name()));
  }
  const SplitQueue::Options options{.event_idx = has(feature::kEventIdx),
                                    .indirect = has(feature::kIndirectDesc),
                                    .notification_data = has(feature::kNotificationData),
                                    .check_length = !legacy()};
  return TRY(SplitQueue::create(
      transport_, index, std::bit_floor(std::min(size, split::kMaxQueueSize)), options, name()));
}

// The end of a binding: whatever the driver left is stopped, and its queues go.
void Device::stop() {
  if ((live() || holds_memory_) && !deaf_) {
    (void)reset();
  }
  end_work();
  for (u32 i = 0; i < queue_count_; ++i) {
    if (holds_memory_) {
      log::error("{}: the memory of queue {} is never freed: the device may still use it", name(),
                 queues_[i]->index());
      queues_[i]->abandon();
    }
    queues_[i].reset();
    handlers_[i] = {};
  }
  queue_count_ = 0;
}

// A recovery that goes on ends, too.
void Device::end_work() {
  recovery_timer_.cancel_and_wait();
  cancel_and_wait(work_);
  looks_left_ = 0;
}

// Tells the device that we do not get along; what it was given is taken back first.
void Device::give_up() {
  stop();
  if (!deaf_) {
    add_status(status::kFailed);
  }
}

// --- Device: interrupts --------------------------------------------------------------------------

void Device::handle_interrupt() {
  const u32 interrupts = interrupts_.load(std::memory_order_relaxed) + 1;
  port::store_relaxed(interrupts_, interrupts);
  if (interrupts == kMostVainInterrupts) [[unlikely]] {
    look_for_storm();
  }
  const u32 causes = transport_.take_interrupts();
  if (!live()) [[unlikely]] {
    return;  // it was reset meanwhile
  }
  if ((causes & kInterruptUsed) != 0) [[likely]] {
    for (const QueueInterrupt& queue : std::span(handlers_).first(queue_count_)) {
      queue.handler(queue.context);
    }
  }
  if ((causes & kInterruptConfig) != 0) [[unlikely]] {
    post_to(hart(0), work_);
  }
}

// An honest device interrupts for what it did. One at its line all the time leaves the hart nothing
// else to do.
[[gnu::cold, gnu::noinline]] void Device::look_for_storm() {
  const u64 now = clock::now_ns();
  u32 buffers = live() ? 0 : buffers_at_look_;  // else the queues may be going
  for (const std::unique_ptr<Virtqueue>& queue :
       std::span(queues_).first(live() ? queue_count_ : 0)) {
    buffers += queue->taken();
  }
  const u64 passed_ns = now - std::exchange(looked_ns_, now);
  interrupts_.store(0, std::memory_order_relaxed);
  if (std::exchange(buffers_at_look_, buffers) != buffers || passed_ns > kStormNs) {
    return;
  }
  silenced_.store(1, std::memory_order_relaxed);
  parent()->silence_irqs();
  log::error("{}: {} interrupts within {} ms, and no buffer came back: its interrupt is disabled",
             name(), kMostVainInterrupts, passed_ns / 1'000'000);
  break_down();
}

// --- Device: trouble -----------------------------------------------------------------------------

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

// --- Bus -----------------------------------------------------------------------------------------

bool Bus::match(const dev::Device& device, const dev::Driver& driver) const {
  const std::span<const u32> ids = static_cast<const Driver&>(driver).ids();
  return std::ranges::find(ids, static_cast<const Device&>(device).id()) != ids.end();
}

Result<void> Bus::probe(dev::Device& base) {
  Device& device = static_cast<Device&>(base);
  Result<void> result = device.negotiate();
  if (result) {
    // 7. What is particular to the type of device.
    result = device.virtio_driver().probe(device);
  }
  if (!result) {
    device.give_up();
    return result;
  }
  // 8. Live.
  device.ready();
  device.virtio_driver().scan(device);
  return {};
}

void Bus::remove(dev::Device& base) {
  Device& device = static_cast<Device&>(base);
  device.virtio_driver().remove(device);
  device.stop();
}

void Bus::shutdown(dev::Device& base) {
  Device& device = static_cast<Device&>(base);
  device.virtio_driver().shutdown(device);
  if (device.live()) {
    (void)device.reset();
  }
  device.end_work();
}

Result<void> Bus::suspend_device(dev::Device& base) {
  Device& device = static_cast<Device&>(base);
  TRY(device.virtio_driver().freeze(device));
  if (const Result<void> reset = device.reset(); !reset) {
    device.take_out_of_service();
    return reset;
  }
  return {};
}

Result<void> Bus::resume_device(dev::Device& base) {
  Device& device = static_cast<Device&>(base);
  TRY(device.reset());
  Result<void> resumed = device.set_up_again();
  if (resumed) {
    resumed = device.virtio_driver().restore(device);
  }
  if (!resumed) {
    (void)device.reset();  // it was given its queues again
    return resumed;
  }
  device.ready();
  return {};
}

}  // namespace sluice::virtio
