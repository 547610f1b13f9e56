// Reading and writing through the whole driver, with every kind of device.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

// V1: the legacy and the modern interface, each with what only it has.
TEST_CASE("A virtio disk is read and written, whatever the version and the features") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 256}, variant.setup());
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.vda()->sectors() == 256);
  CHECK(machine.device().legacy() == (variant.version == 1));

  Io read(blk::Op::Read, 8, 4096);
  CHECK(machine.run(read) == blk::Status::Ok);
  CHECK(read.holds_pattern());

  Io write(blk::Op::Write, 40, 1024, 2);
  std::fill(write.data.begin(), write.data.end(), std::byte{0x5a});
  CHECK(machine.run(write) == blk::Status::Ok);
  CHECK(machine.disk.disk.read(40)[0] == std::byte{0x5a});
  CHECK(machine.disk.disk.read(41)[511] == std::byte{0x5a});
  CHECK(machine.disk.disk.read(42)[0] == pattern(42, 0));

  Io flush(blk::Op::Flush, 0, 0, 0);
  CHECK(machine.run(flush) == blk::Status::Ok);
  CHECK(machine.disk.requests().back().type == referee::kBlkFlushRequest);
  CHECK((machine.device().counters().indirect_chains > 0) == variant.indirect);
}

TEST_CASE("Many requests in flight come back in any order with their own data") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const auto order = GENERATE(referee::Knobs::Order::Fifo, referee::Knobs::Order::Lifo,
                              referee::Knobs::Order::Shuffled);
  const auto ring = GENERATE(as<std::uint16_t>{}, 4, 256);
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 100'000}, variant.setup(ring), "virtio_blk.queue_size=1024");
  machine.plug();
  machine.device().knobs.order = order;
  machine.device().knobs.completions_per_step = 3;
  for (u64 i = 0; i < 100; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 24, 4096, 1 + i % 2));
  }
  machine.submit(ios);
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
  CHECK(machine.world.arena.live_mappings() == 0);
}

TEST_CASE("A ring of two works through indirect descriptors") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 1024}, {.version = version}, "virtio_blk.queue_size=2");
  // A chain of three in a ring of two: the letter of 2.7.5.3.1 against the only way to talk.
  machine.device().judge.tolerate("split.too_long");
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.virtio_device()->queues()[0]->size() == 2);
  CHECK(machine.vda()->limits().max_segments == 1);
  for (u64 i = 0; i < 20; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 16, 2048, 2));
  }
  machine.submit(ios);
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
}

TEST_CASE("A ring of two without indirect descriptors is refused with its size and the remedy") {
  Machine machine({}, {.queue_num_max = 2, .withheld = referee::kFeatureIndirect});
  machine.plug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.log.has("a ring of 2 has no room"));
  CHECK(machine.log.has("virtio_blk.queue_size=4"));
  CHECK(machine.virtio_device()->state() == dev::State::Failed);
  CHECK((machine.device().status() & referee::kFailed) != 0);
}

// V13
TEST_CASE("A ring that is full makes requests wait, and they go on when it has room") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 4096}, variant.setup(4));
  machine.plug();
  machine.device().knobs.hold = true;
  for (u64 i = 0; i < 12; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 512));
  }
  machine.submit(ios);
  machine.world.settle();
  const std::size_t in_ring = variant.indirect ? 3 : 1;
  CHECK(machine.device().in_flight() == in_ring);
  machine.device().release(static_cast<std::uint32_t>(in_ring));
  wait_until([&] { return machine.device().in_flight() == 0 || ios[in_ring - 1]->done(); });
  machine.device().knobs.hold = false;
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
}

TEST_CASE("A full ring is told as Busy and taken up again without a completion") {
  // Direct chains of 32 pieces and a depth of 85 for a ring of 256: tags are left when descriptors
  // are not.
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 100'000, .seg_max = 32}, Variant{2, false, true}.setup());
  machine.plug();
  machine.device().knobs.hold = true;
  for (u64 i = 0; i < 20; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 256, 32 * 512, 32));
  }
  machine.submit(ios);
  machine.world.settle();
  CHECK(machine.device().in_flight() == 256 / 34);
  machine.device().knobs.hold = false;
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
}

