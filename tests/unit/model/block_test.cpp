// The referee's disk: its cache, the commands on ranges, and what it says of itself.
#include "bench.hpp"
#include "tests/catch.hpp"
#include "tiny_wire.hpp"

using namespace tiny;

namespace {

constexpr std::uint32_t kDiscardType = 11, kWriteZeroesType = 13, kSecureEraseType = 14;

std::byte first_byte(const Bench& bench, std::uint64_t sector) {
  return bench.disk.disk.read(sector)[0];
}

}  // namespace

// --- Ranges --------------------------------------------------------------------------------------

TEST_CASE("What was discarded holds anything, its neighbours what they held") {
  Bench bench({.discard = referee::RangeLimits{.max_sectors = 16, .max_ranges = 3}});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(bench.device.read(0x100 + 36, 4) == 16);
  CHECK(bench.device.read(0x100 + 40, 4) == 3);
  CHECK(bench.device.read(0x100 + 44, 4) == 1);
  CHECK(driver.work_on_ranges(kDiscardType, {{10, 4}, {20, 1}, {30, 16}}));
  CHECK(driver.read(9, 512) == pattern_bytes(9, 512));
  CHECK(driver.read(10, 512) == Bytes(512, std::byte{0xdd}));
  CHECK(driver.read(13, 512) == Bytes(512, std::byte{0xdd}));
  CHECK(driver.read(14, 512) == pattern_bytes(14, 512));
  CHECK(driver.read(45, 1024) != pattern_bytes(45, 1024));
  const std::vector<referee::BlockRange> wanted{{10, 4, 0}, {20, 1, 0}, {30, 16, 0}};
  CHECK(bench.disk.requests().front().ranges == wanted);
  driver.stop();
}

TEST_CASE("Written zeroes read as zeroes, with and without unmap") {
  Bench bench({.write_zeroes = referee::RangeLimits{}, .may_unmap = false});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(bench.device.read(0x100 + 48, 4) == 2048);
  CHECK(bench.device.read(0x100 + 52, 4) == 4);
  CHECK(bench.device.read(0x100 + 56, 1) == 0);
  CHECK(driver.work_on_ranges(kWriteZeroesType, {{10, 2}, {20, 2, 1}}));
  CHECK(driver.read(10, 1024) == Bytes(1024));
  CHECK(driver.read(20, 1024) == Bytes(1024));
  CHECK(driver.read(12, 512) == pattern_bytes(12, 512));
  driver.stop();
}

TEST_CASE("What was erased is gone, and from the cache as well") {
  Bench bench({.secure_erase = referee::RangeLimits{}});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(driver.write(10, Bytes(512, std::byte{1})));
  CHECK(driver.work_on_ranges(kSecureEraseType, {{10, 1}}));
  CHECK(driver.read(10, 512) == Bytes(512, std::byte{0xff}));
  CHECK(bench.disk.disk.cached() == 0);
  driver.stop();
}

TEST_CASE("A bad sector in a range fails the request, and the ranges before it are done") {
  Bench bench({.discard = referee::RangeLimits{}});
  bench.disk.bad_sectors = {21};
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK_FALSE(driver.work_on_ranges(kDiscardType, {{10, 4}, {20, 4}, {30, 4}}));
  CHECK(bench.disk.requests().back().status == referee::kBlkIoError);
  CHECK(first_byte(bench, 10) == std::byte{0xdd});
  CHECK(first_byte(bench, 20) == pattern(20, 0));
  CHECK(first_byte(bench, 30) == pattern(30, 0));
  driver.stop();
}

TEST_CASE("A flag that the device does not know is answered with UNSUPP") {
  for (const std::uint32_t type : {kDiscardType, kWriteZeroesType, kSecureEraseType}) {
    CAPTURE(type);
    Bench bench({.discard = referee::RangeLimits{},
                 .write_zeroes = referee::RangeLimits{},
                 .secure_erase = referee::RangeLimits{}});
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    Driver driver(bench.world, bench.device);
    REQUIRE(driver.start());
    CHECK_FALSE(driver.work_on_ranges(type, {{10, 4, 4}}));
    CHECK(bench.disk.requests().back().status == referee::kBlkUnsupported);
    CHECK(driver.work_on_ranges(type, {{10, 4, 1}}) == (type == kWriteZeroesType));
    driver.stop();
  }
}

