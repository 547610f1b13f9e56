// Disks that are suspended and resumed, and whose capacity changes, under load.
#include <sluice/drivers/base/uevent.hpp>

#include <sluice/drivers/block/express_lane.hpp>
#include <sluice/drivers/virtio/block_disk.hpp>

#include "mixed_load.hpp"

using namespace sluice;
using namespace sluice::test;

// --- Suspend and resume --------------------------------------------------------------------------

TEST_CASE("A disk is suspended and resumed under load, and loses nothing") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios before = mixed(40);
  const Ios meanwhile = mixed(20);
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup(16));
  machine.plug();
  for (u32 round = 0; round < 2; ++round) {
    for (const auto& io : before) {
      io->ends = 0;
    }
    for (const auto& io : meanwhile) {
      io->ends = 0;
    }
    machine.submit(before);
    REQUIRE(machine.bus.suspend(*machine.virtio_device()).has_value());
    CHECK(machine.virtio_device()->suspended());
    CHECK(machine.device().status() == 0);
    CHECK(machine.world.arena.live_mappings() == 0);
    machine.submit(meanwhile);
    machine.world.settle();
    CHECK(std::ranges::none_of(meanwhile, [](const auto& io) { return io->done(); }));
    machine.device().raise_spurious();
    machine.world.settle();
    REQUIRE(machine.bus.resume(*machine.virtio_device()).has_value());
    machine.wait(before);
    machine.wait(meanwhile);
    check_mixed(machine, before);
    check_mixed(machine, meanwhile);
  }
}

TEST_CASE("The whole tree is suspended and resumed under load, the disk before its slot") {
  const Ios before = mixed(40);
  const Ios meanwhile = mixed(20);
  Machine machine({.sectors = 8192, .seg_max = 8}, {.queue_num_max = 16});
  machine.plug();
  machine.submit(before);
  REQUIRE(dev::suspend_all());
  CHECK(machine.node.suspended());
  CHECK(machine.virtio_device()->suspended());
  CHECK(machine.device().status() == 0);
  CHECK(machine.world.arena.live_mappings() == 0);
  machine.submit(meanwhile);
  machine.world.settle();
  CHECK(std::ranges::none_of(meanwhile, [](const auto& io) { return io->done(); }));
  CHECK(machine.bus.resume(*machine.virtio_device()).error() == Errc::Busy);
  REQUIRE(dev::resume_all());
  machine.wait(before);
  machine.wait(meanwhile);
  check_mixed(machine, before);
  check_mixed(machine, meanwhile);
}

TEST_CASE("A disk that is out of service fails the suspend of all, and the others go on") {
  Machine machine({.sectors = 1024});
  machine.plug();
  machine.virtio_device()->break_down();
  machine.world.settle();
  dev::Device* failed = nullptr;
  CHECK(dev::suspend_all(&failed).error() == Errc::Io);
  CHECK(failed == machine.virtio_device());
  CHECK_FALSE(machine.node.suspended());
}

TEST_CASE("A disk that grows says so to listeners, as Linux does") {
  struct Listener final : dev::UeventListener {
    Listener() { dev::add_listener(*this); }
    ~Listener() override { dev::remove_listener(*this); }
    void on_uevent(const dev::Device& device, dev::Action, const dev::Uevent& event) override {
      heard += std::string(event.value("ACTION")) + " " + std::string(device.name()) + " " +
               std::string(event.value("RESIZE")) + " " + std::string(event.value("MODALIAS")) +
               "\n";
    }
    std::string heard;
  };
  Machine machine({.sectors = 1024});
  machine.plug();
  Listener listener;
  machine.disk.set_capacity(2048);
  machine.device().config_changed();
  machine.world.settle();
  CHECK(machine.vda()->sectors() == 2048);
  CHECK(listener.heard == "change virtio0 1 virtio:d00000002v*\n");
}

TEST_CASE("A suspended disk can be unbound, and what waits for it ends") {
  Io io(blk::Op::Read, 0, 4096);
  Machine machine({.sectors = 1024});
  machine.plug();
  REQUIRE(machine.bus.suspend(*machine.virtio_device()).has_value());
  CHECK(machine.bus.suspend(*machine.virtio_device()).error() == Errc::Invalid);
  machine.submit(io);
  REQUIRE(machine.bus.unbind(*machine.virtio_device()).has_value());
  CHECK(io.done());
  CHECK(io.bio.status == blk::Status::Removed);
  REQUIRE(machine.bus.bind(*machine.virtio_device()).has_value());
  CHECK(machine.bus.resume(*machine.virtio_device()).error() == Errc::Invalid);
  Io again(blk::Op::Read, 0, 4096);
  CHECK(machine.run(again) == blk::Status::Ok);
}

TEST_CASE("A disk that is suspended while its device does not answer waits for the recovery") {
  const Ios ios = mixed(6);
  Machine machine({.sectors = 8192, .seg_max = 8});
  hold(machine, ios);
  machine.world.steps.emplace_back([&, once = false]() mutable {
    if (!std::exchange(once, true)) {
      machine.device().break_down();
      return true;
    }
    return false;
  });
  REQUIRE(machine.bus.suspend(*machine.virtio_device()).has_value());
  machine.device().knobs.hold = false;
  CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  REQUIRE(machine.bus.resume(*machine.virtio_device()).has_value());
  machine.wait(ios);
  check_mixed(machine, ios);
}

