// The machine's buses, and the arrival and departure of devices and drivers.
#include <sluice/drivers/base/bus.hpp>

#include <sluice/drivers/base/model.hpp>
#include <sluice/drivers/base/probe.hpp>
#include <sluice/drivers/base/uevent.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::dev {

constinit Model model;

void check_may_change() {
  SLUICE_ASSERT(port::this_hart().index == 0);
  SLUICE_ASSERT(!sending_uevent());
}

// --- The machine ---------------------------------------------------------------------------------

void add_bus(Bus& bus) {
  model.buses.push_back(bus);
}
void remove_bus(Bus& bus) {
  model.buses.remove(bus);
}
const List<Bus>& buses() {
  return model.buses;
}

Bus* find_bus(std::string_view name) {
  for (Bus& bus : model.buses) {
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

// --- Arrivals and departures ---------------------------------------------------------------------

Device* Bus::find_device(std::string_view name) const {
  for (Device& device : devices_) {
    if (device.name() == name) {
      return &device;
    }
  }
  return nullptr;
}

Result<void> Bus::add_device(Device& device) {
  check_may_change();
  if (find_device(device.name()) != nullptr) {
    log::error("bus {}: there is a device {} already", name_, device.name());
    return fail(Errc::Exists);
  }
  SLUICE_ASSERT(device.bus_ == nullptr);
  device.bus_ = this;
  devices_.push_back(device);
  send_uevent(device, Action::Add);
  (void)try_to_bind(device, How::AsTheDriverPrefers);
  if (model.bound) {
    retry_deferred();
  }
  return {};
}

void Bus::remove_device(Device& device) {
  SLUICE_ASSERT(device.bus_ == this);
  release(device);
  send_uevent(device, Action::Remove);
  device.remove_links();
  devices_.remove(device);
  device.bus_ = nullptr;
  device.state_ = State::Unbound;
  device.set_reason({});
}

void Bus::add_driver(Driver& driver) {
  check_may_change();
  SLUICE_ASSERT(driver.bus_name() == name_);
  drivers_.push_back(driver);
  for (Device& device : devices_) {
    const bool free = device.state_ != State::Bound && device.state_ != State::Probing;
    if (free && match(device, driver)) {
      (void)try_to_bind(device, How::AsTheDriverPrefers);
    }
  }
  if (model.bound) {
    retry_deferred();
  }
}

void Bus::remove_driver(Driver& driver) {
  wait_for_device_probe();
  while (Device* device = last_bound(&driver)) {
    release(*device);
  }
  drivers_.remove(driver);
}

void Bus::release_all() {
  wait_for_device_probe();
  while (Device* device = last_bound(nullptr)) {
    release(*device);
  }
}

// Of the devices that `driver` drives, or any, the one that was bound last.
Device* Bus::last_bound(const Driver* driver) const {
  Device* last = nullptr;
  for (Device& device : devices_) {
    const bool candidate =
        device.state_ == State::Bound && (driver == nullptr || device.driver_ == driver);
    if (candidate && (last == nullptr || device.bound_order_ > last->bound_order_)) {
      last = &device;
    }
  }
  return last;
}

}  // namespace sluice::dev
