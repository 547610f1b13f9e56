// The referee itself: what its knobs do, that it works as a device should, and that it tells of it.
#include "bench.hpp"
#include "tests/catch.hpp"

using namespace tiny;
using Order = referee::Knobs::Order;

namespace {

referee::Setup setup_of(bool packed) {
  return packed ? kPackedSetup : referee::Setup{};
}

}  // namespace

TEST_CASE("A driver without mistakes passes the routine in every dress") {
  for (const std::uint32_t version : {1U, 2U}) {
    for (const bool indirect : {false, true}) {
      for (const bool event_idx : {false, true}) {
        for (const bool polled : {false, true}) {
          for (const Order order : {Order::Fifo, Order::Lifo, Order::Shuffled}) {
            CAPTURE(version, indirect, event_idx, polled, static_cast<int>(order));
            Bench bench({.config_wce = true}, {.version = version});
            bench.device.knobs.order = order;
            Driver driver(bench.world, bench.device,
                          {.indirect = indirect, .event_idx = event_idx, .polled = polled});
            REQUIRE(driver.start());
            CHECK(driver.capacity() == 2048);
            for (int i = 0; i < 5; ++i) {
              CHECK(routine(driver, true));
            }
            CHECK((bench.device.counters().indirect_chains != 0) == indirect);
            CHECK((driver.interrupts() == 0) == polled);
            CHECK(bench.device.counters().needless_notifications == 0);
            driver.stop();
          }
        }
      }
    }
  }
}

