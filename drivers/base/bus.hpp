// Bus: what devices and their drivers meet on (Linux: bus_type), and the machine's buses.
// A bus matches devices with drivers whenever either arrives; probing binds them (probe.hpp). All
// devices come and go on the hart that booted, in task context (elsewhere a checked crash).
#pragma once

#include <string_view>

#include <sluice/drivers/base/device.hpp>
#include <sluice/drivers/base/driver.hpp>

namespace sluice::dev {

class Uevent;

class Bus : public ListNode<> {
 public:
  constexpr explicit Bus(std::string_view name) : name_(name) {}
  virtual ~Bus() = default;
  std::string_view name() const { return name_; }

  // Does this driver drive that device?
  virtual bool match(const Device& device, const Driver& driver) const = 0;
  // Adds what the bus knows of a device to an event about it: MODALIAS and the like.
  virtual void uevent(const Device&, Uevent&) const {}
  // What the bus does around its drivers' callbacks; the default calls the driver's.
  virtual Result<void> probe(Device& device);
  virtual void remove(Device& device);
  virtual void shutdown(Device& device);
  virtual Result<void> suspend_device(Device& device);
  virtual Result<void> resume_device(Device& device);

  // A device arrives (it outlives its time on the bus), or goes: unbound, then forgotten, with its
  // links. Exists: the name is taken.
  Result<void> add_device(Device& device);
  void remove_device(Device& device);
  // A driver arrives, or goes: its devices are unbound.
  void add_driver(Driver& driver);
  void remove_driver(Driver& driver);

  // By hand. Busy: bound already, or being probed by the caller's caller; NotSupported:
  // suppress_bind; NotFound: nothing matches; Invalid: not bound, or not on this bus; else what the
  // last probe said.
  Result<void> bind(Device& device);
  Result<void> unbind(Device& device);
  // Unbinds without asking suppress_bind, as at the end of a device; its consumers before it, which
  // then wait for it. Nothing happens where it is not bound.
  void release(Device& device);
  // Unbinds every device, last bound first.
  void release_all();

  // Quiets a bound device without unbinding it, and wakes it. Invalid: it is not bound, suspended
  // already, or not suspended. Busy: a child or consumer is awake, or, to wake it, its parent or a
  // supplier is suspended. Else what its driver or its bus says: then it is as it was, or out of
  // service where its bus gave it up, or, if it did not wake, suspended still.
  Result<void> suspend(Device& device);
  Result<void> resume(Device& device);

  const List<Device>& devices() const { return devices_; }
  const List<Driver>& drivers() const { return drivers_; }
  Device* find_device(std::string_view name) const;

 private:
  friend void retry_deferred();
  friend void wait_for_device_probe();
  friend Result<void> suspend_all(Device** failed);
  friend Result<void> resume_all(Device** failed);
  enum class How : u8 { Now, AsTheDriverPrefers };
  // Tries drivers in the order they came, of those behind `after` where there is one, until one
  // binds, defers or goes on by itself. NotFound: none matches.
  Result<void> try_to_bind(Device& device, How how, const Driver* after = nullptr);
  Result<void> bind_to(Device& device, Driver& driver, How how);
  Result<void> end_probe(Device& device, Result<void> result);
  void finish_async_probe(Device& device);
  void unbind_one(Device& device);
  Result<void> put_to_sleep(Device& device);
  static Result<void> resume_since(u64 since, Device** failed);
  Device* last_bound(const Driver* driver) const;
  static const Link* last_consumer(const Device& device);

  std::string_view name_;
  List<Device> devices_;
  List<Driver> drivers_;
};

// Buses of the machine, in the order they were added; a bus is in the list from add_bus to
// remove_bus.
void add_bus(Bus& bus);
void remove_bus(Bus& bus);
Bus* find_bus(std::string_view name);
const List<Bus>& buses();

// Calls visit(device) for every device of the machine, bus by bus, in the order they came.
template <class Visit>
void for_each_device(Visit visit) {
  for (const Bus& bus : buses()) {
    for (Device& device : bus.devices()) {
      visit(device);
    }
  }
}

// Gives a driver to the bus that it names. NotFound: there is no such bus.
Result<void> add_driver(Driver& driver);

}  // namespace sluice::dev
