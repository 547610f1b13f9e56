// Driver: what drives devices of a bus (Linux: device_driver).
// One object per driver, without constructors that register anything: the image names its drivers
// (docs/your-own-image.md). docs/write-a-driver.md goes through one from nothing to its test.
#pragma once

#include <string_view>

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::dev {

class Device;

// How a driver wants to be probed when a device or the driver arrives.
enum class ProbeType : u8 {
  Synchronous,         // there and then
  PreferAsynchronous,  // later, beside other probes (probe.hpp)
};

class Driver : public ListNode<> {
 public:
  constexpr explicit Driver(std::string_view name) : name_(name) {}
  virtual ~Driver() = default;
  std::string_view name() const { return name_; }

  // The bus this driver is for, by name.
  virtual std::string_view bus_name() const = 0;
  // What its devices are to the rest of the system while it drives them: "block", "tty"; or nothing
  // (Linux: class).
  virtual std::string_view class_name() const { return {}; }
  virtual ProbeType probe_type() const { return ProbeType::Synchronous; }
  // False: it is probed whether its device's suppliers are bound or not (Linux: a node of "best
  // effort"); their order holds as far as they are.
  virtual bool waits_for_suppliers() const { return true; }
  // True: bind and unbind by hand are refused.
  virtual bool suppress_bind() const { return false; }

  // Takes the device into service. Defer: asked again after another device was bound; NotFound:
  // there is nothing in its place, which is no failure. What is taken through the device's managed
  // resources needs no undoing here. Task.
  virtual Result<void> probe(Device& device) = 0;
  // Takes it out of service; managed resources are released afterwards. Task.
  virtual void remove(Device&) {}
  // The machine goes down: quiet the device. Task.
  virtual void shutdown(Device&) {}
  // Quiets the device with all that is in flight, and wakes it. An error: it is as it was. Task.
  virtual Result<void> suspend(Device&) { return {}; }
  virtual Result<void> resume(Device&) { return {}; }

 private:
  std::string_view name_;
};

}  // namespace sluice::dev
