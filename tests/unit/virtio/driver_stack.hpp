// Sluice's drivers in front of one virtio-mmio slot of the current World, whoever plays the device
// in it: the base of what tests of drivers/virtio call a Machine.
#pragma once

#include <string>
#include <utility>

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/drivers/virtio/bus.hpp>
#include <sluice/drivers/virtio/mmio_transport.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/work.hpp>

#include "ios.hpp"
#include "tests/catch.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {

struct DriverStack {
  // Where the slot is, and its source at the World's controller.
  struct Slot {
    PhysAddr base;
    u64 bytes;
    u32 irq_source;
  };

  DriverStack(const Slot& slot, std::string command_line)
      : words("partitions=0 " + std::move(command_line)) {
    command_line::set(words);
    node.mmio[0] = {slot.base, slot.bytes};
    node.mmio_count = 1;
    node.irqs[0] = {World::current().controller.phandle(), slot.irq_source};
    node.irq_count = 1;
    dev::add_bus(platform);
    dev::add_bus(bus);
    platform.add_driver(mmio_driver);
    bus.add_driver(block_driver);
  }
  DriverStack(const DriverStack&) = delete;
  ~DriverStack() noexcept(false) {
    command_line::set({});
    unplug();
    platform.remove_driver(mmio_driver);
    bus.remove_driver(block_driver);
    dev::remove_bus(bus);
    dev::remove_bus(platform);
  }

  // The slot appears, and its drivers are probed.
  void plug() { REQUIRE(platform.add_device(node).has_value()); }
  void unplug() {
    if (node.bus() != nullptr) {
      platform.remove_device(node);
    }
  }

  virtio::Device* virtio_device() {
    return static_cast<virtio::Device*>(bus.find_device("virtio0"));
  }
  blk::Disk* vda() { return blk::find("vda"); }

  void submit(Io& io) { vda()->submit(io.bio); }
  // As the task of that hart.
  void submit_as(u32 hart, Io& io) {
    World::current().run_as(hart, [&] { submit(io); });
  }
  void submit(const Ios& ios) {
    List<blk::Bio> bios;
    for (const auto& io : ios) {
      bios.push_back(io->bio);
    }
    vda()->submit(bios);
  }
  // Submits and waits as a task would.
  blk::Status run(Io& io) {
    submit(io);
    wait_until([&] { return io.done(); });
    return io.bio.status;
  }
  void wait(const Ios& ios) {
    for (const auto& io : ios) {
      wait_until([&] { return io->done(); });
    }
  }

  std::string words;
  dev::PlatformBus platform;
  virtio::Bus bus;
  virtio::MmioDriver mmio_driver;
  virtio::BlockDriver block_driver;
  dev::Device node{"virtio-mmio0", nullptr};
};

}  // namespace sluice::test
