// The virtio bus: Device, Driver and Bus (Linux: virtio_device, virtio_driver, virtio_bus).
// Transports add devices, drivers of device types drive them; the bus does what is the same for all
// of them, in the order of virtio 1.2, 3.1.1 (legacy: 3.1.2). Task context, unless said otherwise.
//
//   1. reset   2. ACKNOWLEDGE   3. DRIVER   4. features: what the driver's table and the device
//   have in common; validate()
//   5. FEATURES_OK   6. is it still set?   7. Driver::probe: queues, configuration   8. DRIVER_OK
//   then Driver::scan
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string_view>

#include <sluice/drivers/base/bus.hpp>
#include <sluice/drivers/virtio/transport.hpp>
#include <sluice/drivers/virtio/virtqueue.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::virtio {

class Driver;

// A device on the bus, and its driver's way to it.
class Device final : public dev::Device, public irq::Witness {
 public:
  static constexpr u32 kMaxQueues = 16;
  using QueueHandler = void (*)(void* context);

  // `parent` and `transport` outlive it.
  Device(std::string_view name, dev::Device* parent, Transport& transport);
  ~Device() override;

  Transport& transport() const { return transport_; }
  u32 id() const { return transport_.device_id(); }
  bool legacy() const { return transport_.legacy(); }
  u64 offered() const { return offered_; }
  u64 features() const { return features_; }  // negotiated
  bool has(u64 feature) const { return (features_ & feature) != 0; }
  // Device type, interface, negotiated features and queues. Task.
  void describe(Sink& out) const override;
  // In Driver::validate only: does without.
  void decline(u64 features) { features_ &= ~features; }

  // In Driver::probe: queue `index` with `wanted` elements, or what the device has where that is
  // less; a split queue's is rounded down to a power of two. `handler` is called in irq context
  // when buffers may have come back; the queue lives until the driver is unbound. Malformed: there
  // is none, logged (NotFound would say that there is no device); NoMemory; and what the transport
  // says.
  Result<Virtqueue*> create_queue(u32 index, u32 wanted, QueueHandler handler, void* context);
  std::span<const std::unique_ptr<Virtqueue>> queues() const {
    return {queues_.data(), queue_count_};
  }

  // Step 8. The bus does it after probe; a driver that does I/O in probe does it itself. Nothing
  // happens the second time.
  void ready();
  // May interrupts be handled and buffers be added?
  bool live() const { return live_.load(std::memory_order_relaxed) != 0; }
  // It is not live from now on, until ready(). In Driver::reset_prepare and freeze, for a driver
  // that has to see the last of those off who still believe that it is. Task or work.
  void leave_service();

  // Stops the device: no interrupt is handled from now on, and once it is Ok the device touches no
  // memory. Timeout: it does not reset; then what was lent to it is abandoned, never freed.
  Result<void> reset();
  // Might the device still touch what was lent to it?
  bool holds_memory() const { return holds_memory_; }

  // Takes a device that broke the rules out of service: soon, as work of the hart that booted, it
  // is reset and its driver's failed() is called. Any context.
  void break_down();
  // Has a device that does not answer reset and set up again, as work of the same hart, with the
  // driver's reset_prepare() and reset_done() around it. While the reset is not complete, what the
  // device was lent stays lent. Where it comes to nothing, as break_down(). Any context.
  void recover();

  // The transport's interrupt: reads and acknowledges its cause, then serves queues and
  // configuration. Irq.
  void handle_interrupt();
  // Has the device interrupt that hart. False: its controller does not reach it, logged. Any
  // context.
  bool interrupt_at(Hart& hart) { return parent()->route_irqs(hart).has_value(); }
  // By all queues since they were set up, while it is live. Any context.
  u32 buffers_taken() const;

  // irq::Witness: an interrupt had a reason if a buffer came back. A line that never goes down is
  // silenced, and then the device is taken out of service.
  u32 work_done() override;
  void stormed() override;

 private:
  friend class Bus;

  struct QueueInterrupt {
    QueueHandler handler = nullptr;
    void* context = nullptr;
  };

  // What is to be seen to in work context.
  enum class Trouble : u32 { None, Silent, Broken };
  static constexpr u32 kMostLooks = 300;  // at a reset that goes on, and in between:
  static constexpr u64 kLookPauseNs = 10'000'000;