TEST_CASE("Memory that cannot be mapped delays a request and leaves nothing mapped") {
  Machine machine({.sectors = 1024, .seg_max = 8});
  machine.plug();
  Io io(blk::Op::Read, 0, 4096, 4);
  machine.world.arena.allocations_left = 2;
  machine.submit(io);
  CHECK(io.ends == 0);
  CHECK(machine.world.arena.live_mappings() == 0);
  machine.world.arena.allocations_left = ~usize{0};
  wait_until([&] { return io.done(); });
  CHECK(io.ok());
  CHECK(io.holds_pattern());
}

TEST_CASE("A ring of 1024 takes as many requests as there are tags") {
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 100'000}, {.queue_num_max = 1024}, "virtio_blk.queue_size=1024");
  machine.plug();
  CHECK(machine.virtio_device()->queues()[0]->size() == 1024);
  for (u64 i = 0; i < 300; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 24, 512));
  }
  machine.submit(ios);
  CHECK(machine.virtio_device()->queues()[0]->in_flight() == virtio::BlockQueue::kMaxDepth);
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
}

// The ring's own test (queue_test.cpp) wraps the other variants.
TEST_CASE("Indices wrap at 65536 without a lost or doubled completion") {
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192}, {.queue_num_max = 8});
  machine.plug();
  machine.device().knobs.completions_per_step = 3;
  for (u64 i = 0; i < 8; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 16, 512));
  }
  u32 total = 0;
  while (total < 65'600) {
    for (const auto& io : ios) {
      io->ends = 0;
    }
    machine.submit(ios);
    machine.wait(ios);
    total += static_cast<u32>(ios.size());
    REQUIRE(std::all_of(ios.begin(), ios.end(), [](const auto& io) { return io->ok(); }));
  }
  CHECK(all_hold_pattern(ios));
  CHECK(machine.device().counters().completions == total);
}

TEST_CASE("A batch is notified once, and a device that needs no notification gets none") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  for (u64 i = 0; i < 16; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 4096));
  }
  SECTION("once per batch") {
    machine.submit(ios);
    CHECK(machine.device().counters().notifications == 1);
    machine.wait(ios);
  }
  SECTION("not at all") {
    machine.device().knobs.never_needs_notify = true;
    machine.device().step();
    machine.submit(ios);
    machine.wait(ios);
    CHECK(machine.device().counters().needless_notifications == 0);
  }
}

TEST_CASE("Many in flight are told of by few interrupts, and none is left behind") {
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192});
  machine.plug();
  for (u64 i = 0; i < 64; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 4096));
  }
  machine.submit(ios);
  machine.wait(ios);
  CHECK(machine.device().counters().interrupts <= 16);
  CHECK(machine.world.now_ticks < 1'000'000);  // no timer had to help
}

// V14: the interrupt that was asked for, and the look afterwards.
TEST_CASE("A completion among slow ones is told of in time") {
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192});
  machine.plug();
  machine.device().knobs.hold = true;
  for (u64 i = 0; i < 32; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 4096));
  }
  machine.submit(ios);
  machine.world.settle();
  // The first is told of at once; afterwards the driver asks for an interrupt at half of what is in
  // flight.
  machine.device().release();
  machine.world.settle();
  CHECK(ios[0]->ok());
  machine.device().release();
  wait_until([&] { return ios[1]->done(); });
  CHECK(machine.world.now_ticks <= 3'000'000);
  // From the deadline on, a slow device interrupts at each.
  machine.device().release();
  machine.world.settle();
  CHECK(ios[2]->ok());
  machine.device().knobs.hold = false;
  machine.wait(ios);
}

TEST_CASE("Polling completes requests without interrupts") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  machine.world.irqs_on = false;
  for (u64 i = 0; i < 40; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 4096));
  }
  machine.submit(ios);
  unsigned completed = 0;
  for (int i = 0; i < 1000 && completed < ios.size(); ++i) {
    machine.device().step();
    completed += machine.vda()->poll();
  }
  CHECK(completed == ios.size());
  CHECK(all_hold_pattern(ios));
  machine.world.irqs_on = true;
  machine.world.settle();
}

