// The life of a virtio device: initialisation in the order of the specification, and its end.
#include <sluice/drivers/virtio/bus.hpp>

#include <algorithm>
#include <bit>

#include <sluice/drivers/base/uevent.hpp>
#include <sluice/drivers/virtio/packed_queue.hpp>
#include <sluice/drivers/virtio/split_queue.hpp>
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
    (void)parent()->route_irqs(hart(0));
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
    live_.store(1, std::memory_order_release);  // first: an interrupt may come at once
    add_status(status::kDriverOk);
    // What changed since the configuration was read, or trouble that came before we were ready for
    // it: no interrupt tells of that.
    post_to(hart(0), work_);
  }
}

void Device::leave_service() {
  live_.store(0, std::memory_order_release);
  lives_.fetch_add(1, std::memory_order_relaxed);
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

// --- Bus -----------------------------------------------------------------------------------------

bool Bus::match(const dev::Device& device, const dev::Driver& driver) const {
  const std::span<const u32> ids = static_cast<const Driver&>(driver).ids();
  return std::ranges::find(ids, static_cast<const Device&>(device).id()) != ids.end();
}

void Bus::uevent(const dev::Device& device, dev::Uevent& event) const {
  std::array<char, 32> text{};
  BufferSink alias(text);
  format_to(alias, "virtio:d{:08x}v*", static_cast<const Device&>(device).id());
  event.add("MODALIAS", alias.text());
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
