// Requests that take too long: when the driver is asked about them, and what its answer does.
#include <sluice/drivers/block/timeout.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using blk::TimeoutResult;

constexpr u64 kTimeoutNs = 1'000'000;
const Disk::Options kShort{.sectors = 8192, .timeout_ns = kTimeoutNs};

struct Read : TestBio {
  explicit Read(u64 sector = 0) : TestBio(Op::Read, sector, {512}) {}
};

// Time goes on, and what is due is done.
void pass(World& world, u64 ns) {
  world.advance_ns(ns);
  world.settle();
}

u32 timers_armed(World& world) {
  u32 count = 0;
  for (const Timer& timer : world.hart.timers) {
    (void)timer;
    ++count;
  }
  return count;
}

// --- When ---

TEST_CASE("the driver is asked about a request once its time is over, and not before") {
  TestDisk disk(kShort);
  Read bio;
  disk.disk.submit(bio.bio);
  pass(disk.world, kTimeoutNs - 1);
  CHECK(disk.device.asked.empty());
  pass(disk.world, 1);
  REQUIRE(disk.device.asked.size() == 1);
  CHECK(disk.device.asked[0] == disk.device.started[0]);
  CHECK(bio.ends == 0);
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("one timer serves all requests, each of which has its own time") {
  TestDisk disk(kShort);
  disk.device.on_timeout = [&](Request&) {
    disk.device.forget();  // the oldest is the first to be asked about
    return TimeoutResult::Fail;
  };
  std::array<Read, 5> bios;
  for (u32 at = 0; at < 5; ++at) {
    bios[at].bio.sector = Sector(8 * at);
    disk.disk.submit(bios[at].bio);
    CHECK(timers_armed(disk.world) == 1);
    disk.world.now_ticks += 1000;
  }
  pass(disk.world, kTimeoutNs - 5001);
  CHECK(disk.device.asked.empty());
  for (u32 at = 0; at < 5; ++at) {
    pass(disk.world, 1);
    CHECK(bios[at].ended(Status::TimedOut));
    CHECK(disk.device.asked.size() == at + 1);
    pass(disk.world, 999);
  }
  CHECK(timers_armed(disk.world) == 0);
}

TEST_CASE("time that a bio waits for a tag does not count") {
  TestDisk disk(kShort, {.depth = 1});
  Read first;
  Read second(8);
  disk.disk.submit(first.bio);
  disk.disk.submit(second.bio);
  pass(disk.world, kTimeoutNs - 1000);
  disk.device.complete();
  disk.world.settle();
  REQUIRE(disk.device.started.size() == 1);
  pass(disk.world, kTimeoutNs - 1);
  CHECK(disk.device.asked.empty());
  pass(disk.world, 1);
  CHECK(disk.device.asked.size() == 1);
  disk.device.complete();
}

TEST_CASE("nobody is asked about a request that the driver was too busy for") {
  TestDisk disk(kShort);
  disk.device.busy_next = ~0u;
  Read bio;
  disk.disk.submit(bio.bio);
  for (u32 ms = 0; ms < 10; ++ms) {
    pass(disk.world, 1'000'000);
  }
  CHECK(disk.device.asked.empty());
  CHECK(disk.device.offers >= 10);
  disk.device.busy_next = 0;
  pass(disk.world, 1'000'000);
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("without a timeout no timer is armed and nobody is asked") {
  TestDisk disk({.sectors = 8192, .timeout_ns = 0});
  Read bio;
  disk.disk.submit(bio.bio);
  CHECK(timers_armed(disk.world) == 0);
  pass(disk.world, 3'600'000'000'000);
  CHECK(disk.device.asked.empty());
  disk.device.complete();
}

TEST_CASE("an idle disk has no timer, and the next request is watched again") {
  TestDisk disk(kShort);
  Read first;
  disk.disk.submit(first.bio);
  disk.device.complete();
  pass(disk.world, kTimeoutNs);
  CHECK(timers_armed(disk.world) == 0);
  pass(disk.world, 10 * kTimeoutNs);

  Read second(8);
  disk.disk.submit(second.bio);
  CHECK(timers_armed(disk.world) == 1);
  pass(disk.world, kTimeoutNs - 1);
  CHECK(disk.device.asked.empty());
  pass(disk.world, 1);
  CHECK(disk.device.asked.size() == 1);
  disk.device.complete();
}

TEST_CASE("disks of one tag set have their own timeouts") {
  TestDisk disk(kShort);
  Disk slow(*disk.tags, "vdb", {.sectors = 8192, .timeout_ns = 10 * kTimeoutNs});
  Read fast_bio;
  Read slow_bio(8);
  disk.disk.submit(fast_bio.bio);
  slow.submit(slow_bio.bio);
  pass(disk.world, kTimeoutNs);
  REQUIRE(disk.device.asked.size() == 1);
  CHECK(&disk.device.asked[0]->disk() == &disk.disk);
  disk.device.complete(0);
  pass(disk.world, 9 * kTimeoutNs);
  REQUIRE(disk.device.asked.size() == 2);
  CHECK(&disk.device.asked[1]->disk() == &slow);
  disk.device.complete(0);
}

TEST_CASE("requests of every hart's queue are watched") {
  TestDisk disk(kShort, {.hw_queues = 4}, 4);
  std::array<Read, 4> bios;
  for (u32 hart = 0; hart < 4; ++hart) {
    bios[hart].bio.sector = Sector(8 * hart);
    disk.world.run_as(hart, [&] { disk.disk.submit(bios[hart].bio); });
  }
  pass(disk.world, kTimeoutNs);
  CHECK(std::set<Request*>(disk.device.asked.begin(), disk.device.asked.end()).size() == 4);
  CHECK(disk.device.asked.size() == 4);
  disk.device.complete_all();
}

// --- What the driver says ---

TEST_CASE("a request that the driver fails ends as timed out and gives its tag back") {
  TestDisk disk(kShort, {.depth = 1});
  disk.device.on_timeout = [&](Request&) {
    disk.device.forget();
    return TimeoutResult::Fail;
  };
  Read bio;
  Read next(8);
  disk.disk.submit(bio.bio);
  disk.disk.submit(next.bio);
  pass(disk.world, kTimeoutNs);
  CHECK(bio.ended(Status::TimedOut));
  REQUIRE(disk.device.seen.size() == 2);  // the next has its tag
  disk.device.complete();
  CHECK(next.ended(Status::Ok));
  CHECK(disk.tags->in_flight() == 0);
  CHECK(disk.disk.totals(blk::Direction::Read).errors == 1);
}

TEST_CASE("a request that gets more time is asked about again after each period") {
  TestDisk disk(kShort);
  Read bio;
  disk.disk.submit(bio.bio);
  for (u32 period = 1; period <= 300; ++period) {
    pass(disk.world, kTimeoutNs - 1);
    REQUIRE(disk.device.asked.size() == period - 1);
    pass(disk.world, 1);
    REQUIRE(disk.device.asked.size() == period);
  }
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("the request after one that got more time has no more than its own") {
  TestDisk disk(kShort, {.depth = 1});
  Read first;
  disk.disk.submit(first.bio);
  pass(disk.world, kTimeoutNs);
  pass(disk.world, kTimeoutNs);
  CHECK(disk.device.asked.size() == 2);
  disk.device.complete();
  Read second(8);
  disk.disk.submit(second.bio);
  pass(disk.world, kTimeoutNs);
  CHECK(disk.device.asked.size() == 3);
  disk.device.complete();
}

TEST_CASE("a driver that resets ends the request itself") {
  TestDisk disk(kShort);
  Read bio;
  disk.disk.submit(bio.bio);
  SECTION("at once, because it found that it had ended") {
    disk.device.on_timeout = [&](Request&) {
      disk.device.complete();
      return TimeoutResult::Reset;
    };
    pass(disk.world, kTimeoutNs);
    CHECK(bio.ended(Status::Ok));
  }
  SECTION("later") {
    disk.device.on_timeout = [&](Request&) { return TimeoutResult::Reset; };
    pass(disk.world, kTimeoutNs);
    CHECK(bio.ends == 0);
    disk.device.complete(0, Status::IoError);
    CHECK(bio.ended(Status::IoError));
  }
  SECTION("by trying it once more, which takes a new time") {
    disk.device.on_timeout = [&](Request&) {
      disk.device.forget().requeue();
      return TimeoutResult::Reset;
    };
    pass(disk.world, kTimeoutNs);
    CHECK(disk.device.seen.size() == 2);
    pass(disk.world, kTimeoutNs - 1);
    CHECK(disk.device.asked.size() == 1);
    disk.device.complete();
    CHECK(bio.ended(Status::Ok));
  }
}

TEST_CASE("requests that end while others are asked about are not asked about") {
  TestDisk disk(kShort);
  Read first;
  Read second(8);
  submit_batch(disk.disk, first, second);
  disk.device.on_timeout = [&](Request&) {
    disk.device.complete_all();  // both were done: an interrupt was lost
    return TimeoutResult::Reset;
  };
  pass(disk.world, kTimeoutNs);
  CHECK(disk.device.asked.size() == 1);
  CHECK(first.ended(Status::Ok));
  CHECK(second.ended(Status::Ok));
}

// --- The end of the disk ---

TEST_CASE("a disk may go while its timer is armed, or has just fired") {
  Read bio;
  World world;
  {
    TestDevice device(8192 * 512);
    const auto tags = std::move(*TagSet::create<TestDevice::Command>(device, {}));
    Disk disk(*tags, "vda", kShort);
    disk.submit(bio.bio);
    if (GENERATE(false, true)) {
      world.advance_ns(kTimeoutNs);
      CHECK_FALSE(world.hart.work.empty());
    }
    device.complete();
  }
  CHECK(world.hart.timers.empty());
  CHECK(world.hart.work.empty());
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("the requests of a removed disk are watched until they have ended") {
  TestDisk disk(kShort);
  disk.device.on_timeout = [&](Request&) {
    disk.device.forget();
    return TimeoutResult::Fail;
  };
  Read bio;
  disk.disk.submit(bio.bio);
  disk.disk.remove();
  pass(disk.world, kTimeoutNs);
  CHECK(bio.ended(Status::TimedOut));
  CHECK(timers_armed(disk.world) == 0);
}

}  // namespace
}  // namespace sluice::test