  Driver& virtio_driver() const;
  Result<void> negotiate();
  Result<void> accept_features();
  Result<std::unique_ptr<Virtqueue>> make_queue(u32 index, u32 size);
  void add_status(u32 bit);
  void was_reset();
  Result<void> set_up_again();
  void give_up();
  void stop();
  void report(Trouble trouble);
  void serve();
  void begin_recovery();
  void go_on_recovering();
  Result<void> end_recovery();
  void end_work();
  void take_out_of_service();

  Transport& transport_;
  u64 offered_ = 0;
  u64 features_ = 0;
  u32 status_ = 0;             // the bits that were set since the last reset
  std::atomic<u32> live_{0};   // between ready() and reset()
  bool holds_memory_ = false;  // a queue was set up since the last reset
  bool deaf_ = false;          // the last reset did not succeed
  std::atomic<Trouble> trouble_{Trouble::None};
  u32 looks_left_ = 0;         // not 0: a recovery goes on
  u32 buffers_at_look_ = 0;    // for work_done()
  std::atomic<u32> lives_{0};  // how often it left service
  std::atomic<u32> silenced_{0};
  u32 queue_count_ = 0;
  std::array<std::unique_ptr<Virtqueue>, kMaxQueues> queues_;
  std::array<QueueInterrupt, kMaxQueues> handlers_;
  Work work_;
  Timer recovery_timer_;
};

// Drives devices of some types.
class Driver : public dev::Driver {
 public:
  static constexpr std::string_view kBusName = "virtio";
  using dev::Driver::Driver;
  std::string_view bus_name() const final { return kBusName; }

  // The device types it drives (virtio 1.2, 5).
  virtual std::span<const u32> ids() const = 0;
  // The features it uses where they are offered; VERSION_1 is added for devices that are not
  // legacy.
  virtual u64 features() const = 0;
  virtual u64 legacy_features() const { return features(); }

  // Step 4: looks at the device's configuration and declines features that it cannot use after all.
  virtual Result<void> validate(Device&) { return {}; }
  // Step 7.
  virtual Result<void> probe(Device& device) = 0;
  // The device is live.
  virtual void scan(Device&) {}
  // The driver lets go: it ends what is in flight, for which it resets the device. The bus frees
  // the queues.
  virtual void remove(Device& device) = 0;
  // The device's configuration changed. Work.
  virtual void config_changed(Device&) {}
  // A device that does not answer, or gave up, is about to be reset: no more is given to it, and
  // what it has is left alone until reset_done(). False: that is in vain. Work.
  virtual bool reset_prepare(Device&) { return false; }
  // It was reset and set up again as probe() left it, with the same features and empty queues, and
  // is not live yet: the driver makes it so. An error takes it out of service. Work.
  virtual Result<void> reset_done(Device&) { return fail(Errc::NotSupported); }
  // The device is out of service; it was reset, if it could be (Device::holds_memory): what is in
  // flight never comes back. Task or work.
  virtual void failed(Device&) {}
  // The machine is about to be switched off: no more I/O. The bus resets the device.
  virtual void shutdown(Device&) {}
  // Before a sleep of the machine: from now on nothing is with the device, which the bus resets.
  virtual Result<void> freeze(Device&) { return fail(Errc::NotSupported); }
  // And after it, set up as for reset_done(); the bus makes it live. After an error it stays
  // suspended.
  virtual Result<void> restore(Device&) { return fail(Errc::NotSupported); }

  // What the device model calls; only devices of the virtio bus get here.
  Result<void> probe(dev::Device& device) final { return probe(static_cast<Device&>(device)); }
  void remove(dev::Device& device) final { remove(static_cast<Device&>(device)); }
  void shutdown(dev::Device& device) final { shutdown(static_cast<Device&>(device)); }
  Result<void> suspend(dev::Device& device) final { return freeze(static_cast<Device&>(device)); }
  Result<void> resume(dev::Device& device) final { return restore(static_cast<Device&>(device)); }
};

// All devices on it are virtio::Devices, all drivers virtio::Drivers.
class Bus final : public dev::Bus {
 public:
  Bus() : dev::Bus(Driver::kBusName) {}

  bool match(const dev::Device& device, const dev::Driver& driver) const override;
  // MODALIAS, as Linux makes it but for the vendor: "virtio:d00000002v*".
  void uevent(const dev::Device& device, dev::Uevent& event) const override;
  Result<void> probe(dev::Device& device) override;
  void remove(dev::Device& device) override;
  void shutdown(dev::Device& device) override;
  Result<void> suspend_device(dev::Device& device) override;
  Result<void> resume_device(dev::Device& device) override;
};

}  // namespace sluice::virtio
