// How QEMU's disk comes into service: what the driver says to the device, in QEMU's own words.
#include <set>

#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("QEMU agrees with the driver on the features and on what was set up") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  qemu::Machine machine(disk);
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.vda()->sectors() == qemu::Machine::kSectors);

  virtio::Device& device = *machine.virtio_device();
  const qemu::DeviceState state = machine.witness.device();
  CHECK(device.legacy() == disk.legacy);
  CHECK(state.features == device.features());
  CHECK(state.driver_ok);
  CHECK(state.queues == disk.queues);
  REQUIRE(device.queues().size() == disk.queues);
}

TEST_CASE("QEMU has each ring where the driver has it, in guest memory, and of its size") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  qemu::Machine machine(disk, "virtio_blk.queue_size=64");
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  std::set<u64> places;
  for (unsigned i = 0; i < disk.queues; ++i) {
    const qemu::QueueState queue = machine.witness.queue(i);
    CHECK(queue.size == 64);
    for (const u64 place : {queue.descriptors, queue.driver_area, queue.device_area}) {
      CHECK_FALSE(machine.world.arena.at(place, 4).empty());
      places.insert(place);
    }
  }
  CHECK(places.size() == 3 * disk.queues);
}

TEST_CASE("QEMU tells the serial number that the user gave its disk") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  qemu::Machine machine(disk);
  machine.plug();
  const auto id = virtio::BlockDriver::read_id(*machine.virtio_device());
  REQUIRE(id.has_value());
  CHECK(id->text() == qemu::Qemu::kSerial);
}
