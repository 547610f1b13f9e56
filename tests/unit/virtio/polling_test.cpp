// Bios that are polled for: no interrupt is asked for, with a queue for them and without; and the
// others miss none.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

std::unique_ptr<Io> polled_read(u64 sector) {
  auto io = std::make_unique<Io>(blk::Op::Read, sector, 4096);
  io->bio.flags = blk::bio_flag::kPolled;
  return io;
}

// Lets the device work, with nothing but polling to tell of it.
void poll_for(Machine& machine, const Io& io) {
  for (u32 turn = 0; turn < 100 && !io.done(); ++turn) {
    machine.device().step();
    machine.vda()->poll();
  }
  REQUIRE(io.ok());
}

// One that the device takes and keeps until it is released.
void submit_held(Machine& machine, Io& io) {
  machine.device().knobs.hold = true;
  machine.submit(io);
  machine.world.settle();
}

}  // namespace

// --- Queues for polling ---

TEST_CASE("A queue for polling never interrupts, and the others do") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 8192, .queues = 2}, variant.setup(), "virtio_blk.poll_queues=1");
  machine.plug();
  REQUIRE(machine.virtio_device()->queues().size() == 2);
  const auto& counters = machine.device().counters();
  for (u64 i = 0; i < 100; ++i) {
    const auto io = polled_read(i * 8);
    machine.submit(*io);
    poll_for(machine, *io);
    CHECK(machine.disk.requests().back().queue == 1);
  }
  CHECK(counters.interrupts == 0);

  Io plain(blk::Op::Read, 64, 512);
  machine.submit(plain);
  machine.world.settle();
  CHECK(plain.ok());
  CHECK(machine.disk.requests().back().queue == 0);
  CHECK(counters.interrupts == 1);
}

TEST_CASE("Many polled bios in flight end without an interrupt, too") {
  Ios ios;
  Machine machine({.sectors = 8192, .queues = 2}, {}, "virtio_blk.poll_queues=1");
  machine.plug();
  for (u64 i = 0; i < 64; ++i) {
    ios.push_back(polled_read(i * 16));
  }
  machine.submit(ios);
  for (const auto& io : ios) {
    poll_for(machine, *io);
  }
  CHECK(machine.device().counters().interrupts == 0);
  CHECK(machine.world.now_ticks < 1'000'000);  // and no timer looked after them
  CHECK(all_hold_pattern(ios));
}

TEST_CASE("Each hart polls the queue that it submits to") {
  Machine machine({.sectors = 8192, .queues = 4}, {}, "virtio_blk.poll_queues=2", 2);
  machine.plug();
  for (u32 hart = 0; hart < 2; ++hart) {
    const auto io = polled_read(64 * hart);
    machine.submit_as(hart, *io);
    machine.device().run();
    machine.world.run_as(1 - hart, [&] { CHECK(machine.vda()->poll() == 0); });
    CHECK_FALSE(io->done());
    machine.world.run_as(hart, [&] { CHECK(machine.vda()->poll() == 1); });
    CHECK(io->ok());
    CHECK(machine.disk.requests().back().queue == 2 + hart);
  }
  CHECK(machine.device().counters().interrupts == 0);
}

TEST_CASE("More queues for polling than the device has is told, and one is left for the rest") {
  Machine machine({.sectors = 8192, .queues = 3}, {}, "virtio_blk.poll_queues=5", 4);
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.log.has("virtio_blk.poll_queues=5"));
  CHECK(machine.log.has("the device has 3 queues: 2 of them will be polled"));
  CHECK(machine.vda()->tag_set().map().range(blk::QueueType::Default).count == 1);
}

TEST_CASE("On a device with one queue there is none for polling, and polling works all the same") {
  Machine machine({.sectors = 8192}, {}, "virtio_blk.poll_queues=1");
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  const auto io = polled_read(8);
  machine.submit(*io);
  poll_for(machine, *io);
  CHECK(io->holds_pattern());
}

// --- A queue that both kinds share ---

TEST_CASE("While only polled bios are in flight, a shared queue is silent") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  const auto first = polled_read(0);
  machine.submit(*first);
  poll_for(machine, *first);
  const u64 before = machine.device().counters().interrupts;
  for (u64 i = 0; i < 50; ++i) {
    const auto io = polled_read(8 * i);
    machine.submit(*io);
    poll_for(machine, *io);
  }
  CHECK(machine.device().counters().interrupts == before);
}

TEST_CASE("A bio that nobody polls for has its interrupt, whatever was polled before it") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  for (u64 round = 0; round < 5; ++round) {
    const auto polled = polled_read(8 * round);
    machine.submit(*polled);
    poll_for(machine, *polled);  // silent from here on
    Io plain(blk::Op::Read, 100 + 8 * round, 4096);
    machine.submit(plain);
    machine.world.settle();
    CHECK(plain.ok());
    CHECK(plain.holds_pattern());
  }
}

