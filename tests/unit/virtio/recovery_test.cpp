// Devices that do not answer, or give up: reset, set up again, and given once more what they had
// (bug class V11: memory that the device may still write to is nobody else's until the reset is
// complete).
#include "mixed_load.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u64 kTimeoutNs = blk::Disk::kDefaultTimeoutNs;
constexpr u64 kLookNs = 10'000'000;  // between two looks at a reset that goes on

}  // namespace

TEST_CASE("A device that keeps requests for 30 s is reset, and each of them is carried out once") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(40);  // more than there are tags
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup(16));
  hold(machine, ios);
  const u64 resets = machine.device().counters().resets;
  pass(machine, kTimeoutNs - 1);
  CHECK(machine.device().counters().resets == resets);
  CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  machine.device().knobs.hold = false;
  pass(machine, 1);
  machine.wait(ios);
  check_mixed(machine, ios);
  CHECK(machine.device().counters().resets == resets + 1);
  CHECK(machine.virtio_device()->live());
  CHECK(machine.log.has("read of sector 0 (queue 0, tag 0) has taken 30000 ms"));
  CHECK(machine.log.has("the device does not answer; it is reset"));
  CHECK(machine.log.has("in service again"));
}

TEST_CASE("A question that the device keeps, in a ring with no room beside it, costs a reset") {
  Io io(blk::Op::Read, 0, 4096);
  Machine machine({.sectors = 8192}, Variant{2, false, true}.setup(4));
  machine.plug();
  machine.device().knobs.hold = true;
  CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).error() == Errc::Timeout);
  machine.submit(io);
  pass(machine, kTimeoutNs - 1);
  CHECK(io.ends == 0);
  machine.device().knobs.hold = false;
  pass(machine, 1);
  machine.world.settle();
  CHECK(machine.log.count("virtio0: the device keeps a question") == 1);
  CHECK(io.ok());
}

TEST_CASE("A device that never answers is given up after two resets in vain") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(5);
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup());
  machine.plug();
  machine.device().knobs.hold = true;
  machine.submit(ios);
  const u64 resets = machine.device().counters().resets;
  for (u32 round = 1; round <= 2; ++round) {
    pass(machine, kTimeoutNs);
    CHECK(machine.device().counters().resets == resets + round);
    CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  }
  pass(machine, kTimeoutNs);
  for (const auto& io : ios) {
    CHECK(io->done());
    CHECK(io->bio.status == blk::Status::TimedOut);
  }
  CHECK_FALSE(machine.virtio_device()->live());
  CHECK(machine.world.arena.live_mappings() == 0);
  CHECK(machine.log.count("vda: out of service") == 1);
  Io after(blk::Op::Read, 0, 512);
  CHECK(machine.run(after) == blk::Status::IoError);
}

TEST_CASE("A device that answers now and then is reset as often as it takes") {
  Machine machine({.sectors = 8192});
  machine.plug();
  for (u32 round = 0; round < 5; ++round) {
    Io io(blk::Op::Read, 64 * round, 4096);
    machine.device().knobs.hold = true;
    machine.submit(io);
    pass(machine, kTimeoutNs - 1);
    machine.device().knobs.hold = false;
    pass(machine, 1);
    machine.world.settle();
    CHECK(io.ok());
    CHECK(io.holds_pattern());
  }
  CHECK(machine.log.count("in service again") == 5);
}

TEST_CASE("A request under which the device hangs each time ends, and the others are carried out") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Io stuck(blk::Op::Read, 0, 4096);
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  machine.device().knobs.hold = true;
  machine.submit(stuck);
  for (u32 attempt = 0; attempt <= blk::Request::kRetries; ++attempt) {
    CHECK_FALSE(stuck.done());
    Io other(blk::Op::Read, 64, 4096);
    machine.submit(other);
    machine.world.settle();
    machine.device().complete(1);
    machine.world.settle();
    CHECK(other.holds_pattern());
    pass(machine, kTimeoutNs);
  }
  CHECK(stuck.ends == 1);
  CHECK(stuck.bio.status == blk::Status::IoError);
  CHECK(machine.virtio_device()->live());
}

TEST_CASE("A device that is said to be silent while it is reset is not reset once more") {
  Io io(blk::Op::Read, 0, 4096);
  Machine machine({.sectors = 8192});
  machine.plug();
  machine.device().knobs.hold = true;
  machine.device().knobs.reset_reads = 5;
  machine.submit(io);
  const u64 resets = machine.device().counters().resets;
  pass(machine, kTimeoutNs);
  CHECK_FALSE(machine.virtio_device()->live());
  machine.virtio_device()->recover();
  machine.device().knobs.hold = false;
  for (u32 look = 0; look < 10; ++look) {
    pass(machine, kLookNs);
  }
  CHECK(io.ok());
  CHECK(machine.device().counters().resets == resets + 1);
}

TEST_CASE("A shutdown while the device is being reset ends what waits for it") {
  const Ios ios = mixed(40);
  Machine machine({.sectors = 8192, .seg_max = 8}, Variant{2, true, true}.setup(16));
  hold(machine, ios);
  machine.device().knobs.reset_reads = 5;
  pass(machine, kTimeoutNs);
  CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  dev::shutdown_all();
  for (u32 look = 0; look < 10; ++look) {
    pass(machine, kLookNs);
  }
  for (const auto& io : ios) {
    CHECK(io->ends == 1);
    CHECK(io->bio.status == blk::Status::IoError);
  }
  CHECK(machine.device().status() == 0);
}

