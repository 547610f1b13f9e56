// Suspend, resume and shutdown, of one device and of all.
#include <sluice/drivers/base/pm.hpp>

#include <sluice/drivers/base/probe.hpp>
#include <sluice/drivers/base/walk.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::dev {
namespace {

constinit u64 last_suspend_order = 0;

bool is_awake(const Device& device) {
  return device.state() == State::Bound && !device.suspended();
}

bool is_needed_by_one_awake(const Device& device) {
  bool needed = false;
  for (const Link& link : device.consumers()) {
    needed = needed || is_awake(link.consumer);
  }
  for_each_device([&](const Device& other) {
    needed = needed || (other.parent() == &device && is_awake(other));
  });
  return needed;
}

bool needs_one_suspended(const Device& device) {
  bool needs = device.parent() != nullptr && device.parent()->suspended();
  for (const Link& link : device.suppliers()) {
    needs = needs || link.supplier.suspended();
  }
  return needs;
}

}  // namespace

// --- What a bus does around its drivers' callbacks -----------------------------------------------

void Bus::shutdown(Device& device) {
  device.driver()->shutdown(device);
}
Result<void> Bus::suspend_device(Device& device) {
  return device.driver()->suspend(device);
}
Result<void> Bus::resume_device(Device& device) {
  return device.driver()->resume(device);
}

// --- One device ----------------------------------------------------------------------------------

Result<void> Bus::put_to_sleep(Device& device) {
  TRY(suspend_device(device));
  device.suspended_ = true;
  device.suspend_order_ = ++last_suspend_order;
  return {};
}

Result<void> Bus::suspend(Device& device) {
  wait_for_device_probe();
  if (!is_awake(device)) {
    return fail(Errc::Invalid);
  }
  if (is_needed_by_one_awake(device)) {
    return fail(Errc::Busy);
  }
  return put_to_sleep(device);
}

Result<void> Bus::resume(Device& device) {
  wait_for_device_probe();
  if (!device.suspended_) {
    return fail(Errc::Invalid);
  }
  if (needs_one_suspended(device)) {
    return fail(Errc::Busy);
  }
  TRY(resume_device(device));
  device.suspended_ = false;
  return {};
}

// --- All devices ---------------------------------------------------------------------------------

// Resumes what was suspended after `since`, last first.
Result<void> Bus::resume_since(u64 since, Device** failed) {
  Result<void> result;
  for (u64 before = ~u64{0};;) {
    Device* last = nullptr;
    for_each_device([&](Device& device) {
      if (device.suspended_ && device.suspend_order_ > since && device.suspend_order_ < before &&
          (last == nullptr || device.suspend_order_ > last->suspend_order_)) {
        last = &device;
      }
    });
    if (last == nullptr) {
      return result;
    }
    before = last->suspend_order_;
    const Result<void> resumed = last->bus_->resume(*last);
    if (!resumed) {
      log::error("{}: stays suspended: {}", last->name(),
                 resumed.error() == Errc::Busy ? "what it needs is" : to_string(resumed.error()));
    }
    if (!resumed && result) {
      result = resumed;
      if (failed != nullptr) {
        *failed = last;
      }
    }
  }
}

Result<void> suspend_all(Device** failed) {
  wait_for_device_probe();
  const u64 before = last_suspend_order;
  Result<void> result;
  Walk::dependents_first([&](Device& device) {
    if (!device.suspended()) {
      result = device.bus_->put_to_sleep(device);
      if (!result && failed != nullptr) {
        *failed = &device;
      }
    }
    return result.has_value();
  });
  if (!result) {
    (void)Bus::resume_since(before, nullptr);
  }
  return result;
}

Result<void> resume_all(Device** failed) {
  wait_for_device_probe();
  return Bus::resume_since(0, failed);
}

void shutdown_all() {
  if (port::this_hart().index == 0) {
    wait_for_device_probe();
  }
  Walk::dependents_first([](Device& device) {
    device.bus_->shutdown(device);
    return true;
  });
}

}  // namespace sluice::dev
