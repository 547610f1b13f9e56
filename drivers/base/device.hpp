// Device: something on a bus (Linux: device), and what its driver takes through it. Drivers are in
// driver.hpp, buses and the whole of the model in bus.hpp; docs/device-model.md is the guide. What
// a driver takes in probe through the device's managed resources is released in reverse order when
// probe fails or the device goes. Task context throughout, unless said otherwise.
#pragma once

#include <array>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include <sluice/drivers/base/link.hpp>
#include <sluice/kernel/dma.hpp>
#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/format.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/list.hpp>
#include <sluice/kernel/mmio.hpp>
#include <sluice/kernel/result.hpp>
#include <sluice/kernel/work.hpp>

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

enum class State : u8 { Unbound, Probing, Deferred, Bound, Failed };
std::string_view to_string(State state);

struct OfAsyncProbes;  // the list of the model's asynchronous probes

// Buses derive from it to add what they know (virtio::Device).
class Device : public ListNode<>, public ListNode<OfAsyncProbes> {
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
  // What it is to the rest of the system while it is bound (Driver::class_name), or nothing.
  std::string_view class_name() const;
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

  // Says that this device needs `supplier`, until either goes: link.hpp. `what` it is to this one.
  // Again makes no difference. Invalid, logged: it needs itself in the end; NoMemory.
  Result<void> add_supplier(Device& supplier, std::string_view what = "its supplier");
  const List<Link, OfConsumer>& suppliers() const { return suppliers_; }
  const List<Link, OfSupplier>& consumers() const { return consumers_; }

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
  // Zeroed memory that the device may use, as DmaBuffer::allocate(). NoMemory.
  Result<DmaBuffer*> make_dma_buffer(usize bytes, usize alignment, u64 mask);
  // Adds `child`, whose parent this is and which lives as long as the binding, to a bus, which it
  // leaves with the binding. NoMemory; Exists. On the hart that booted.
  Result<void> add_child(Bus& bus, Device& child);
  // Calls `release(context)` with the binding's end. NoMemory, and then it is not called.
  Result<void> add_release(void (*release)(void* context), void* context);

 private:
  friend class Bus;
  friend class Walk;
  friend void retry_deferred();
  friend void wait_for_device_probe();
  friend Result<void> suspend_all(Device** failed);
  friend Result<void> resume_all(Device** failed);
  friend void shutdown_all();
  struct Managed {
    Managed* previous;
    void (*release)(void* context);
    void* context;
  };
  void release_all();
  void remove_links();
  std::unexpected<Errc> defer_for_controller(u32 phandle);
  void set_reason(std::string_view reason);
  std::unexpected<Errc> defer_for(const Link& link);

  std::array<char, 32> name_{};
  Device* parent_;
  Bus* bus_ = nullptr;
  Driver* driver_ = nullptr;
  State state_ = State::Unbound;
  bool suspended_ = false;
  bool probe_given_ = false;  // its probe is a job of another hart
  std::array<char, 96> reason_{};
  static inline u64 last_order_ = 0;
  u64 bound_order_ = 0;    // grows with each probe that begins: a parent's before its children's
  u64 suspend_order_ = 0;  // grows with each that is suspended
  Managed* managed_ = nullptr;
  List<Link, OfConsumer> suppliers_;
  List<Link, OfSupplier> consumers_;
  Job probe_job_;  // of an asynchronous probe
  Result<void> probe_result_;
  // Of a walk through the devices (walk.hpp): which one saw it last, and the way back.
  u64 seen_by_walk_ = 0;
  Device* walk_back_ = nullptr;
};

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