TEST_CASE("A bio that nobody polls for has its interrupt beside polled ones in flight") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  const bool polled_first = GENERATE(true, false);
  INFO((polled_first ? "the polled one first" : "the polled one last"));
  std::unique_ptr<Io> polled = polled_read(0);
  Io plain(blk::Op::Read, 64, 4096);
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  const auto warm = polled_read(8);
  machine.submit(*warm);
  poll_for(machine, *warm);
  submit_held(machine, polled_first ? *polled : plain);
  submit_held(machine, polled_first ? plain : *polled);
  REQUIRE(machine.device().in_flight() == 2);
  machine.device().complete(polled_first ? 1 : 0);
  machine.world.settle();
  CHECK(plain.ok());
  CHECK_FALSE(polled->done());
  machine.device().complete(0);
  machine.vda()->poll();
  CHECK(polled->ok());
}

TEST_CASE("Another hart's bio on a silent queue has its interrupt as well") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  std::unique_ptr<Io> polled = polled_read(0);
  Io plain(blk::Op::Read, 64, 4096);
  Machine machine({.sectors = 8192}, variant.setup(), {}, 2);
  machine.plug();
  const auto warm = polled_read(8);
  machine.submit(*warm);
  poll_for(machine, *warm);
  submit_held(machine, *polled);
  machine.submit_as(1, plain);
  machine.world.settle();
  machine.device().complete(1);
  machine.world.settle();
  CHECK(plain.ok());
  CHECK_FALSE(polled->done());
  machine.device().complete(0);
  machine.vda()->poll();
  CHECK(polled->ok());
}

TEST_CASE("A polled bio that could not be queued leaves the others their interrupts") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  std::unique_ptr<Io> polled = polled_read(0);
  Ios plain;
  Machine machine({.sectors = 8192}, variant.setup());
  machine.plug();
  for (u64 i = 0; i < 2; ++i) {
    plain.push_back(std::make_unique<Io>(blk::Op::Read, 64 + 16 * i, 4096));
    submit_held(machine, *plain.back());
  }
  machine.world.arena.allocations_left = 0;  // nothing more can be mapped
  machine.submit(*polled);
  machine.world.settle();
  CHECK(machine.device().in_flight() == 2);
  for (const auto& io : plain) {
    machine.device().complete(0);
    machine.world.settle();
    CHECK(io->ok());
  }
  machine.world.arena.allocations_left = ~usize{0};
  machine.device().knobs.hold = false;
  machine.world.advance_ns(1'000'000);
  machine.world.settle();
  machine.device().run();
  machine.vda()->poll();
  CHECK(polled->ok());
}

TEST_CASE("A polled bio that the ring has no room for leaves the others their interrupts") {
  Io polled(blk::Op::Read, 0, 12 * 512, 12);
  polled.bio.flags = blk::bio_flag::kPolled;
  Io first(blk::Op::Read, 64, 512);
  Io second(blk::Op::Read, 128, 512);
  // A ring of 16 and chains of 3, 3 and 14.
  Machine machine({.sectors = 8192, .seg_max = 14}, Variant{2, false, true}.setup(16));
  machine.plug();
  submit_held(machine, first);
  submit_held(machine, second);
  machine.submit(polled);
  machine.world.settle();
  REQUIRE(machine.device().in_flight() == 2);
  machine.device().complete(0);
  machine.world.settle();
  CHECK(first.ok());
  machine.device().complete(0);
  machine.world.settle();
  CHECK(second.ok());
  machine.device().complete(0);
  machine.vda()->poll();
  CHECK(polled.ok());

  // And it was counted once: the queue is silent for the next ones.
  machine.device().knobs.hold = false;
  const auto warm = polled_read(8);
  machine.submit(*warm);
  poll_for(machine, *warm);
  const u64 before = machine.device().counters().interrupts;
  const auto next = polled_read(16);
  machine.submit(*next);
  poll_for(machine, *next);
  CHECK(machine.device().counters().interrupts == before);
}

TEST_CASE("A polled bio that nobody polls for is found by the timeout's look") {
  std::unique_ptr<Io> polled = polled_read(0);
  Machine machine({.sectors = 8192, .queues = 2}, {}, "virtio_blk.poll_queues=1");
  machine.plug();
  machine.submit(*polled);
  machine.device().run();
  wait_until([&] { return polled->done(); });
  CHECK(polled->ok());
  CHECK(machine.world.now_ticks >= blk::Disk::kDefaultTimeoutNs);
  CHECK(machine.virtio_device()->live());
}