TEST_CASE("An index that wraps at 65536 is followed") {
  Bench bench;
  Driver driver(bench.world, bench.device, {.queue_size = 4, .event_idx = true, .polled = true});
  REQUIRE(driver.start());
  bool right = true;
  for (int i = 0; i < 66'000; ++i) {
    right = right && driver.flush();
  }
  CHECK(right);
  CHECK(bench.device.counters().completions == 66'000);
  driver.stop();
}

TEST_CASE("Requests complete in the order that the knob says") {
  const bool packed = GENERATE(false, true);
  const auto order_of = [packed](Order order, std::uint32_t seed) {
    Bench bench({}, setup_of(packed));
    bench.device.knobs.order = order;
    bench.device.knobs.seed = seed;
    Driver driver(bench.world, bench.device, {.queue_size = 32, .packed = packed});
    REQUIRE(driver.start());
    check_reads(driver, submit_reads(driver, 8));
    driver.stop();
    return sectors(bench.disk);
  };
  const std::vector<std::uint64_t> fifo{0, 10, 20, 30, 40, 50, 60, 70};
  CHECK(order_of(Order::Fifo, 1) == fifo);
  CHECK(order_of(Order::Lifo, 1) == std::vector<std::uint64_t>(fifo.rbegin(), fifo.rend()));
  CHECK(order_of(Order::Shuffled, 1) == order_of(Order::Shuffled, 1));
  CHECK(order_of(Order::Shuffled, 1) != order_of(Order::Shuffled, 2));
  CHECK(order_of(Order::Shuffled, 1) != fifo);
}

TEST_CASE("A held device completes what is released and no more") {
  Bench bench;
  bench.device.knobs.hold = true;
  Driver driver(bench.world, bench.device, {.queue_size = 32});
  REQUIRE(driver.start());
  const auto requests = submit_reads(driver, 3);
  bench.device.run();
  CHECK(bench.device.in_flight() == 3);
  CHECK_FALSE(driver.wait(requests[0]).has_value());
  bench.device.release();
  CHECK(driver.wait(requests[0]) == std::uint8_t{0});
  CHECK(bench.device.in_flight() == 2);
  CHECK(bench.device.complete(1));  // the third, out of order
  CHECK(driver.wait(requests[2]) == std::uint8_t{0});
  CHECK_FALSE(driver.done(requests[1]));
  CHECK_FALSE(bench.device.complete(1));
  bench.device.knobs.hold = false;
  CHECK(driver.wait(requests[1]) == std::uint8_t{0});
  driver.stop();
}

TEST_CASE("Several completions of one step are told with one interrupt") {
  const bool packed = GENERATE(false, true);
  Bench bench({}, setup_of(packed));
  bench.device.knobs.completions_per_step = 4;
  Driver driver(bench.world, bench.device, {.queue_size = 32, .packed = packed});
  REQUIRE(driver.start());
  check_reads(driver, submit_reads(driver, 8));
  CHECK(bench.device.counters().completions == 8);
  CHECK(bench.device.counters().interrupts == 2);
  driver.stop();
}

TEST_CASE("A request that touches a bad sector fails, its neighbours do not") {
  Bench bench;
  bench.disk.bad_sectors = {5};
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(driver.read(3, 1024) == pattern_bytes(3, 1024));
  CHECK_FALSE(driver.read(4, 1024).has_value());
  CHECK_FALSE(driver.write(5, Bytes(512)));
  CHECK(driver.read(6, 1024) == pattern_bytes(6, 1024));
  CHECK(bench.disk.disk.written() == 0);
  CHECK(bench.disk.requests()[1].status == referee::kBlkIoError);
  driver.stop();
}

TEST_CASE("A status byte of the test's is the answer to every request") {
  Bench bench;
  bench.disk.status_byte = 77;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  const auto request = driver.submit(0, 1, {}, 512);
  REQUIRE(request.has_value());
  CHECK(driver.wait(*request) == std::uint8_t{77});
  CHECK(driver.data(*request) == Bytes(512, std::byte{0xee}));
  driver.stop();
}

TEST_CASE("An unknown command is answered with UNSUPP, and that is no verdict") {
  Bench bench;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  const auto request = driver.submit(99, 0, {}, 0);
  REQUIRE(request.has_value());
  CHECK(driver.wait(*request) == referee::kBlkUnsupported);
  driver.stop();
}

TEST_CASE("A disk of 4096-byte blocks fails requests that are not whole blocks") {
  Bench bench({.block_bytes = 4096});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(driver.read(8, 4096) == pattern_bytes(8, 4096));
  CHECK_FALSE(driver.read(8, 512).has_value());
  CHECK_FALSE(driver.read(9, 4096).has_value());
  driver.stop();
}

TEST_CASE("A queue of four holds one request of three descriptors, or four indirect ones") {
  for (const bool indirect : {false, true}) {
    Bench bench({}, {.queue_num_max = 4});
    bench.device.knobs.hold = true;
    Driver driver(bench.world, bench.device, {.queue_size = 256, .indirect = indirect});
    REQUIRE(driver.start());
    CHECK(driver.queue_size() == 4);
    const auto requests = submit_reads(driver, indirect ? 4 : 1);
    CHECK_FALSE(driver.submit(0, 0, {}, 512).has_value());
    bench.device.knobs.hold = false;
    check_reads(driver, requests);
    driver.stop();
  }
}

TEST_CASE("Spurious interrupts are raised and told in InterruptStatus") {
  Bench bench;
  bench.device.knobs.always_interrupt = true;
  Driver driver(bench.world, bench.device, {.polled = true});
  REQUIRE(driver.start());
  bench.device.raise_spurious();
  CHECK(bench.device.interrupt_pending());
  driver.handle_interrupt();
  CHECK_FALSE(bench.device.interrupt_pending());
  CHECK(driver.read(3, 1024) == pattern_bytes(3, 1024));
  CHECK(driver.interrupts() == 2);
  driver.stop();
}

TEST_CASE("The device is notified once while it is awake") {
  const bool packed = GENERATE(false, true);
  for (const bool event_idx : {false, true}) {
    Bench bench({}, setup_of(packed));
    bench.device.knobs.hold = true;
    Driver driver(bench.world, bench.device,
                  {.queue_size = 32, .event_idx = event_idx, .packed = packed});
    REQUIRE(driver.start());
    auto requests = submit_reads(driver, 3);
    CHECK(bench.device.counters().notifications == 1);
    bench.device.run();  // takes the three and falls asleep
    const auto last = driver.submit(0, 30, {}, 512);
    REQUIRE(last.has_value());
    requests.push_back(*last);
    CHECK(bench.device.counters().notifications == 2);
    bench.device.knobs.hold = false;
    check_reads(driver, requests);
    driver.stop();
  }
}

TEST_CASE("A device that polls is not notified, and takes the chains all the same") {
  const bool packed = GENERATE(false, true);
  for (const bool event_idx : {false, true}) {
    Bench bench({}, setup_of(packed));
    bench.device.knobs.never_needs_notify = true;
    Driver driver(bench.world, bench.device, {.event_idx = event_idx, .packed = packed});
    REQUIRE(driver.start());
    bench.device.step();
    for (int i = 0; i < 20; ++i) {
      CHECK(driver.read(3, 1024) == pattern_bytes(3, 1024));
    }
    CHECK(bench.device.counters().notifications == 0);
    driver.stop();
  }
}

TEST_CASE("A second notification of the same chain is counted and is no verdict") {
  Bench bench;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  const auto request = driver.submit(0, 0, {}, 512);
  bench.device.write(0x50, 4, 0);
  CHECK(bench.device.counters().needless_notifications == 1);
  CHECK(driver.wait(*request) == std::uint8_t{0});
  driver.stop();
}

TEST_CASE("A slow reset writes late into the buffers of the requests in flight") {
  Bench bench;
  bench.device.knobs.hold = true;
  bench.device.knobs.reset_reads = 2;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  const auto request = driver.submit(0, 3, {}, 512);
  REQUIRE(request.has_value());
  bench.device.run();
  bench.device.write(0x70, 4, 0);
  CHECK(driver.data(*request) == Bytes(512));
  CHECK(bench.device.read(0x70, 4) != 0);
  CHECK(bench.device.read(0x70, 4) != 0);
  CHECK(bench.device.read(0x70, 4) == 0);
  CHECK(driver.data(*request) == pattern_bytes(3, 512));
  CHECK_FALSE(driver.done(*request));
}

TEST_CASE("A device that broke down says so and works again after a reset") {
  Bench bench;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  bench.device.break_down();
  CHECK((bench.device.status() & 64) != 0);
  CHECK(bench.device.interrupt_pending());
  CHECK_FALSE(driver.read(0, 512).has_value());
  CHECK(driver.config_changed());
  driver.stop();
  Driver again(bench.world, bench.device);
  REQUIRE(again.start());
  CHECK(routine(again, true));
  again.stop();
}

TEST_CASE("A changed capacity comes with an interrupt and a new generation") {
  Bench bench({.sectors = 100});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  const std::uint32_t before = bench.device.read(0xfc, 4);
  bench.disk.set_capacity(200);
  bench.device.config_changed();
  REQUIRE(bench.device.interrupt_pending());
  driver.handle_interrupt();
  CHECK(driver.config_changed());
  CHECK(bench.device.read(0xfc, 4) != before);
  CHECK(driver.read_capacity() == 200);
  CHECK(driver.read(199, 512) == pattern_bytes(199, 512));
  driver.stop();
}

TEST_CASE("The cache mode is what the options say after a reset, and what the driver writes") {
  Bench bench({.config_wce = true, .writeback = false});
  CHECK_FALSE(bench.disk.writeback());
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());  // writes 1
  CHECK(bench.disk.writeback());
  driver.stop();
  CHECK_FALSE(bench.disk.writeback());
}

