// A virtio driver of Sluice's, with transport and buses, in front of one virtio-mmio slot of the
// current World, whoever plays the device in it. Used by tests of drivers/virtio and by tests/fuzz.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/base/pm.hpp>
#include <sluice/drivers/base/probe.hpp>
#include <sluice/drivers/virtio/bus.hpp>
#include <sluice/drivers/virtio/mmio_transport.hpp>

#include "tests/port/world.hpp"

namespace sluice::test {

// Where a slot is, and its source at the World's controller.
struct Slot {
  PhysAddr base;
  u64 bytes;
  u32 irq_source;
};

// What the device tree would tell of it.
inline void describe(dev::Device& node, const Slot& slot) {
  node.mmio[0] = {slot.base, slot.bytes};
  node.mmio_count = 1;
  node.irqs[0] = {World::current().controller.phandle(), slot.irq_source};
  node.irq_count = 1;
}

template <class Driver>
struct DriverStack {
  explicit DriverStack(const Slot& slot) {
    describe(node, slot);
    dev::add_bus(platform);
    dev::add_bus(bus);
    platform.add_driver(mmio_driver);
    bus.add_driver(driver);
  }
  DriverStack(const DriverStack&) = delete;
  ~DriverStack() noexcept(false) {
    unplug();
    platform.remove_driver(mmio_driver);
    bus.remove_driver(driver);
    dev::remove_bus(bus);
    dev::remove_bus(platform);
  }

  // The slot appears, and its drivers are probed.
  Result<void> plug() { return platform.add_device(node); }
  void unplug() {
    if (node.bus() != nullptr) {
      platform.remove_device(node);
    }
  }

  virtio::Device* virtio_device() {
    return static_cast<virtio::Device*>(bus.find_device("virtio0"));
  }

  dev::PlatformBus platform;
  virtio::Bus bus;
  virtio::MmioDriver mmio_driver;
  Driver driver;
  dev::Device node{"virtio-mmio0", nullptr};
};

}  // namespace sluice::test
