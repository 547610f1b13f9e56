// Buses: matching on either arrival, probing, deferring, unbinding.
#include <sluice/drivers/base/device.hpp>

#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::dev {
namespace {

struct Machine {
  List<Bus> buses;
  u32 probing = 0;     // depth of probes inside probes
  bool bound = false;  // did one succeed since the last look at the deferred devices?
};

constinit Machine machine;

// A probe that asks for a device that is not there yet, or finds an empty place, is no failure to
// tell of.
void log_probe_error(const Device& device, const Driver& driver, Errc error) {
  const log::Level level =
      error == Errc::Defer || error == Errc::NotFound ? log::Level::Debug : log::Level::Error;
  log::write(level, "{}: {}: {} ({})", device.name(), driver.name(), device.reason(),
             to_string(error));
}

}  // namespace

// --- The machine
// -------------------------------------------------------------------------------------------------------

void add_bus(Bus& bus) {
  machine.buses.push_back(bus);
}
void remove_bus(Bus& bus) {
  machine.buses.remove(bus);
}
const List<Bus>& buses() {
  return machine.buses;
}

Bus* find_bus(std::string_view name) {
  for (Bus& bus : machine.buses) {
    if (bus.name() == name) {
      return &bus;
    }
  }
  return nullptr;
}

Result<void> add_driver(Driver& driver) {
  Bus* bus = find_bus(driver.bus_name());
  if (bus == nullptr) {
    log::error("driver {}: there is no bus {}", driver.name(), driver.bus_name());
    return fail(Errc::NotFound);
  }
  bus->add_driver(driver);
  return {};
}

void retry_deferred() {
  // A probe inside a probe leaves the retry to the outermost: what waits may wait for that one.
  if (machine.probing > 0) {
    return;
  }
  // Each further round has at least one device fewer that waits.
  do {
    machine.bound = false;
    for (Bus& bus : machine.buses) {
      for (Device& device : bus.devices_) {
        if (device.state_ == State::Deferred) {
          (void)bus.try_to_bind(device);
        }
      }
    }
  } while (machine.bound);
}

void shutdown_all() {
  for (u64 before = ~u64{0};;) {
    Device* last = nullptr;
    for (Bus& bus : machine.buses) {
      Device* candidate = Bus::last_bound(bus.devices_, before);
      if (candidate != nullptr &&
          (last == nullptr || candidate->bound_order_ > last->bound_order_)) {
        last = candidate;
      }
    }
    if (last == nullptr) {
      return;
    }
    before = last->bound_order_;
    last->bus_->shutdown(*last);
  }
}

// --- What a bus does around its drivers' callbacks
// ---------------------------------------------------------------------

Result<void> Bus::probe(Device& device) {
  return device.driver()->probe(device);
}
void Bus::remove(Device& device) {
  device.driver()->remove(device);
}
void Bus::shutdown(Device& device) {
  device.driver()->shutdown(device);
}

Result<void> Bus::suspend_device(Device& device) {
  return device.driver()->suspend(device);
}
Result<void> Bus::resume_device(Device& device) {
  return device.driver()->resume(device);
}

Result<void> Bus::suspend(Device& device) {
  if (device.state_ != State::Bound || device.suspended_) {
    return fail(Errc::Invalid);
  }
  TRY(suspend_device(device));
  device.suspended_ = true;
  return {};
}

Result<void> Bus::resume(Device& device) {
  if (device.state_ != State::Bound || !device.suspended_) {
    return fail(Errc::Invalid);
  }
  TRY(resume_device(device));
  device.suspended_ = false;
  return {};
}

// --- Arrivals and departures
// -------------------------------------------------------------------------------------------

Device* Bus::find_device(std::string_view name) const {
  for (Device& device : devices_) {
    if (device.name() == name) {
      return &device;
    }
  }
  return nullptr;
}

Result<void> Bus::add_device(Device& device) {
  if (find_device(device.name()) != nullptr) {
    log::error("bus {}: there is a device {} already", name_, device.name());
    return fail(Errc::Exists);
  }
  SLUICE_ASSERT(device.bus_ == nullptr);
  device.bus_ = this;
  devices_.push_back(device);
  (void)try_to_bind(device);
  retry_deferred_after_success();
  return {};
}

