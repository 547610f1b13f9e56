// Devices that break the rules, or down: bounded, told with the value, and nothing hangs.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// What a hostile device writes into the used ring behind the referee's back.
struct UsedRing {
  explicit UsedRing(Machine& machine)
      : size_(machine.virtio_device()->queues()[0]->size()), machine_(machine) {
    const auto* queue =
        static_cast<virtio::SplitQueue*>(machine.virtio_device()->queues()[0].get());
    used_ = queue->place().device.value();
  }
  void element(std::uint16_t at, std::uint32_t id, std::uint32_t bytes) {
    const auto memory = machine_.world.arena.at(used_, 4 + 8 * size_);
    referee::store(memory, 4 + 8 * (at % size_), id);
    referee::store(memory, 8 + 8 * (at % size_), bytes);
  }
  void index(std::uint16_t value) { referee::store(machine_.world.arena.at(used_, 4), 2, value); }
  // The driver looks, as after an interrupt.
  void interrupt() {
    machine_.device().raise_spurious();
    machine_.world.deliver();
  }

 private:
  u64 size_;
  Machine& machine_;
  u64 used_;
};

void check_out_of_service(Machine& machine, const Ios& ios, std::string_view said) {
  // The referee does not know that it was impersonated.
  machine.device().judge.tolerate("split.used_written");
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
  CHECK(machine.world.arena.live_mappings() == 0);
}

}  // namespace

TEST_CASE("A used ring that lies takes the device out of service") {
  const Variant variant = any_split_variant();
  INFO(name_of(variant));
  Ios ios;
  Machine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  machine.device().knobs.hold = true;
  for (u64 i = 0; i < 4; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 512));
  }
  machine.submit(ios);
  machine.world.settle();
  UsedRing used(machine);
  SECTION("a descriptor beyond the ring") {
    used.element(0, 16, 1);
    used.index(1);
    used.interrupt();
    check_out_of_service(machine, ios, "descriptor 16, which is beyond the ring");
  }
  SECTION("a descriptor far beyond the ring") {
    used.element(0, 0xffff'ffff, 1);
    used.index(1);
    used.interrupt();
    check_out_of_service(machine, ios, "descriptor 4294967295, which is beyond the ring");
  }
  SECTION("a descriptor that was never made available") {
    used.element(0, 15, 1);
    used.index(1);
    used.interrupt();
    check_out_of_service(machine, ios, "descriptor 15, which starts no buffer in flight");
  }
  SECTION("the same buffer twice") {
    used.element(0, 0, 1);
    used.element(1, 0, 1);
    used.index(2);
    used.interrupt();
    check_out_of_service(machine, ios, "descriptor 0, which starts no buffer in flight");
  }
  SECTION("an index that jumps ahead") {
    used.index(5);
    used.interrupt();
    check_out_of_service(machine, ios, "the used index is 5, 5 beyond");
  }
  SECTION("an index that goes back") {
    used.index(0xffff);
    used.interrupt();
    check_out_of_service(machine, ios, "the used index is 65535, 65535 beyond");
  }
  if (variant.version == 2) {
    SECTION("more bytes than it was lent") {
      used.element(0, 0, 514);
      used.index(1);
      used.interrupt();
      check_out_of_service(machine, ios,
                           "tells of 514 bytes in descriptor 0, which starts a buffer of less");
    }
  }
}

TEST_CASE("The middle of a chain is no buffer") {
  Ios ios;
  Machine machine({.sectors = 8192}, Variant{2, false, true}.setup(16));
  machine.plug();
  machine.device().knobs.hold = true;
  ios.push_back(std::make_unique<Io>(blk::Op::Read, 0, 512));
  machine.submit(ios);
  machine.world.settle();
  UsedRing used(machine);
  used.element(0, 1, 1);
  used.index(1);
  used.interrupt();
  check_out_of_service(machine, ios, "descriptor 1, which starts no buffer in flight");
}

TEST_CASE("A legacy device may get the used length wrong") {
  Ios ios;
  Machine machine({.sectors = 8192}, Variant{1, false, true}.setup(16));
  machine.plug();
  machine.device().judge.tolerate("split.used_written");
  machine.device().knobs.hold = true;
  ios.push_back(std::make_unique<Io>(blk::Op::Read, 0, 512));
  machine.submit(ios);
  machine.world.settle();
  UsedRing used(machine);
  used.element(0, 0, 0xffff'ffff);
  used.index(1);
  used.interrupt();
  CHECK(ios[0]->done());  // its status byte was never written
  CHECK(ios[0]->bio.status == blk::Status::IoError);
  CHECK(!machine.log.has("broken"));
}

TEST_CASE("A device that breaks down while its name is asked for answers with an error") {
  Machine machine({.sectors = 8192});
  machine.plug();
  machine.device().knobs.hold = true;
  machine.world.steps.emplace_back([&, once = false]() mutable {
    if (!std::exchange(once, true)) {
      machine.device().break_down();
      return true;
    }
    return false;
  });
  CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).error() == Errc::Io);
}
