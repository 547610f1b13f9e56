// The referee with a packed queue, and with the features that change how either ring is used: its
// knobs do what they do with a split one, and a driver without mistakes passes.
#include "bench.hpp"
#include "tests/catch.hpp"

using namespace tiny;
using Order = referee::Knobs::Order;

TEST_CASE("A driver without mistakes passes the routine on packed queues in every dress") {
  const bool indirect = GENERATE(false, true);
  const bool event_idx = GENERATE(false, true);
  const bool polled = GENERATE(false, true);
  const auto order = GENERATE(Order::Fifo, Order::Lifo, Order::Shuffled);
  const auto size = GENERATE(3u, 6u, 7u, 8u, 9u, 13u, 256u);
  if (!indirect && size < 6) {
    return;  // two requests in flight do not fit
  }
  CAPTURE(indirect, event_idx, polled, static_cast<int>(order), size);
  Bench bench({.config_wce = true}, kPackedSetup);
  bench.device.knobs.order = order;
  Driver driver(bench.world, bench.device,
                {.queue_size = size,
                 .indirect = indirect,
                 .event_idx = event_idx,
                 .polled = polled,
                 .packed = true});
  REQUIRE(driver.start());
  for (int i = 0; i < 8; ++i) {
    CHECK(routine(driver, true));
  }
  CHECK((bench.device.accepted() & referee::kFeatureRingPacked) != 0);
  CHECK((bench.device.counters().indirect_chains != 0) == indirect);
  CHECK((driver.interrupts() == 0) == polled);
  CHECK(bench.device.counters().needless_notifications == 0);
  driver.stop();
}

TEST_CASE("IN_ORDER and NOTIFICATION_DATA are offered where the setup says so, and kept to") {
  const bool packed = GENERATE(false, true);
  const bool indirect = GENERATE(false, true);
  const bool event_idx = GENERATE(false, true);
  const auto per_step = GENERATE(1u, 3u);
  CAPTURE(packed, indirect, event_idx, per_step);
  Bench bench({}, {.added = referee::kFeatureRingPacked | referee::kFeatureInOrder |
                            referee::kFeatureNotificationData});
  bench.device.judge.tolerate("packed.unaccepted");
  bench.device.knobs.order = Order::Lifo;  // has no say
  bench.device.knobs.completions_per_step = per_step;
  Driver driver(bench.world, bench.device,
                {.queue_size = 16,
                 .indirect = indirect,
                 .event_idx = event_idx,
                 .packed = packed,
                 .in_order = true,
                 .notification_data = true});
  REQUIRE(driver.start());
  for (int i = 0; i < 30; ++i) {
    CHECK(routine(driver, true));
    const std::size_t before = bench.disk.requests().size();
    check_reads(driver, submit_reads(driver, 5, 20), 20);
    auto done = sectors(bench.disk);
    done.erase(done.begin(), done.begin() + static_cast<std::ptrdiff_t>(before));
    CHECK(done == std::vector<std::uint64_t>{20, 30, 40, 50, 60});
  }
  bench.device.knobs.hold = true;
  const auto requests = submit_reads(driver, 2, 20);
  bench.device.run();
  CHECK_FALSE(bench.device.complete(1));
  CHECK(bench.device.complete(0));
  bench.device.knobs.hold = false;
  check_reads(driver, requests, 20);
  driver.stop();
}

TEST_CASE("A legacy device offers no packed queue") {
  Bench bench({}, {.version = 1, .added = referee::kFeatureRingPacked | referee::kFeatureInOrder});
  CHECK(bench.device.offered() >> 32 == 0);
  Driver driver(bench.world, bench.device, {.packed = true});
  REQUIRE(driver.start());
  CHECK(routine(driver, true));
  driver.stop();
}

TEST_CASE("Without acceptance of RING_PACKED the queue is split") {
  Bench bench({}, kPackedSetup);
  bench.device.judge.tolerate("packed.unaccepted");
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(routine(driver, true));
  driver.stop();
}

TEST_CASE("A packed ring is followed round and round") {
  Bench bench({}, kPackedSetup);
  bench.device.knobs.order = Order::Shuffled;
  Driver driver(bench.world, bench.device,
                {.queue_size = 5, .event_idx = true, .polled = true, .packed = true});
  REQUIRE(driver.start());
  bool right = true;
  for (int i = 0; i < 66'000; ++i) {
    right = right && driver.flush();
  }
  CHECK(right);
  CHECK(bench.device.counters().completions == 66'000);
  driver.stop();
}

TEST_CASE("A held device with a packed queue completes what is released, in any order") {
  Bench bench({}, kPackedSetup);
  bench.device.knobs.hold = true;
  Driver driver(bench.world, bench.device, {.queue_size = 9, .packed = true});
  REQUIRE(driver.start());
  const auto requests = submit_reads(driver, 3);
  CHECK_FALSE(driver.submit(0, 0, {}, 512).has_value());  // the ring is full
  bench.device.run();
  CHECK(bench.device.complete(2));
  CHECK(driver.wait(requests[2]) == std::uint8_t{0});
  CHECK_FALSE(driver.done(requests[0]));
  bench.device.release();
  CHECK(driver.wait(requests[0]) == std::uint8_t{0});
  CHECK_FALSE(driver.done(requests[1]));
  bench.device.knobs.hold = false;
  CHECK(driver.wait(requests[1]) == std::uint8_t{0});
  driver.stop();
}

TEST_CASE("Interrupts of a packed queue that were not asked for come with the knob alone") {
  for (const bool event_idx : {false, true}) {
    Bench bench({}, kPackedSetup);
    Driver driver(bench.world, bench.device,
                  {.event_idx = event_idx, .polled = true, .packed = true});
    REQUIRE(driver.start());
    CHECK(driver.read(3, 1024) == pattern_bytes(3, 1024));
    CHECK(driver.interrupts() == 0);
    bench.device.knobs.always_interrupt = true;
    CHECK(driver.read(3, 1024) == pattern_bytes(3, 1024));
    CHECK(driver.interrupts() == 1);
    driver.stop();
  }
}

TEST_CASE("A packed queue is forgotten by a reset, and set up anew") {
  Bench bench({}, kPackedSetup);
  bench.device.knobs.reset_reads = 2;
  bench.device.knobs.hold = true;
  for (int i = 0; i < 2; ++i) {
    Driver driver(bench.world, bench.device, {.queue_size = 7, .packed = true});
    REQUIRE(driver.start());
    const auto request = driver.submit(0, 3, {}, 512);
    REQUIRE(request.has_value());
    bench.device.run();
    bench.device.write(0x70, 4, 0);
    CHECK(driver.data(*request) == Bytes(512));
    while (bench.device.read(0x70, 4) != 0) {
    }
    CHECK(driver.data(*request) == pattern_bytes(3, 512));  // written late
  }
}