void Bus::remove_device(Device& device) {
  SLUICE_ASSERT(device.bus_ == this);
  release(device);
  devices_.remove(device);
  device.bus_ = nullptr;
  device.state_ = State::Unbound;
  device.set_reason({});
}

void Bus::add_driver(Driver& driver) {
  SLUICE_ASSERT(driver.bus_name() == name_);
  drivers_.push_back(driver);
  for (Device& device : devices_) {
    const bool free = device.state_ != State::Bound && device.driver_ == nullptr;
    if (free && match(device, driver)) {
      (void)try_to_bind(device);
    }
  }
  retry_deferred_after_success();
}

void Bus::remove_driver(Driver& driver) {
  while (Device* device = last_bound_to(driver)) {
    release(*device);
  }
  drivers_.remove(driver);
}

void Bus::release_all() {
  while (Device* device = last_bound(devices_, ~u64{0})) {
    release(*device);
  }
}

// --- Binding
// -----------------------------------------------------------------------------------------------------------

Result<void> Bus::try_to_bind(Device& device) {
  // What an earlier probe said holds no more where its driver has gone.
  device.state_ = State::Unbound;
  device.set_reason({});
  Result<void> result = fail(Errc::NotFound);
  for (Driver& driver : drivers_) {
    if (!match(device, driver)) {
      continue;
    }
    result = bind_to(device, driver);
    if (result || result.error() == Errc::Defer) {
      break;
    }
  }
  return result;
}

Result<void> Bus::bind_to(Device& device, Driver& driver) {
  device.driver_ = &driver;
  device.bound_order_ = ++Device::last_order_;
  device.set_reason({});
  ++machine.probing;
  const Result<void> result = probe(device);
  --machine.probing;
  if (result) {
    device.state_ = State::Bound;
    device.set_reason({});
    machine.bound = true;
    log::debug("{}: driven by {}", device.name(), driver.name());
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

Result<void> Bus::bind(Device& device) {
  if (device.bus_ != this) {
    return fail(Errc::Invalid);
  }
  if (device.state_ == State::Bound) {
    return fail(Errc::Busy);
  }
  for (Driver& driver : drivers_) {
    if (match(device, driver) && driver.suppress_bind()) {
      return fail(Errc::NotSupported);
    }
  }
  const Result<void> result = try_to_bind(device);
  retry_deferred_after_success();
  return result;
}

Result<void> Bus::unbind(Device& device) {
  if (device.bus_ != this || device.state_ != State::Bound) {
    return fail(Errc::Invalid);
  }
  if (device.driver_->suppress_bind()) {
    return fail(Errc::NotSupported);
  }
  release(device);
  return {};
}

void Bus::release(Device& device) {
  if (device.state_ != State::Bound) {
    return;
  }
  remove(device);
  device.release_all();
  device.driver_ = nullptr;
  device.driver_data = nullptr;
  device.state_ = State::Unbound;
  device.suspended_ = false;
}

// The bound device, of those whose probe began before `before`, that was bound last.
Device* Bus::last_bound(const List<Device>& devices, u64 before) {
  Device* last = nullptr;
  for (Device& device : devices) {
    const bool candidate = device.state_ == State::Bound && device.bound_order_ < before;
    if (candidate && (last == nullptr || device.bound_order_ > last->bound_order_)) {
      last = &device;
    }
  }
  return last;
}

Device* Bus::last_bound_to(const Driver& driver) const {
  Device* last = nullptr;
  for (Device& device : devices_) {
    const bool candidate = device.state_ == State::Bound && device.driver_ == &driver;
    if (candidate && (last == nullptr || device.bound_order_ > last->bound_order_)) {
      last = &device;
    }
  }
  return last;
}

void Bus::retry_deferred_after_success() {
  if (machine.bound) {
    retry_deferred();
  }
}

}  // namespace sluice::dev