TEST_CASE("A disk that is suspended while its reset goes on waits for the recovery") {
  Machine machine({.sectors = 8192});
  machine.plug();
  machine.world.settle();
  machine.device().knobs.reset_reads = 5;
  machine.device().break_down();
  machine.world.settle();
  REQUIRE_FALSE(machine.virtio_device()->live());
  REQUIRE(machine.bus.suspend(*machine.virtio_device()).has_value());
  CHECK(machine.log.count("in service again") == 1);
  machine.device().knobs.reset_reads = 0;
  REQUIRE(machine.bus.resume(*machine.virtio_device()).has_value());
  Io io(blk::Op::Read, 0, 4096);
  CHECK(machine.run(io) == blk::Status::Ok);
}

// --- Changes of the configuration ----------------------------------------------------------------

TEST_CASE("A disk that grows or shrinks under load is seen at once") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(40);
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup(16));
  machine.plug();
  machine.submit(ios);
  machine.disk.set_capacity(16384);
  machine.device().config_changed();
  machine.wait(ios);
  check_mixed(machine, ios);
  CHECK(machine.vda()->sectors() == 16384);
  CHECK(machine.log.has("vda: 16384 sectors now, 8192 before"));
  Io beyond(blk::Op::Read, 16000, 512);
  CHECK(machine.run(beyond) == blk::Status::Ok);
  machine.disk.set_capacity(1000);
  machine.device().config_changed();
  machine.world.settle();
  CHECK(machine.vda()->sectors() == 1000);
  Io again(blk::Op::Read, 16000, 512);
  CHECK(machine.run(again) == blk::Status::OutOfRange);
}

TEST_CASE("What waits for a disk that shrinks, and is beyond its end now, is not sent") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const Ios ios = mixed(60);  // more than there are tags
  Machine machine({.sectors = 8192, .seg_max = 8}, variant.setup(16));
  SECTION("because there is no room") {
    hold(machine, ios);
    machine.disk.set_capacity(1000);
    machine.device().config_changed();
    machine.world.settle();
    machine.device().knobs.hold = false;
  }
  SECTION("because it is suspended") {
    machine.plug();
    REQUIRE(machine.bus.suspend(*machine.virtio_device()).has_value());
    machine.submit(ios);
    machine.world.settle();
    machine.disk.set_capacity(1000);
    REQUIRE(machine.bus.resume(*machine.virtio_device()).has_value());
  }
  SECTION("because it is reset") {
    hold(machine, ios);
    machine.disk.set_capacity(1000);
    machine.device().break_down();
    machine.device().knobs.hold = false;
  }
  machine.wait(ios);
  for (const auto& io : ios) {
    const u64 sector = io->bio.sector.value();
    INFO("sector " << sector << ": " << blk::to_string(io->bio.status) << ", ends " << io->ends);
    REQUIRE(io->done());
    // What the device has already, it fails.
    const blk::Status status = io->bio.status;
    CHECK((sector < 1000 ? status == blk::Status::Ok
                         : status == blk::Status::OutOfRange || status == blk::Status::IoError));
  }
  CHECK(ios.back()->bio.status == blk::Status::OutOfRange);
  Io flush(blk::Op::Flush, 0, 0);
  CHECK(machine.run(flush) == blk::Status::Ok);
}

TEST_CASE("A capacity that changes before the disk is live is seen") {
  Machine machine({.sectors = 8192});
  machine.device().before_access = [&](std::uint64_t offset, bool is_write) {
    constexpr std::uint64_t kStatus = 0x070;
    if (offset == kStatus && is_write && machine.device().status() == 0x0b) {
      machine.disk.set_capacity(4096);
      machine.device().config_changed();
    }
  };
  machine.plug();
  machine.world.settle();
  CHECK(machine.vda()->sectors() == 4096);
}

TEST_CASE("Bios that were admitted just before a disk shrank do not take the express") {
  Machine machine({.sectors = 8192}, Variant{2, true, true}.setup(16));
  machine.plug();
  blk::Disk& disk = *blk::find("vda");
  auto& driver = *static_cast<virtio::BlockDisk*>(machine.virtio_device()->driver_data);
  blk::HwQueue& queue = *disk.tag_set().hw_queues()[0];
  const blk::Admission before{0, 8192, port::ticks(), 4096};
  const auto takes = [&](Io& io) {
    List<blk::Bio> bios;
    bios.push_back(io.bio);
    blk::FreshBios fresh{disk, queue, before, bios};
    driver.queue_rqs(queue, fresh);
    return bios.pop_front() == nullptr;
  };
  Io first(blk::Op::Read, 4000, 512);
  REQUIRE(takes(first));
  wait_until([&] { return first.done(); });
  machine.disk.set_capacity(100);
  machine.device().config_changed();
  machine.world.settle();
  REQUIRE(disk.sectors() == 100);
  Io second(blk::Op::Read, 4000, 512);
  CHECK_FALSE(takes(second));
}
