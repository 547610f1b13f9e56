// Rings that lie: bounded, told with the value, and nothing hangs (bug class V4).
#include "hostile.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("A used ring that lies takes the device out of service (V4)") {
  const Variant variant = any_split_variant();
  INFO(name_of(variant));
  HostileMachine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  UsedRing used(machine);
  std::string_view said;
  SECTION("a descriptor beyond the ring") {
    used.element(0, 16, 1);
    used.index(1);
    said = "descriptor 16, which is beyond the ring";
  }
  SECTION("a descriptor far beyond the ring") {
    used.element(0, 0xffff'ffff, 1);
    used.index(1);
    said = "descriptor 4294967295, which is beyond the ring";
  }
  SECTION("a descriptor that was never made available") {
    used.element(0, 15, 1);
    used.index(1);
    said = "descriptor 15, which starts no buffer in flight";
  }
  SECTION("a descriptor that was never made available, with all the bytes there are") {
    used.element(0, 15, 0xffff'ffff);
    used.index(1);
    said = "descriptor 15, which starts no buffer in flight";
  }
  SECTION("the same buffer twice") {
    used.element(0, 0, 1);
    used.element(1, 0, 1);
    used.index(2);
    said = "descriptor 0, which starts no buffer in flight";
  }
  SECTION("an index that jumps ahead") {
    used.index(5);
    said = "the used index is 5, 5 beyond";
  }
  SECTION("an index that goes back") {
    used.index(0xffff);
    said = "the used index is 65535, 65535 beyond";
  }
  SECTION("a buffer that came back already") {
    machine.device().complete(0);
    machine.world.deliver();
    REQUIRE(ios[0]->ok());
    used.element(1, 0, 1);
    used.index(2);
    said = "descriptor 0, which starts no buffer in flight";
  }
  if (variant.version == 2) {
    SECTION("more bytes than it was lent") {
      used.element(0, 0, 514);
      used.index(1);
      said = "tells of 514 bytes in descriptor 0, which starts a buffer of less";
    }
  }
  machine.interrupt();
  check_out_of_service(machine, ios, said);
}

TEST_CASE("The middle of a chain is no buffer") {
  HostileMachine machine({.sectors = 8192}, Variant{2, false, true}.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(1);
  UsedRing used(machine);
  used.element(0, 1, 1);
  used.index(1);
  machine.interrupt();
  check_out_of_service(machine, ios, "descriptor 1, which starts no buffer in flight");
}

TEST_CASE("A read of which the device says that it wrote less has failed (2.7.8.3)") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  HostileMachine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(1);
  machine.device().judge.mode = referee::Judge::Mode::Collect;
  machine.device().complete(0);
  if (variant.packed) {
    PackedRing(machine).descriptor(0, 0, 512);
  } else {
    UsedRing(machine).element(0, 0, 512);
  }
  machine.world.deliver();
  CHECK(ios[0]->done());
  const bool legacy = variant.version == 1;  // whose lengths mean nothing
  CHECK(ios[0]->bio.status == (legacy ? blk::Status::Ok : blk::Status::IoError));
  CHECK(machine.log.has("of sector 0 answered with status 0 and 512 bytes") == !legacy);
  machine.device().knobs.hold = false;
  Io later(blk::Op::Read, 64, 512);
  CHECK(machine.run(later) == blk::Status::Ok);
}

TEST_CASE("A legacy device may get the used length wrong") {
  HostileMachine machine({.sectors = 8192}, Variant{1, false, true}.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(1);
  UsedRing used(machine);
  used.element(0, 0, 0xffff'ffff);
  used.index(1);
  machine.interrupt();
  CHECK(ios[0]->done());  // its status byte was never written
  CHECK(ios[0]->bio.status == blk::Status::IoError);
  CHECK(!machine.log.has("broken"));
}

namespace {

// Adds a buffer to queue 0 and does not publish it; where its id is known to be, as the queue is
// fresh but for one request. The memory outlives the queue's use of it.
u32 add_unpublished(HostileMachine& machine, const Variant& variant, std::span<std::byte> table) {
  const std::array one{dma::Mapping{BusAddr(0x1000), nullptr, 512, dma::Direction::FromDevice}};
  if (variant.indirect) {
    constexpr u32 kToken = 7;
    machine.queue().add_table(kToken, table.data(), one);
    return kToken;
  }
  REQUIRE(machine.queue().add(one, 0));
  return variant.packed ? 1 : 3;  // behind the request's only id, or its three descriptors
}

}  // namespace

TEST_CASE("A buffer that was added and not shown yet cannot come back (V4)") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  std::array<std::byte, 128> table{};
  HostileMachine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(1);
  const u32 id = add_unpublished(machine, variant, table);
  if (variant.packed) {
    PackedRing(machine).descriptor(0, id, 1);
    machine.interrupt();
    check_out_of_service(machine, ios,
                         "in buffer " + std::to_string(id) + ", which is not in flight");
  } else {
    UsedRing used(machine);
    used.element(0, id, 1);
    used.index(1);
    machine.interrupt();
    check_out_of_service(machine, ios,
                         "descriptor " + std::to_string(id) + ", which starts no buffer in flight");
  }
}

TEST_CASE("A packed ring that lies takes the device out of service (V4)") {
  const Variant variant = any_packed_variant();
  INFO(name_of(variant));
  HostileMachine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  PackedRing ring(machine);
  std::string_view said;
  // Behind the first buffer: how many descriptors of the ring has a request?
  const u32 second = variant.indirect ? 1 : 3;
  SECTION("a buffer beyond the ring") {
    ring.descriptor(0, 16, 1);
    said = "1 bytes in buffer 16, which is beyond the ring";
  }
  SECTION("a buffer far beyond the ring") {
    ring.descriptor(0, 0xffff, 1);
    said = "1 bytes in buffer 65535, which is beyond the ring";
  }
  SECTION("a buffer that was never made available") {
    ring.descriptor(0, 9, 1);
    said = "1 bytes in buffer 9, which is not in flight";
  }
  SECTION("a buffer that was never made available, with all the bytes there are") {
    ring.descriptor(0, 9, 0xffff'ffff);
    said = "4294967295 bytes in buffer 9, which is not in flight";
  }
  SECTION("the same buffer twice") {
    ring.descriptor(0, 0, 1);
    ring.descriptor(second, 0, 1);
    said = "1 bytes in buffer 0, which is not in flight";
  }
  SECTION("more bytes than it was lent") {
    ring.descriptor(0, 0, 514);
    said = "514 bytes in buffer 0, which has less to write";
  }
  SECTION("used marks all over the ring") {
    for (u32 at = 0; at < 16; ++at) {
      ring.descriptor(at, at / second, 1);
    }
    said = "which is not in flight";
  }
  SECTION("used marks where nothing is in flight any more") {
    machine.device().knobs.hold = false;
    machine.wait(ios);
    ring.descriptor(4 * second, 3, 1);
    said = "1 bytes in buffer 3, which is not in flight";
  }
  machine.interrupt();
  check_out_of_service(machine, ios, said);
}

TEST_CASE("Wrap counters that flap are no used buffers, and harm nobody") {
  const Variant variant = any_packed_variant();
  INFO(name_of(variant));
  HostileMachine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  PackedRing ring(machine);
  for (const u32 marks : {0u, u32{referee::kDescUsed}, u32{referee::kDescAvail}, 0u}) {
    ring.descriptor(0, 0, 1, static_cast<u16>(marks));
    machine.interrupt();
    CHECK(std::ranges::none_of(ios, [](const auto& io) { return io->done(); }));
  }
  while (machine.device().in_flight() > 0) {
    machine.device().complete(0);
  }
  machine.world.settle();
  CHECK(all_hold_pattern(ios));
  machine.neighbour.check();
}

// As QEMU does (virtqueue_packed_flush): an interrupt, or we, may come in between.
TEST_CASE("A device that marks the first descriptor of a batch last loses nothing") {
  const Variant variant = any_packed_variant();
  INFO(name_of(variant));
  HostileMachine machine({.sectors = 8192}, variant.setup(64));
  machine.plug();
  const Ios ios = machine.hold_reads(21);
  machine.device().complete(0);
  machine.world.deliver();  // with EVENT_IDX, it is to interrupt for one in the midst of the others
  while (machine.device().in_flight() > 0) {
    machine.device().complete(0);
  }
  const u64 first = machine.queue().place().descriptors.value() + 16 * (variant.indirect ? 1 : 3);
  const auto marks = machine.world.arena.at(first + 14, 2);
  const std::vector<std::byte> used(marks.begin(), marks.end());
  std::ranges::fill(marks, std::byte{});
  machine.interrupt();
  CHECK(std::ranges::count_if(ios, [](const auto& io) { return io->done(); }) == 1);
  std::ranges::copy(used, marks.begin());
  machine.interrupt();
  CHECK(all_hold_pattern(ios));
  CHECK(machine.virtio_device()->live());
  machine.neighbour.check();
}

TEST_CASE("What a device does to descriptors is no concern of a request in flight") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  HostileMachine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  machine.device().judge.mode = referee::Judge::Mode::Collect;
  const virtio::QueuePlace place = machine.queue().place();
  // All of the table, and the available ring with its flags, index and entries; in a packed ring
  // the marks of the descriptors in flight stay, because there they are what comes back.
  for (u32 at = 0; at < place.size; ++at) {
    const auto memory = machine.world.arena.at(place.descriptors.value() + 16 * at, 16);
    std::fill_n(memory.data(), variant.packed ? 14 : 16, std::byte{0xee});
  }
  if (!variant.packed) {
    std::ranges::fill(machine.world.arena.at(place.driver.value(), 4 + 2 * place.size),
                      std::byte{0xee});
  }
  while (machine.device().in_flight() > 0) {
    machine.device().complete(0);
  }
  machine.world.settle();
  CHECK(all_hold_pattern(ios));
  CHECK(machine.virtio_device()->live());
  machine.neighbour.check();
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
  machine.device().knobs.hold = false;
  CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).value().text() == "referee");
}
