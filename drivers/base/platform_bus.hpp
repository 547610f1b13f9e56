// The platform bus: devices that nothing but the device tree tells of (Linux: platform_device,
// of_platform). Used by boot, which populates it, and by drivers of devices with registers at fixed
// places. Task context. Reference: Devicetree Specification 0.4, 2.3 (standard properties), 2.4
// (interrupts), 4.5 (simple-bus).
#pragma once

#include <span>
#include <string_view>

#include <sluice/drivers/base/bus.hpp>
#include <sluice/kernel/fdt.hpp>

namespace sluice::dev {

// A driver for platform devices: compatibles() is its match table.
class PlatformDriver : public Driver {
 public:
  static constexpr std::string_view kBusName = "platform";
  using Driver::Driver;
  std::string_view bus_name() const final { return kBusName; }
  // The `compatible` strings that it drives; none for one that matches by name alone ("ram" drives
  // "ram0").
  virtual std::span<const std::string_view> compatibles() const { return {}; }
};

class PlatformBus final : public Bus {
 public:
  PlatformBus() : Bus(PlatformDriver::kBusName) {}
  // Takes its devices out of service (interrupt controllers last) and destroys those that
  // populate() made.
  ~PlatformBus() override;

  // A device with a node by one of the node's `compatible` strings, in their order; one without by
  // its name without its trailing digits.
  bool match(const Device& device, const Driver& driver) const override;
  // MODALIAS, as Linux makes it: "of:NrtcT(null)Cgoogle,goldfish-rtc", "platform:ram0".
  void uevent(const Device& device, Uevent& event) const override;

  // Makes a device for every enabled node with a `compatible` below the root and below each
  // `simple-bus`: registers from `reg`, translated to the root by `ranges`; interrupts from
  // `interrupts` or `interrupts-extended`, whose controllers, as far as they are devices, become
  // its suppliers. A device is named as Linux names it:
  // "10008000.virtio_mmio". What makes no sense is logged and left out. The tree outlives the bus.
  // NoMemory, after which the bus has the devices made so far.
  Result<void> populate(const fdt::Tree& tree);

  static constexpr u32 kMaxDevices = 256;  // made by populate()
  static constexpr u32 kMaxDepth = 8;      // of buses in buses

 private:
  // A device of populate(), in a chain to the one made before it.
  struct Owned final : Device {
    Owned(std::string_view name, Device* parent, Owned* made_before)
        : Device(name, parent), previous(made_before) {}
    Owned* previous;
  };
  struct Path;

  Result<void> populate_children(fdt::Node bus, Path& path);
  Result<Device*> make_device(fdt::Node node, Path& path);
  Result<void> link_controllers();
  Device* find_by_phandle(u32 phandle) const;

  Owned* last_made_ = nullptr;
  u32 made_ = 0;
};

}  // namespace sluice::dev
