// Devices that break the rules, for tests of how the drivers bear it: what stands in a ring, and
// what a register says, is the test's. In another slot there is an honest disk, which must not
// notice.
#pragma once

#include <functional>
#include <utility>

#include <sluice/drivers/virtio/packed_queue.hpp>

#include "machine.hpp"

namespace sluice::test {

// Registers that say what the honest ones behind them say, unless the test lies.
class LyingRegisters final : public MmioRegion {
 public:
  explicit LyingRegisters(MmioRegion& honest) : honest_(honest) {}
  // Given a register and what it says; the answer is what the driver reads.
  std::function<u32(u64 offset, u32 said)> lie;
  // Called after the driver's write, with the register.
  std::function<void(u64 offset)> written;

  u64 bytes() const override { return honest_.bytes(); }
  u8 read8(u64 offset) override { return static_cast<u8>(told(offset, honest_.read8(offset))); }
  u16 read16(u64 offset) override { return static_cast<u16>(told(offset, honest_.read16(offset))); }
  u32 read32(u64 offset) override { return told(offset, honest_.read32(offset)); }
  void write8(u64 offset, u8 value) override { honest_.write8(offset, value); }
  void write16(u64 offset, u16 value) override { honest_.write16(offset, value); }
  void write32(u64 offset, u32 value) override {
    honest_.write32(offset, value);
    if (written) {
      written(offset);
    }
  }

 private:
  u32 told(u64 offset, u32 said) const { return lie ? lie(offset, said) : said; }
  MmioRegion& honest_;
};

// An honest disk in the second slot.
class Neighbour {
 public:
  static constexpr u64 kSectors = 4242;

  explicit Neighbour(Machine& machine)
      : machine_(machine), slot_(machine.world, device_, {PhysAddr(0x1000'2000), 2}) {
    device_.disk.fill = pattern;
    describe(node_, {slot_.base(), referee::kRegisterBytes, slot_.irq_source()});
  }
  void plug() { REQUIRE(machine_.platform.add_device(node_).has_value()); }
  void unplug() {
    if (node_.bus() != nullptr) {
      machine_.platform.remove_device(node_);
    }
  }
  // Reads, while the other is what it is.
  void check() {
    blk::Disk* const first = blk::find("vda");
    blk::Disk* const disk =
        first != nullptr && first->sectors() == kSectors ? first : blk::find("vdb");
    REQUIRE(disk != nullptr);
    for (u64 sector = 0; sector < 4; ++sector) {
      Io io(blk::Op::Read, 100 * sector + 1, 4096);
      disk->submit(io.bio);
      wait_until([&] { return io.done(); });
      CHECK(io.holds_pattern());
      CHECK(io.ok());
    }
  }

 private:
  Machine& machine_;
  referee::BlockDevice device_{{.sectors = kSectors}};
  referee::SluiceDevice slot_;
  dev::Device node_{"virtio-mmio1", nullptr};
};

struct HostileMachine : Machine {
  explicit HostileMachine(referee::BlockOptions options = {.sectors = 8192},
                          const referee::Setup& setup = {}, std::string command_line = {},
                          u32 harts = 1)
      : Machine(std::move(options), setup, std::move(command_line), harts) {
    world.add_registers(slot.base(), registers);
  }
  ~HostileMachine() {
    tell_the_truth();
    neighbour.unplug();
    unplug();
  }
  void plug() {
    Machine::plug();
    neighbour.plug();
  }
  // From now on the driver is lied to, so that it is not judged.
  void lie(std::function<u32(u64 offset, u32 said)> lie) {
    device().judge.mode = referee::Judge::Mode::Collect;
    registers.lie = std::move(lie);
  }
  void tell_the_truth() {
    registers.lie = nullptr;
    registers.written = nullptr;
  }
  // `count` reads of which the device completes none.
  Ios hold_reads(u64 count) {
    Ios ios;
    device().knobs.hold = true;
    for (u64 i = 0; i < count; ++i) {
      ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 512));
    }
    submit(ios);
    world.settle();
    return ios;
  }
  // The driver looks, as after an interrupt.
  void interrupt() {
    device().judge.mode = referee::Judge::Mode::Collect;
    device().raise_spurious();
    world.deliver();
  }
  void pass(u64 ns) {
    world.advance_ns(ns);
    world.settle();
  }
  virtio::Virtqueue& queue() { return *virtio_device()->queues()[0]; }

  LyingRegisters registers{slot.registers};
  Neighbour neighbour{*this};
};

// The used part of the split ring of queue 0, for the device to write behind the referee's back.
class UsedRing {
 public:
  explicit UsedRing(HostileMachine& machine)
      : size_(machine.queue().size()), machine_(machine), used_(machine.queue().place().device) {}
  void element(u32 at, u32 id, u32 bytes) {
    const auto memory = machine_.world.arena.at(used_.value(), 4 + 8 * size_);
    referee::store(memory, 4 + 8 * (at % size_), id);
    referee::store(memory, 8 + 8 * (at % size_), bytes);
  }
  void index(u16 value) { referee::store(machine_.world.arena.at(used_.value(), 4), 2, value); }

 private:
  u64 size_;
  HostileMachine& machine_;
  BusAddr used_;
};

// The packed ring of queue 0.
class PackedRing {
 public:
  static constexpr u16 kUsedInFirstLap = referee::kDescAvail | referee::kDescUsed;
  static constexpr u16 kWritten = 2;  // the descriptor's WRITE flag

  explicit PackedRing(HostileMachine& machine)
      : machine_(machine), ring_(machine.queue().place().descriptors) {}
  void descriptor(u32 at, u32 id, u32 bytes, u16 flags = kUsedInFirstLap | kWritten) {
    const auto memory = machine_.world.arena.at(ring_.value() + 16 * at, 16);
    referee::store(memory, 8, bytes);
    referee::store(memory, 12, static_cast<u16>(id));
    referee::store(memory, 14, flags);
  }

 private:
  HostileMachine& machine_;
  BusAddr ring_;
};

// The device was found out, the log says `said` once, and nothing hangs.
inline void check_out_of_service(HostileMachine& machine, const Ios& ios, std::string_view said) {
  // The referee does not know that it was impersonated.
  machine.device().judge.mode = referee::Judge::Mode::Collect;
  INFO(LogText::text());
  CHECK(machine.log.count(said) == 1);
  while (run_pending_work()) {
  }
  for (const auto& io : ios) {
    CHECK(io->ends == 1);
  }
  CHECK(machine.log.count("vda: out of service") == 1);
  Io later(blk::Op::Read, 0, 512);
  CHECK(machine.run(later) == blk::Status::IoError);
  CHECK(machine.device().status() == 0);
  machine.neighbour.check();
  CHECK(machine.world.arena.live_mappings() == 0);
}

inline Variant any_packed_variant() {
  return GENERATE(
      filter([](const Variant& variant) { return variant.packed; }, from_range(all_variants())));
}

}  // namespace sluice::test
