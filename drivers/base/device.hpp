// The device model: Bus, Device, Driver (Linux: bus_type, device, device_driver).
// A bus matches devices with drivers whenever either arrives. Probing binds them; what a driver
// takes in probe through the Device's managed resources is released in reverse order when probe
// fails or the device goes. Task context throughout, unless said otherwise.
#pragma once

#include <array>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/format.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/list.hpp>
#include <sluice/kernel/mmio.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::dev {

class Bus;
class Driver;

// A range of registers.
struct MmioResource {
  PhysAddr base;
  u64 bytes = 0;
};

// A source of the interrupt controller that the phandle names.
struct IrqResource {
  u32 controller_phandle = 0;
  u32 source = 0;
  irq::Trigger trigger = irq::Trigger::Default;
};

enum class State : u8 { Unbound, Deferred, Bound, Failed };
std::string_view to_string(State state);

// Something on a bus. Buses derive from it to add what they know (virtio::Device).
class Device : public ListNode<> {
 public:
  // `name` of at most 31 bytes, unique on its bus; `parent` is null or outlives the device.
  Device(std::string_view name, Device* parent);
  virtual ~Device();

  std::string_view name() const { return name_.data(); }
  Device* parent() const { return parent_; }
  Bus* bus() const { return bus_; }
  Driver* driver() const { return driver_; }
  State state() const { return state_; }
  bool suspended() const { return suspended_; }  // while bound
  // Why it is deferred, failed or left unbound by a driver that matched, in words; else empty.
  std::string_view reason() const { return reason_.data(); }

  // What its bus knows of it besides, for `lsdev -v`: lines of `key: value`.
  virtual void describe(Sink&) const {}

  void* driver_data = nullptr;           // the driver's, while bound
  std::span<std::byte> platform_data{};  // what whoever added the device tells its driver
  fdt::Node node{};                      // its device-tree node; default: none
  std::array<MmioResource, 4> mmio{};
  u32 mmio_count = 0;
  std::array<IrqResource, 4> irqs{};
  u32 irq_count = 0;

  // Says why a probe waits or fails, for lsdev: `return device.defer("its interrupt controller")`.
  std::unexpected<Errc> defer(std::string_view waits_for);
  std::unexpected<Errc> reject(Errc error, std::string_view why);

  // Managed resources, for probe. Each is released when the driver is unbound, in reverse order.

  // Maps register range `index`. OutOfRange: it has none of that index; Malformed: not aligned to
  // 4 bytes; NoMemory; Invalid: something else is mapped there. All but the first are logged.
  Result<MmioRegion*> map_mmio(u32 index);
  // Asks for interrupt `index`; the handler runs in irq context of the hart that booted. A bound
  // device may ask too, and counts as bound after its controller from then on. What irq::request()
  // says.
  Result<void> request_irq(u32 index, irq::Handler handler, void* context,
                           irq::Witness* witness = nullptr);
  // Has all interrupts that it asked for come to that hart, also those that were silenced.
  // NotSupported, logged: one cannot. Any context in which no lock is held that a handler takes.
  Result<void> route_irqs(Hart& hart);
  // A T constructed with `args`, destroyed with the binding. NoMemory.
  template <class T, class... Args>
  Result<T*> make(Args&&... args);
  // Calls `release(context)` with the binding's end. NoMemory, and then it is not called.
  Result<void> add_release(void (*release)(void* context), void* context);

 private:
  friend class Bus;
  friend void retry_deferred();
  friend void shutdown_all();
  struct Managed {
    Managed* previous;
    void (*release)(void* context);
    void* context;
  };
  void release_all();
  std::unexpected<Errc> defer_for_controller(u32 phandle);
  void set_reason(std::string_view reason);

  std::array<char, 32> name_{};
  Device* parent_;
  Bus* bus_ = nullptr;
  Driver* driver_ = nullptr;
  State state_ = State::Unbound;
  bool suspended_ = false;
  std::array<char, 96> reason_{};
  static inline u64 last_order_ = 0;
  u64 bound_order_ = 0;  // grows with each probe that begins: a parent's before its children's
  Managed* managed_ = nullptr;
};

