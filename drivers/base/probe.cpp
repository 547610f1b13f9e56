// Binding and unbinding: matching, probing now or beside others, deferring, and the end.
#include <sluice/drivers/base/probe.hpp>

#include <sluice/drivers/base/model.hpp>
#include <sluice/drivers/base/uevent.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::dev {
namespace {

// A probe that asks for a device that is not there yet, or finds an empty place, is no failure to
// tell of.
void log_probe_error(const Device& device, const Driver& driver, Errc error) {
  const log::Level level =
      error == Errc::Defer || error == Errc::NotFound ? log::Level::Debug : log::Level::Error;
  log::write(level, "{}: {}: {} ({})", device.name(), driver.name(), device.reason(),
             to_string(error));
}

// Null: all are bound.
const Link* missing_supplier(const Device& device) {
  for (const Link& link : device.suppliers()) {
    if (link.supplier.state() != State::Bound) {
      return &link;
    }
  }
  return nullptr;
}

}  // namespace

// --- What a bus does around its drivers' callbacks -----------------------------------------------

Result<void> Bus::probe(Device& device) {
  return device.driver()->probe(device);
}
void Bus::remove(Device& device) {
  device.driver()->remove(device);
}

// --- Binding -------------------------------------------------------------------------------------

Result<void> Bus::try_to_bind(Device& device, How how, const Driver* after) {
  if (after == nullptr) {
    // What an earlier probe said holds no more where its driver has gone.
    device.state_ = State::Unbound;
    device.set_reason({});
  }
  Result<void> result = fail(Errc::NotFound);
  bool passed = after == nullptr;
  for (Driver& driver : drivers_) {
    if (!passed || !match(device, driver)) {
      passed = passed || &driver == after;
      continue;
    }
    result = bind_to(device, driver, how);
    if (result || result.error() == Errc::Defer) {
      break;
    }
  }
  return result;
}

Result<void> Bus::bind_to(Device& device, Driver& driver, How how) {
  device.driver_ = &driver;
  device.bound_order_ = ++Device::last_order_;
  device.state_ = State::Probing;
  device.set_reason({});
  if (driver.waits_for_suppliers()) {
    if (const Link* const missing = missing_supplier(device)) {
      return end_probe(device, device.defer_for(*missing));
    }
  }
  if (how == How::AsTheDriverPrefers && driver.probe_type() == ProbeType::PreferAsynchronous) {
    if (model.async_probes.empty()) {
      model.next_hart = 0;  // the same harts from boot to boot
    }
    model.async_probes.push_back(device);
    device.probe_given_ = hart_count() > 1;
    if (device.probe_given_) {
      run_on(hart(1 + model.next_hart++ % (hart_count() - 1)), device.probe_job_);
    }
    return {};
  }
  ++model.probing;
  const Result<void> result = probe(device);
  --model.probing;
  return end_probe(device, result);
}

Result<void> Bus::end_probe(Device& device, Result<void> result) {
  Driver& driver = *device.driver_;
  if (result) {
    device.state_ = State::Bound;
    device.set_reason({});
    model.bound = true;
    log::debug("{}: driven by {}", device.name(), driver.name());
    send_uevent(device, Action::Bind);
    return {};
  }
  device.release_all();
  device.driver_ = nullptr;
  device.driver_data = nullptr;
  // NotFound: there is nothing to drive in that place, which is no failure.
  device.state_ = result.error() == Errc::Defer      ? State::Deferred
                  : result.error() == Errc::NotFound ? State::Unbound
                                                     : State::Failed;
  if (device.reason().empty()) {
    device.set_reason(to_string(result.error()));
  }
  log_probe_error(device, driver, result.error());
  return result;
}

void retry_deferred() {
  // A probe inside a probe leaves the retry to the outermost: what waits may wait for that one.
  if (model.probing > 0) {
    return;
  }
  // Each further round has at least one device fewer that waits.
  do {
    model.bound = false;
    for_each_device([](Device& device) {
      if (device.state_ == State::Deferred) {
        (void)device.bus_->try_to_bind(device, Bus::How::AsTheDriverPrefers);
      }
    });
  } while (model.bound);
}

// --- Asynchronous probes -------------------------------------------------------------------------

void Bus::finish_async_probe(Device& device) {
  const Driver& driver = *device.driver_;
  ++model.probing;
  if (device.probe_given_) {
    device.probe_job_.wait();
  } else {
    device.probe_result_ = probe(device);
  }
  --model.probing;
  const Result<void> result = end_probe(device, device.probe_result_);
  if (!result && result.error() != Errc::Defer) {
    (void)try_to_bind(device, How::AsTheDriverPrefers, &driver);
  }
}

void wait_for_device_probe() {
  check_may_change();
  while (Device* const device = model.async_probes.pop_front()) {
    device->bus_->finish_async_probe(*device);
    if (model.bound) {
      retry_deferred();
    }
  }
}

// --- By hand, and the end ------------------------------------------------------------------------

Result<void> Bus::bind(Device& device) {
  wait_for_device_probe();
  if (device.bus_ != this) {
    return fail(Errc::Invalid);
  }
  if (device.state_ == State::Bound || device.state_ == State::Probing) {
    return fail(Errc::Busy);
  }
  for (Driver& driver : drivers_) {
    if (match(device, driver) && driver.suppress_bind()) {
      return fail(Errc::NotSupported);
    }
  }
  const Result<void> result = try_to_bind(device, How::Now);
  if (model.bound) {
    retry_deferred();
  }
  return result;
}

Result<void> Bus::unbind(Device& device) {
  wait_for_device_probe();
  if (device.bus_ == this && device.state_ == State::Probing) {
    return fail(Errc::Busy);
  }
  if (device.bus_ != this || device.state_ != State::Bound) {
    return fail(Errc::Invalid);
  }
  if (device.driver_->suppress_bind()) {
    return fail(Errc::NotSupported);
  }
  release(device);
  return {};
}

// Of the links to consumers that are bound, that of the one to be unbound first.
const Link* Bus::last_consumer(const Device& device) {
  const Link* last = nullptr;
  for (const Link& link : device.consumers()) {
    if (link.consumer.state_ == State::Bound &&
        (last == nullptr || link.consumer.bound_order_ > last->consumer.bound_order_)) {
      last = &link;
    }
  }
  return last;
}

// How long a chain of links is, a device tree says: no recursion.
void Bus::release(Device& device) {
  wait_for_device_probe();
  SLUICE_ASSERT(device.state_ != State::Probing);  // our caller's caller is at it
  while (device.state_ == State::Bound) {
    Device* last = &device;
    const Link* by = nullptr;
    while (const Link* const link = last_consumer(*last)) {
      by = link;
      last = &link->consumer;
    }
    last->bus_->unbind_one(*last);
    if (by != nullptr) {
      (void)last->defer_for(*by);
      last->state_ = State::Deferred;
    }
  }
}

void Bus::unbind_one(Device& device) {
  remove(device);
  device.release_all();
  device.driver_ = nullptr;
  device.driver_data = nullptr;
  device.state_ = State::Unbound;
  device.suspended_ = false;
  send_uevent(device, Action::Unbind);
}

}  // namespace sluice::dev