TEST_CASE("A range off the alignment is counted and is no verdict") {
  Bench bench({.discard = referee::RangeLimits{.alignment = 8}});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(bench.device.read(0x100 + 44, 4) == 8);
  CHECK(driver.work_on_ranges(kDiscardType, {{16, 8}, {24, 4}, {33, 8}}));
  CHECK(bench.disk.misaligned_ranges() == 2);
  driver.stop();
}

TEST_CASE("A read-only disk is not discarded") {
  Bench bench({.read_only = true, .discard = referee::RangeLimits{}});
  bench.device.judge.mode = referee::Judge::Mode::Collect;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK_FALSE(driver.work_on_ranges(kDiscardType, {{10, 4}}));
  CHECK(bench.device.judge.has("blk.read_only"));
  CHECK(first_byte(bench, 10) == pattern(10, 0));
  driver.stop();
}

TEST_CASE("A command that the device did not offer is blk.command_feature, and unsupported") {
  for (const std::uint32_t type : {10U, kDiscardType, kWriteZeroesType, kSecureEraseType}) {
    Bench bench;
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    Driver driver(bench.world, bench.device);
    REQUIRE(driver.start());
    const auto request = driver.submit(type, 0, type == 10 ? Bytes() : Bytes(16), 6);
    REQUIRE(request.has_value());
    CHECK(driver.wait(*request) == referee::kBlkUnsupported);
    CHECK(bench.device.judge.has("blk.command_feature"));
    driver.stop();
  }
}

TEST_CASE("The lifetime is what the options say") {
  Bench bench({.lifetime = referee::Lifetime{3, 11, 0x0102}});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(driver.lifetime() ==
        Bytes{std::byte{3}, std::byte{0}, std::byte{11}, std::byte{0}, std::byte{2}, std::byte{1}});
  driver.stop();
}

// --- The cache -----------------------------------------------------------------------------------

TEST_CASE("A power cut takes what was written since the last flush") {
  Bench bench;
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(driver.write(10, Bytes(512, std::byte{1})));
  CHECK(driver.flush());
  CHECK(driver.write(20, Bytes(512, std::byte{2})));
  CHECK(driver.read(20, 512) == Bytes(512, std::byte{2}));
  CHECK(bench.disk.disk.written() == 2);
  bench.disk.disk.lose_cache();
  CHECK(driver.read(10, 512) == Bytes(512, std::byte{1}));
  CHECK(driver.read(20, 512) == pattern_bytes(20, 512));
  driver.stop();
}

TEST_CASE("A flush makes stable only the writes that were completed when it was sent") {
  Bench bench;
  bench.device.knobs.hold = true;
  Driver driver(bench.world, bench.device, {.queue_size = 32});
  REQUIRE(driver.start());
  const Bytes ones(512, std::byte{1});
  const auto early = driver.submit(1, 10, ones, 0);
  bench.device.run();
  bench.device.complete(0);
  const auto late = driver.submit(1, 20, ones, 0);
  const auto flush = driver.submit(4, 0, {}, 0);
  bench.device.run();
  bench.device.complete(0);  // the late write, and then the flush that was in flight with it
  bench.device.complete(0);
  REQUIRE((driver.wait(*early) == 0 && driver.wait(*late) == 0 && driver.wait(*flush) == 0));
  bench.disk.disk.lose_cache();
  CHECK(first_byte(bench, 10) == std::byte{1});
  CHECK(first_byte(bench, 20) == pattern(20, 0));
  driver.stop();
}