// What drives devices of a bus. One object per driver, without constructors that register anything:
// the image names its drivers (docs/your-own-image.md).
class Driver : public ListNode<> {
 public:
  constexpr explicit Driver(std::string_view name) : name_(name) {}
  virtual ~Driver() = default;
  std::string_view name() const { return name_; }

  // The bus this driver is for, by name.
  virtual std::string_view bus_name() const = 0;

  // Takes the device into service. Defer: asked again after another device was bound; NotFound:
  // there is nothing in its place, which is no failure. What is taken through the device's managed
  // resources needs no undoing here.
  virtual Result<void> probe(Device& device) = 0;
  // Takes it out of service; managed resources are released afterwards.
  virtual void remove(Device&) {}
  // The machine goes down: quiet the device.
  virtual void shutdown(Device&) {}
  virtual Result<void> suspend(Device&) { return {}; }
  virtual Result<void> resume(Device&) { return {}; }
  // True: bind and unbind by hand are refused.
  virtual bool suppress_bind() const { return false; }

 private:
  std::string_view name_;
};

class Bus : public ListNode<> {
 public:
  constexpr explicit Bus(std::string_view name) : name_(name) {}
  virtual ~Bus() = default;
  std::string_view name() const { return name_; }

  // Does this driver drive that device?
  virtual bool match(const Device& device, const Driver& driver) const = 0;
  // What the bus does around its drivers' callbacks; the default calls the driver's.
  virtual Result<void> probe(Device& device);
  virtual void remove(Device& device);
  virtual void shutdown(Device& device);
  // The default calls the driver's.
  virtual Result<void> suspend_device(Device& device);
  virtual Result<void> resume_device(Device& device);

  // Quiets a bound device without unbinding it, and wakes it. Invalid: it is not bound, suspended
  // already, or not suspended; else what its driver or its bus says: then it is as it was, or out
  // of service where its bus gave it up, or, if it did not wake, suspended still.
  Result<void> suspend(Device& device);
  Result<void> resume(Device& device);

  // A device arrives (it outlives its time on the bus), or goes: unbound, then forgotten. Exists:
  // the name is taken.
  Result<void> add_device(Device& device);
  void remove_device(Device& device);
  // A driver arrives, or goes: its devices are unbound.
  void add_driver(Driver& driver);
  void remove_driver(Driver& driver);

  // By hand. Busy: bound already; NotSupported: suppress_bind; NotFound: nothing matches; Invalid:
  // not bound, or not on this bus; else what the last probe said.
  Result<void> bind(Device& device);
  Result<void> unbind(Device& device);
  // Unbinds without asking suppress_bind, as at the end of a device. Nothing happens where it is
  // not bound.
  void release(Device& device);
  // Unbinds every device, last bound first.
  void release_all();

  const List<Device>& devices() const { return devices_; }
  const List<Driver>& drivers() const { return drivers_; }
  Device* find_device(std::string_view name) const;

 private:
  friend void retry_deferred();
  friend void shutdown_all();
  static Device* last_bound(const List<Device>& devices, u64 before);
  // Tries drivers in the order they came until one binds or defers. NotFound: none matches.
  Result<void> try_to_bind(Device& device);
  Result<void> bind_to(Device& device, Driver& driver);
  Device* last_bound_to(const Driver& driver) const;
  static void retry_deferred_after_success();

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

// Gives a driver to the bus that it names. NotFound: there is no such bus.
Result<void> add_driver(Driver& driver);

// Probes deferred devices again, on every bus, until none of them binds. Called whenever a probe
// has succeeded; by hand where what they wait for comes otherwise.
void retry_deferred();

// Calls shutdown for every bound device, last bound first.
void shutdown_all();

template <class T, class... Args>
Result<T*> Device::make(Args&&... args) {
  T* object = new (std::nothrow) T(std::forward<Args>(args)...);
  if (object == nullptr) {
    return fail(Errc::NoMemory);
  }
  const Result<void> added =
      add_release([](void* context) { delete static_cast<T*>(context); }, object);
  if (!added) {
    delete object;
    return fail(added.error());
  }
  return object;
}

}  // namespace sluice::dev