TEST_CASE("An image that is loaded is what the driver reads") {
  Bench bench;
  bench.disk.disk.load(Bytes(700, std::byte{0x42}));
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  Bytes wanted(1024);
  std::fill_n(wanted.begin(), 700, std::byte{0x42});
  CHECK(driver.read(0, 1024) == wanted);
  CHECK(driver.read(2, 512) == pattern_bytes(2, 512));
  driver.stop();
}

TEST_CASE("An empty slot has device id 0, and any further access is mmio.empty_slot") {
  sluice::test::World world;
  referee::SluiceMemory memory(world);
  referee::EmptySlot nothing;
  referee::MmioDevice device(nothing, memory);
  Driver driver(world, device);
  CHECK_FALSE(driver.start());
  CHECK_THROWS_AS(device.write(0x70, 4, 0), referee::Violation);
  CHECK(device.judge.has("mmio.empty_slot"));
}

TEST_CASE("A verdict is thrown with rule, clause and values, unless it is tolerated") {
  Bench bench;
  bench.device.judge.tolerate("mmio.width");
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(bench.device.read(0x70, 1) == 0);
  CHECK(bench.device.verdicts().empty());
  std::string text;
  try {
    bench.device.write(0x50, 4, 9);
  } catch (const referee::Violation& violation) {
    text = violation.what();
  }
  CHECK(text ==
        "notify.no_queue (virtio 1.2, 4.2.3.3): A notification names a queue that is in use, by "
        "its index. [0x9]");
  driver.stop();
}

