// Puts a device of the referee into a test's World: registers at a physical address, the World's
// arena as its memory, its interrupt line at the World's controller, its steps in idle().
// Used by tests of Sluice's virtio drivers. The only part of the referee that knows Sluice.
//
//   test::World world;
//   referee::BlockDevice disk({.sectors = 64});
//   referee::SluiceDevice slot(world, disk, {.base = PhysAddr(0x1000'1000), .irq_source = 1});
//   … probe a driver for slot.base() and interrupt slot.irq_source() of world.controller …
//   slot.device.knobs.hold = true;
//
// Declare it after the World and before the driver: the driver must have reset the device, or given
// it up, before its memory goes, and that is judged when the adapter ends.
#pragma once

#include <exception>
#include <memory>

#include <sluice/kernel/mmio.hpp>

#include "mmio_device.hpp"
#include "tests/port/world.hpp"

namespace referee {

// The arena of a World as memory lent to the device.
class SluiceMemory final : public Memory {
 public:
  explicit SluiceMemory(sluice::test::World& world) : world_(world) {}
  std::span<std::byte> at(std::uint64_t bus, std::uint64_t bytes) override {
    return world_.arena.at(bus, bytes);
  }

 private:
  sluice::test::World& world_;
};

// A device's registers as Sluice's drivers see them, with the fences around each access that
// registers in memory have.
class SluiceRegisters final : public sluice::MmioRegion {
 public:
  explicit SluiceRegisters(MmioDevice& device) : device_(device) {}
  std::uint64_t bytes() const override { return kRegisterBytes; }
  std::uint8_t read8(std::uint64_t offset) override {
    return static_cast<std::uint8_t>(load_register(offset, 1));
  }
  std::uint16_t read16(std::uint64_t offset) override {
    return static_cast<std::uint16_t>(load_register(offset, 2));
  }
  std::uint32_t read32(std::uint64_t offset) override { return load_register(offset, 4); }
  void write8(std::uint64_t offset, std::uint8_t value) override {
    store_register(offset, 1, value);
  }
  void write16(std::uint64_t offset, std::uint16_t value) override {
    store_register(offset, 2, value);
  }
  void write32(std::uint64_t offset, std::uint32_t value) override {
    store_register(offset, 4, value);
  }

 private:
  std::uint32_t load_register(std::uint64_t offset, unsigned width) {
    const std::uint32_t value = device_.read(offset, width);
    sluice::order_after_status();
    return value;
  }
  void store_register(std::uint64_t offset, unsigned width, std::uint32_t value) {
    sluice::order_before_notify();
    device_.write(offset, width, value);
  }

  MmioDevice& device_;
};

struct Place {
  sluice::PhysAddr base{0x1000'1000};
  std::uint32_t irq_source = 1;
};

class SluiceDevice {
 public:
  SluiceDevice(sluice::test::World& world, Personality& personality, Place place = {},
               const Setup& setup = {});
  SluiceDevice(const SluiceDevice&) = delete;
  SluiceDevice& operator=(const SluiceDevice&) = delete;
  // Throws Violation where the driver left something with the device that is gone.
  ~SluiceDevice() noexcept(false);

 private:
  SluiceMemory memory_;

 public:
  MmioDevice device;
  SluiceRegisters registers{device};

  sluice::PhysAddr base() const { return place_.base; }
  std::uint32_t irq_source() const { return place_.irq_source; }

 private:
  bool step();
  void update_line();

  sluice::test::World& world_;
  Place place_;
  std::shared_ptr<bool> gone_ = std::make_shared<bool>(false);  // for the World's step that stays
};

}  // namespace referee
