// How QEMU's disk goes out of service, and comes back.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("QEMU's disk is reset when its driver goes, and works for the next one") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  qemu::Machine machine(disk);
  machine.plug();
  for (u32 round = 0; round < 3; ++round) {
    Io read(blk::Op::Read, 16, 4096);
    CHECK(machine.run(read) == blk::Status::Ok);
    CHECK(read.holds_pattern());

    REQUIRE(machine.bus.unbind(*machine.virtio_device()).has_value());
    CHECK(machine.vda() == nullptr);
    CHECK(machine.world.arena.live() == 0);
    CHECK_FALSE(machine.witness.device().driver_ok);
    CHECK(machine.witness.device().features == 0);
    CHECK(machine.witness.queue(0).descriptors == 0);

    REQUIRE(machine.bus.bind(*machine.virtio_device()).has_value());
    CHECK(machine.witness.device().features == machine.virtio_device()->features());
    CHECK(machine.witness.device().driver_ok);
  }
}

TEST_CASE("A driver that goes while QEMU holds its requests ends each of them, once") {
  qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  disk.slow = true;
  Ios ios;  // outlive the machine
  qemu::Machine machine(disk, "nomerges=1");
  machine.plug();
  for (u32 i = 0; i < 60; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 16384, 2));
    machine.submit_as(i % disk.queues, *ios.back());
  }
  CHECK(machine.witness.queue(0).in_use > 0);
  // In the reset QEMU lets go of them: their memory is written while the driver waits.
  REQUIRE(machine.bus.unbind(*machine.virtio_device()).has_value());
  u32 removed = 0;
  for (const auto& io : ios) {
    CHECK(io->ends == 1);
    removed += io->bio.status == blk::Status::Removed ? 1 : 0;
    CHECK((io->bio.status == blk::Status::Removed || io->holds_pattern()));
  }
  CHECK(removed > 50);
  CHECK(machine.world.arena.live() == 0);
  CHECK_FALSE(machine.world.arena.first_spoiled().has_value());
}