// V11
TEST_CASE("What a device writes late, while its reset goes on, reaches nobody") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(6);
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup());
  hold(machine, ios);
  machine.device().knobs.reset_reads = 20;
  // While it is being reset, the device scribbles over all that it was lent.
  u32 scribbles = 0;
  machine.device().before_access = [&](std::uint64_t, bool) {
    if (machine.device().counters().resets > 1 && scribbles < 10) {
      ++scribbles;
      machine.world.arena.scribble_over_mappings(std::byte{0xee});
    }
  };
  pass(machine, kTimeoutNs - 1);
  machine.device().knobs.hold = false;
  pass(machine, 1);
  machine.wait(ios);
  CHECK(scribbles == 10);
  check_mixed(machine, ios);
}

TEST_CASE(
    "A device that takes its time over a reset is waited for, and keeps its memory meanwhile") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(6);
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup());
  hold(machine, ios);
  const usize lent = machine.world.arena.live_mappings();
  machine.device().knobs.reset_reads = 20;
  pass(machine, kTimeoutNs);
  CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  CHECK(machine.world.arena.live_mappings() == lent);
  machine.device().knobs.hold = false;
  for (u32 look = 0; look < 20; ++look) {
    pass(machine, kLookNs);
  }
  machine.wait(ios);
  check_mixed(machine, ios);
}

TEST_CASE("A device whose reset never ends is given up, and its bios end all the same") {
  Io io(blk::Op::Read, 0, 4096);
  auto* const machine = new Machine({.sectors = 1024});
  machine->plug();
  machine->device().knobs.hold = true;
  machine->submit(io);
  machine->world.settle();
  machine->device().knobs.reset_reads = ~std::uint32_t{0};
  pass(*machine, kTimeoutNs);
  for (u32 look = 1; look < 300; ++look) {
    CHECK_FALSE(io.done());
    pass(*machine, kLookNs);
  }
  CHECK(machine->log.has("its reset does not end"));
  CHECK(io.done());
  CHECK(io.bio.status == blk::Status::TimedOut);
  CHECK(machine->world.arena.live_mappings() == 1);  // the device may still write there
  CHECK_THROWS_WITH(delete machine, Catch::Matchers::ContainsSubstring("left over"));
}

TEST_CASE("A device that gives up (DEVICE_NEEDS_RESET) is reset, and nothing is lost") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(40);
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup(16));
  hold(machine, ios);
  machine.device().release(3);
  machine.device().step();
  machine.device().break_down();
  machine.device().knobs.hold = false;
  machine.wait(ios);
  check_mixed(machine, ios);
  CHECK(machine.log.has("DEVICE_NEEDS_RESET"));
  CHECK(machine.log.count("in service again") == 1);
}

TEST_CASE("After a reset the device is asked anew what it is") {
  Machine machine({.sectors = 8192, .seg_max = 8, .write_zeroes = referee::RangeLimits{}});
  machine.plug();
  machine.device().knobs.hold = true;
  Io io(blk::Op::Read, 0, 4096);
  machine.submit(io);
  machine.world.settle();
  SECTION("a capacity that changed is taken over") {
    machine.disk.set_capacity(4096);
    machine.device().break_down();
    machine.device().knobs.hold = false;
    machine.world.settle();
    CHECK(io.ok());
    CHECK(machine.vda()->sectors() == 4096);
  }
  SECTION("that its zeroes do not unmap any more is no other limit") {
    machine.disk.set_may_unmap(false);
    machine.device().break_down();
    machine.device().knobs.hold = false;
    machine.world.settle();
    CHECK(io.ok());
  }
  SECTION("features that it refuses now take it out of service") {
    machine.device().knobs.refuse_features = true;
    machine.device().break_down();
    machine.world.settle();
    CHECK(io.done());
    CHECK(io.bio.status == blk::Status::IoError);
    CHECK(machine.log.count("vda: out of service") == 1);
  }
}

TEST_CASE("Every queue of a disk is set up again, whichever hart it belongs to") {
  Ios ios;
  Machine machine({.sectors = 8192, .queues = 4}, {}, {}, 4);
  machine.plug();
  machine.device().knobs.hold = true;
  for (u32 i = 0; i < 16; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, 64 * i, 4096));
    machine.submit_as(i % 4, *ios.back());
  }
  machine.world.settle();
  machine.device().break_down();
  machine.device().knobs.hold = false;
  machine.world.settle();
  CHECK(all_hold_pattern(ios));
  CHECK(std::ranges::all_of(ios, [](const auto& io) { return io->ends == 1; }));
}

TEST_CASE("A disk that is unbound while its device is being reset ends its bios once") {
  const Ios ios = mixed(6);
  Machine machine({.sectors = 8192, .seg_max = 8});
  hold(machine, ios);
  machine.device().knobs.reset_reads = 10;
  pass(machine, kTimeoutNs);
  CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  machine.device().knobs.reset_reads = 0;
  machine.unplug();
  for (const auto& io : ios) {
    CHECK(io->done());
    CHECK(io->bio.status == blk::Status::Removed);
  }
  CHECK(machine.world.arena.live() == 0);
}