TEST_CASE("Spurious interrupts do no harm") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  machine.device().knobs.always_interrupt = true;
  machine.device().raise_spurious();
  machine.world.settle();
  for (u64 i = 0; i < 40; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 4096));
  }
  machine.submit(ios);
  machine.device().raise_spurious();
  machine.wait(ios);
  CHECK(all_ok(ios));
}

// V3: acknowledge, drain, look again.
TEST_CASE("A completion between draining and acknowledging is not lost") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  machine.device().knobs.hold = true;
  for (u64 i = 0; i < 6; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 64, 4096));
  }
  machine.submit(ios);
  machine.world.settle();
  // Whenever the driver touches a register, the device finishes another request first.
  machine.device().before_access = [&](std::uint64_t, bool) { machine.device().complete(0); };
  machine.device().release(6);
  machine.wait(ios);
  machine.device().before_access = nullptr;
  CHECK(all_ok(ios));
}

TEST_CASE("What the device answers becomes the status of the bio") {
  Machine machine({.sectors = 1024});
  machine.plug();
  SECTION("IOERR for a bad sector fails that request only") {
    machine.disk.bad_sectors = {100};
    Io bad(blk::Op::Read, 96, 4096);
    CHECK(machine.run(bad) == blk::Status::IoError);
    CHECK(machine.log.has("vda: read of sector 96"));
    Io good(blk::Op::Read, 200, 4096);
    CHECK(machine.run(good) == blk::Status::Ok);
    CHECK(good.holds_pattern());
  }
  SECTION("UNSUPP") {
    machine.disk.status_byte = referee::kBlkUnsupported;
    Io io(blk::Op::Read, 0, 512);
    CHECK(machine.run(io) == blk::Status::Unsupported);
  }
  SECTION("a status that there is not, logged once") {
    machine.disk.status_byte = 77;
    Io first(blk::Op::Read, 0, 512);
    CHECK(machine.run(first) == blk::Status::IoError);
    Io second(blk::Op::Read, 0, 512);
    CHECK(machine.run(second) == blk::Status::IoError);
    CHECK(machine.log.count("status 77") == 1);
  }
  SECTION("no status at all") {
    machine.disk.status_byte = 0xff;
    Io io(blk::Op::Read, 0, 512);
    CHECK(machine.run(io) == blk::Status::IoError);
  }
}

TEST_CASE("The device tells what it calls itself") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.id = "S/N 0123456789abcdef"}, variant.setup());
  machine.plug();
  SECTION("as it is") {
    const auto id = virtio::BlockDriver::read_id(*machine.virtio_device());
    REQUIRE(id.has_value());
    CHECK(id->text() == "S/N 0123456789abcdef");
    CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).has_value());
  }
  SECTION("not, if it does not know the command") {
    machine.disk.status_byte = referee::kBlkUnsupported;
    CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).error() == Errc::NotSupported);
  }
  SECTION("not in time") {
    machine.device().knobs.hold = true;
    CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).error() == Errc::Timeout);
    CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).error() == Errc::Busy);
    machine.device().knobs.hold = false;
    machine.world.settle();
    CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).has_value());
  }
}

TEST_CASE("With NOTIFICATION_DATA each notification tells where the next buffer will be") {
  const Variant variant = any_variant();
  if (variant.version == 1) {
    return;  // the legacy interface has none
  }
  INFO(name_of(variant));
  referee::Setup setup = variant.setup(8);
  setup.added |= referee::kFeatureNotificationData;
  Machine machine({.sectors = 8192}, setup);
  machine.plug();
  REQUIRE(machine.virtio_device()->has(virtio::feature::kNotificationData));
  // The referee compares each with its own idea of the place, over many laps of the ring.
  for (u64 i = 0; i < 100; ++i) {
    Io one(blk::Op::Read, 64 * (i % 16), 512);
    Io other(blk::Op::Read, 64 * (i % 16) + 32, 4096);
    machine.submit(one);
    machine.submit(other);
    wait_until([&] { return one.done() && other.done(); });
    REQUIRE((one.ok() && other.ok() && one.holds_pattern() && other.holds_pattern()));
  }
  CHECK(machine.device().counters().notifications > 50);
}