TEST_CASE("In writethrough mode a write is stable, if it was sent in this mode") {
  Bench bench({.config_wce = true});
  Driver driver(bench.world, bench.device, {.queue_size = 32});
  REQUIRE(driver.start());
  bench.device.knobs.hold = true;
  const auto between = driver.submit(1, 10, Bytes(512, std::byte{1}), 0);
  bench.device.run();
  driver.set_writeback(0);
  CHECK_FALSE(bench.disk.writeback());
  bench.device.knobs.hold = false;
  CHECK(driver.wait(*between) == std::uint8_t{0});
  CHECK(driver.write(20, Bytes(512, std::byte{2})));
  driver.set_writeback(1);
  CHECK(driver.write(30, Bytes(512, std::byte{3})));
  bench.disk.disk.lose_cache();
  CHECK(first_byte(bench, 10) == pattern(10, 0));
  CHECK(first_byte(bench, 20) == std::byte{2});
  CHECK(first_byte(bench, 30) == pattern(30, 0));
  driver.stop();
}

TEST_CASE("Without FLUSH accepted, or offered, a write is stable at once") {
  for (const bool offered : {true, false}) {
    Bench bench({.flush = offered}, {.withheld = offered ? 0 : referee::kBlkFlush});
    bench.device.judge.tolerate("blk.command_feature");
    Driver driver(bench.world, bench.device, {}, Mistake::FlushUnnegotiated);
    REQUIRE(driver.start());
    CHECK(driver.write(10, Bytes(512, std::byte{1})));
    bench.disk.disk.lose_cache();
    CHECK(driver.read(10, 512) == Bytes(512, std::byte{1}));
    driver.stop();
  }
}

TEST_CASE("Zeroes are cached as writes are, a discard is not") {
  Bench bench({.discard = referee::RangeLimits{}, .write_zeroes = referee::RangeLimits{}});
  Driver driver(bench.world, bench.device);
  REQUIRE(driver.start());
  CHECK(driver.work_on_ranges(kWriteZeroesType, {{10, 2}}));
  CHECK(driver.work_on_ranges(kDiscardType, {{20, 2}}));
  CHECK(bench.disk.disk.cached() == 2);
  bench.disk.disk.lose_cache();
  CHECK(first_byte(bench, 10) == pattern(10, 0));
  CHECK(first_byte(bench, 20) == std::byte{0xdd});
  driver.stop();
}

// --- RING_RESET ----------------------------------------------------------------------------------

TEST_CASE("A queue that was reset works again, with another size, while the device stays live") {
  for (const std::uint32_t reads : {0U, 3U}) {
    Bench bench({}, {.features = referee::kFeatureIndirect | referee::kFeatureRingReset});
    bench.device.knobs.hold = true;
    bench.device.knobs.queue_reset_reads = reads;
    Driver driver(bench.world, bench.device, {.ring_reset = true});
    REQUIRE(driver.start());
    const auto request = driver.submit(0, 3, {}, 512);
    REQUIRE(request.has_value());
    bench.device.run();
    CHECK(bench.device.in_flight() == 1);
    CHECK(driver.restart_queue(32));
    CHECK(bench.device.in_flight() == 0);
    CHECK(bench.device.live());
    CHECK_FALSE(driver.done(*request));
    CHECK(bench.disk.requests().size() == (reads == 0 ? 0 : 1));  // done late, and not told
    bench.device.knobs.hold = false;
    CHECK(driver.queue_size() == 32);
    CHECK(driver.read(3, 1024) == pattern_bytes(3, 1024));
    driver.stop();
  }
}

TEST_CASE("A queue whose reset goes on is not notified") {
  Bench bench({}, {.features = referee::kFeatureRingReset});
  bench.device.knobs.queue_reset_reads = 1;
  bench.device.judge.mode = referee::Judge::Mode::Collect;
  Driver driver(bench.world, bench.device, {.ring_reset = true});
  REQUIRE(driver.start());
  bench.device.write(0x30, 4, 0);
  bench.device.write(0xc0, 4, 1);
  bench.device.write(0x50, 4, 0);
  CHECK(bench.device.judge.has("notify.no_queue"));
  CHECK(bench.device.read(0xc0, 4) == 1);
  CHECK(bench.device.read(0xc0, 4) == 0);
  CHECK(bench.device.read(0x44, 4) == 0);
  CHECK(bench.device.verdicts().size() == 1);
  driver.stop();
}