TEST_CASE("What a driver only SHOULD do is not judged where the test says so") {
  for (const bool judged : {true, false}) {
    Bench bench;
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    bench.device.judge.judges_shoulds = judged;
    Driver driver(bench.world, bench.device, {}, Mistake::ConfigReadOnce);
    REQUIRE(driver.start());
    bench.device.write(0x50, 4, 9);
    CHECK(bench.device.judge.has("config.generation") == judged);
    CHECK(bench.device.judge.has("notify.no_queue"));
    driver.stop();
  }
}

TEST_CASE("A completion that comes between two accesses of the driver is not lost") {
  Bench bench;
  Driver driver(bench.world, bench.device, {.queue_size = 32});
  REQUIRE(driver.start());
  const auto requests = submit_reads(driver, 2);
  bench.device.step();
  bench.device.step();
  bool moved = false;
  bench.device.before_access = [&](std::uint64_t offset, bool) {
    if (offset == 0x64 && !std::exchange(moved, true)) {
      bench.device.complete(0);  // after InterruptStatus was read, before it is acknowledged
    }
  };
  check_reads(driver, requests);
  CHECK(moved);
  bench.device.before_access = nullptr;
  driver.stop();
}

// --- The adapter ---------------------------------------------------------------------------------

TEST_CASE("In a World the registers are found, the line is raised, and idle lets the device work") {
  sluice::test::World world;
  referee::BlockDevice disk;
  {
    referee::SluiceDevice slot(world, disk,
                               {.base = sluice::PhysAddr(0x1000'2000), .irq_source = 7});
    const auto region = sluice::port::map_device(slot.base(), 0x200);
    REQUIRE(region.has_value());
    CHECK((*region)->read32(0) == 0x74726976);
    Driver driver(world, slot.device);
    REQUIRE(driver.start());
    world.controller.enable(7);
    const auto request = driver.submit(4, 0, {}, 0);
    REQUIRE(request.has_value());
    for (int i = 0; i < 3 && !world.controller.deliverable(); ++i) {
      sluice::port::idle();
    }
    REQUIRE(world.controller.deliverable());
    driver.handle_interrupt();
    CHECK(driver.done(*request));
    CHECK_FALSE(world.controller.deliverable());
    driver.stop();
  }
  for (const auto& step : world.steps) {
    CHECK_FALSE(step());  // the device is gone
  }
}

TEST_CASE("A driver that goes without a reset is judged when the adapter ends") {
  sluice::test::World world;
  referee::BlockDevice disk;
  const auto forget_reset = [&] {
    referee::SluiceDevice slot(world, disk);
    Driver driver(world, slot.device);
    REQUIRE(driver.start());
  };
  CHECK_THROWS_AS(forget_reset(), referee::Violation);
}
