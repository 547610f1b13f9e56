// The life of a virtio device: initialisation in the order of the specification, interrupts, and
// its end.
#include <sluice/drivers/virtio/bus.hpp>

#include <algorithm>
#include <bit>

#include <sluice/drivers/virtio/split_queue.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

// --- Device: status and features -----------------------------------------------------------------

Device::Device(std::string_view name, dev::Device* parent, Transport& transport)
    : dev::Device(name, parent),
      transport_(transport),
      config_work_([](void* device) { static_cast<Device*>(device)->serve_config_interrupt(); },
                   this) {}

Device::~Device() {
  cancel_and_wait(config_work_);
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
  breaking_ = false;
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
  }
}

Result<void> Device::reset() {
  live_.store(0, std::memory_order_release);
  deaf_ = true;
  TRY(transport_.reset());
  deaf_ = false;
  holds_memory_ = false;
  status_ = 0;
  return {};
}

// --- Device: queues ------------------------------------------------------------------------------

Result<Virtqueue*> Device::create_queue(u32 index, u32 wanted, QueueHandler handler,
                                        void* context) {
  SLUICE_ASSERT(queue_count_ < kMaxQueues && wanted > 0);
  const u32 most = TRY(transport_.queue_size_max(index));
  const u32 size = std::bit_floor(std::min({wanted, most, split::kMaxQueueSize}));
  const SplitQueue::Options options{.event_idx = has(feature::kEventIdx),
                                    .indirect = has(feature::kIndirectDesc),
                                    .check_length = !legacy()};
  std::unique_ptr<SplitQueue> queue =
      TRY(SplitQueue::create(transport_, index, size, options, name()));
  TRY(transport_.set_up_queue(index, queue->place()));
  holds_memory_ = true;
  handlers_[queue_count_] = {handler, context};
  queues_[queue_count_] = std::move(queue);
  return queues_[queue_count_++].get();
}

// The end of a binding: whatever the driver left is stopped, and its queues go.
void Device::stop() {
  if ((live() || holds_memory_) && !deaf_) {
    (void)reset();
  }
  cancel_and_wait(config_work_);
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

// Tells the device that we do not get along; what it was given is taken back first.
void Device::give_up() {
  stop();
  if (!deaf_) {
    add_status(status::kFailed);
  }
}

// --- Device: interrupts --------------------------------------------------------------------------

void Device::handle_interrupt() {
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
    post(config_work_);
  }
}

void Device::break_down() {
  breaking_ = true;
  post(config_work_);
}

void Device::serve_config_interrupt() {
  if (!live()) {
    return;
  }
  const u32 now = transport_.status();
  if (!breaking_ && (now & status::kNeedsReset) != 0) {
    log::error("{}: the device gave up (Status is {:#x}: DEVICE_NEEDS_RESET)", name(), now);
    breaking_ = true;
  }
  if (breaking_) {
    (void)reset();
    virtio_driver().failed(*this);
  } else {
    virtio_driver().config_changed(*this);
  }
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
}

}  // namespace sluice::virtio
