// Disks that stand still: quiesced, frozen, resized, given another scheduler, under load.
#include <sluice/drivers/block/disk.hpp>

#include <algorithm>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using Bios = std::vector<std::unique_ptr<TestBio>>;

// Writes of single sectors, no two of them neighbours, each with content of its own.
Bios writes(u32 count, u64 first = 0) {
  Bios bios;
  for (u32 at = 0; at < count; ++at) {
    bios.push_back(std::make_unique<TestBio>(Op::Write, first + 2 * at, std::vector<u32>{512}));
    bios.back()->fill(at + 1);
  }
  return bios;
}
void submit_all(Disk& disk, const Bios& bios) {
  List<Bio> batch;
  for (const auto& bio : bios) {
    batch.push_back(bio->bio);
  }
  disk.submit(batch);
}
bool all_ended(const Bios& bios, Status status = Status::Ok) {
  return std::all_of(bios.begin(), bios.end(),
                     [status](const auto& bio) { return bio->ended(status); });
}
// Has the device finish everything, and what comes of it.
void drain(TestDisk& disk) {
  while (!disk.device.started.empty()) {
    disk.device.complete();
    disk.world.settle();
  }
}
// The device finishes its oldest request whenever a hart has nothing else to do, on that hart.
void complete_when_idle(TestDisk& disk, u32 hart) {
  disk.world.steps.push_back([&disk, hart] {
    if (disk.device.started.empty()) {
      return false;
    }
    disk.world.run_as(hart, [&] { disk.device.complete(); });
    return true;
  });
}

// --- Quiesce ---

TEST_CASE("nothing goes to the driver of a quiesced disk, and what waits keeps its order") {
  TestDisk disk({.sectors = 8192}, {.depth = 2});
  const Bios before = writes(4);
  const Bios during = writes(3, 100);
  submit_all(disk.disk, before);
  REQUIRE(disk.device.seen.size() == 2);
  disk.disk.quiesce();
  submit_all(disk.disk, during);
  disk.device.complete_all();  // what is in flight goes on
  disk.world.settle();
  CHECK(before[0]->ended(Status::Ok));
  CHECK(before[1]->ended(Status::Ok));
  CHECK(disk.device.seen.size() == 2);
  CHECK(disk.tags->in_flight() == 0);

  disk.disk.unquiesce();
  drain(disk);
  CHECK(all_ended(before));
  CHECK(all_ended(during));
  std::vector<u64> order;
  for (const auto& seen : disk.device.seen) {
    order.push_back(seen.sector);
  }
  CHECK(order == std::vector<u64>{0, 2, 4, 6, 100, 102, 104});
}

TEST_CASE("a disk goes on once it was unquiesced as often as it was quiesced") {
  TestDisk disk;
  const Bios bios = writes(1);
  disk.disk.quiesce();
  disk.disk.freeze();
  submit_all(disk.disk, bios);
  disk.disk.unfreeze();
  CHECK(disk.device.seen.empty());
  disk.disk.unquiesce();
  CHECK(disk.device.seen.size() == 1);
  drain(disk);
  CHECK(all_ended(bios));
  CHECK_THROWS_AS(disk.disk.unquiesce(), Panic);
}

TEST_CASE("a request that the driver was too busy for waits, and goes first afterwards") {
  TestDisk disk;
  disk.device.room = 1;
  const Bios bios = writes(3);
  submit_all(disk.disk, bios);
  REQUIRE(disk.device.offers == 2);
  disk.disk.quiesce();
  disk.device.complete_all();
  disk.world.settle();
  disk.world.advance_ns(10'000'000);
  disk.world.settle();
  CHECK(disk.device.offers == 2);
  disk.disk.unquiesce();
  REQUIRE(disk.device.seen.size() == 2);
  CHECK(disk.device.seen[1].sector == 2);
  drain(disk);
  CHECK(all_ended(bios));
}

TEST_CASE("refused bios end although the disk is quiesced") {
  TestDisk disk({.sectors = 64});
  disk.disk.quiesce();
  TestBio beyond(Op::Read, 64, {512});
  disk.disk.submit(beyond.bio);
  CHECK(beyond.ended(Status::OutOfRange));
  disk.disk.unquiesce();
}

TEST_CASE("a quiesced disk that is removed ends what waits") {
  TestDisk disk;
  const Bios waits = writes(2);
  const Bios late = writes(2, 100);
  disk.disk.quiesce();
  submit_all(disk.disk, waits);
  disk.disk.remove();
  CHECK(all_ended(waits, Status::Removed));
  submit_all(disk.disk, late);
  CHECK(all_ended(late, Status::Removed));
  disk.disk.unquiesce();
  CHECK(disk.device.seen.empty());
}

// --- Freeze ---

TEST_CASE("freeze waits until the driver has nothing, and what waits stays") {
  const u32 completing = GENERATE(0u, 1u);
  TestDisk disk({.sectors = 8192}, {.hw_queues = 2, .depth = 2}, 2);
  const Bios here = writes(4);
  const Bios there = writes(4, 100);
  submit_all(disk.disk, here);
  disk.world.run_as(1, [&] { submit_all(disk.disk, there); });
  REQUIRE(disk.device.started.size() == 4);
  complete_when_idle(disk, completing);
  disk.disk.freeze();
  CHECK(disk.device.started.empty());
  CHECK(disk.device.seen.size() == 4);
  CHECK(disk.tags->in_flight() == 0);
  CHECK(here[1]->ended(Status::Ok));
  CHECK(there[1]->ended(Status::Ok));
  CHECK(here[2]->ends + there[2]->ends == 0);
  disk.disk.unfreeze();
  disk.world.settle();
  CHECK(all_ended(here));
  CHECK(all_ended(there));
}

TEST_CASE("who freezes is woken by the last request, whichever hart ends it and how") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 2}, 2);
  const Bios bios = writes(1);
  disk.world.run_as(1, [&] { submit_all(disk.disk, bios); });
  const u32 way = GENERATE(0u, 1u, 2u);
  INFO("way " << way);
  bool frozen = false;
  disk.world.steps.push_back([&] {
    if (disk.device.started.empty() || frozen) {
      return false;
    }
    const u32 before = disk.world.wake_ups;
    disk.world.run_as(1, [&] {
      if (way == 0) {
        disk.device.complete();
      } else if (way == 1) {
        disk.device.complete(0, Status::Transient);
      } else {
        disk.device.forget().requeue();
      }
    });
    CHECK(disk.world.wake_ups > before);
    return true;
  });
  disk.disk.freeze();
  frozen = true;
  CHECK(disk.device.started.empty());
  CHECK(disk.device.seen.size() == 1);
  disk.disk.unfreeze();
  disk.world.settle();
  while (!disk.device.started.empty()) {
    disk.device.complete();
  }
  CHECK(all_ended(bios));
}

TEST_CASE("bios that other harts and ended bios submit to a frozen disk wait") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 2}, 2);
  const Bios bios = writes(1);
  const Bios next = writes(1, 100);
  const Bios other = writes(1, 200);
  bios[0]->then = [&](TestBio&) { submit_all(disk.disk, next); };
  submit_all(disk.disk, bios);
  complete_when_idle(disk, 0);
  disk.disk.freeze();
  disk.world.run_as(1, [&] { submit_all(disk.disk, other); });
  disk.world.settle();
  CHECK(all_ended(bios));
  CHECK(disk.device.seen.size() == 1);
  disk.disk.unfreeze();
  disk.world.settle();
  CHECK(all_ended(next));
  CHECK(all_ended(other));
}

TEST_CASE("freezing a disk does not wait for another of its tag set") {
  TestDisk disk;
  Disk other(*disk.tags, "vdb", {.sectors = 8192});
  const Bios bios = writes(1);
  submit_all(other, bios);
  disk.disk.freeze();
  CHECK(disk.device.started.size() == 1);
  disk.disk.unfreeze();
  drain(disk);
  CHECK(all_ended(bios));
}

// --- Resize ---

TEST_CASE("a disk that grows takes bios in the new part, one that shrinks refuses them") {
  TestDisk disk({.sectors = 8192});
  disk.device.completes_inline = true;
  disk.disk.resize(64);
  CHECK(disk.disk.sectors() == 64);
  std::array<std::byte, 512> data{};
  CHECK(blk::read(disk.disk, Sector(63), data) == Status::Ok);
  CHECK(blk::read(disk.disk, Sector(64), data) == Status::OutOfRange);
  disk.disk.resize(65);
  CHECK(blk::read(disk.disk, Sector(64), data) == Status::Ok);
  CHECK(blk::read(disk.disk, Sector(65), data) == Status::OutOfRange);
  disk.disk.resize(0);
  CHECK(blk::read(disk.disk, Sector(0), data) == Status::OutOfRange);
}

TEST_CASE("a new capacity is rounded down to whole blocks") {
  TestDisk disk({.sectors = 64, .limits = {.logical_block_bytes = 4096}});
  disk.disk.resize(31);
  CHECK(disk.disk.sectors() == 24);
}

TEST_CASE("a resize waits for what is in flight, and passes on what waited") {
  TestDisk disk({.sectors = 8192}, {.depth = 2});
  const Bios bios = writes(5);
  submit_all(disk.disk, bios);
  complete_when_idle(disk, 0);
  disk.disk.resize(4096);
  CHECK(disk.disk.sectors() == 4096);
  CHECK(bios[1]->ended(Status::Ok));
  disk.world.settle();
  CHECK(all_ended(bios));
}

TEST_CASE("a removed disk stays without sectors") {
  TestDisk disk;
  disk.disk.remove();
  disk.disk.resize(64);
  CHECK(disk.disk.sectors() == 0);
}

// --- Schedulers ---

TEST_CASE("the scheduler is changed under load, and every bio is written once") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 2, .depth = 2}, 2);
  complete_when_idle(disk, 1);
  std::vector<Bios> rounds;
  u64 first = 0;
  for (const std::string_view name :
       {"mq-deadline", "kyber", "none", "kyber", "mq-deadline", "mq-deadline", "none"}) {
    for (const u32 hart : {0u, 1u}) {
      rounds.push_back(writes(20, first));
      first += 40;
      disk.world.run_as(hart, [&] { submit_all(disk.disk, rounds.back()); });
    }
    REQUIRE(disk.disk.set_scheduler(name));
    CHECK(disk.disk.scheduler_name() == name);
    CHECK_FALSE(all_ended(rounds.back()));  // some wait still
  }
  disk.world.settle();
  for (const Bios& bios : rounds) {
    CHECK(all_ended(bios));
    for (const auto& bio : bios) {
      const std::byte* const stored = disk.device.memory.data() + bio->bio.sector.value() * 512;
      CHECK(std::equal(stored, stored + 512, bio->segments[0].data));
    }
  }
  CHECK(disk.device.seen.size() == first / 2);
}

TEST_CASE("a change of scheduler waits for what is in flight, and passes on what waited") {
  TestDisk disk({.sectors = 8192}, {.depth = 2});
  REQUIRE(disk.disk.set_scheduler("kyber"));
  const Bios bios = writes(5);
  submit_all(disk.disk, bios);
  complete_when_idle(disk, 0);
  REQUIRE(disk.disk.set_scheduler("mq-deadline"));
  CHECK(bios[0]->ended(Status::Ok));
  CHECK(bios[1]->ended(Status::Ok));
  CHECK_FALSE(all_ended(bios));
  disk.world.settle();
  CHECK(all_ended(bios));
}

TEST_CASE("a scheduler that nobody knows is refused, and nothing stands still for it") {
  TestDisk disk;
  const Bios bios = writes(1);
  REQUIRE(disk.disk.set_scheduler("mq-deadline"));
  submit_all(disk.disk, bios);
  REQUIRE(disk.device.started.size() == 1);  // a freeze would wait for it for ever
  CHECK(disk.disk.set_scheduler("bfq").error() == Errc::NotFound);
  CHECK(disk.disk.set_scheduler("").error() == Errc::NotFound);
  CHECK(disk.disk.scheduler_name() == "mq-deadline");
  drain(disk);
  CHECK(all_ended(bios));
}

TEST_CASE("what the scheduler of a quiesced disk holds waits, and ends with its removal") {
  TestDisk disk;
  REQUIRE(disk.disk.set_scheduler("mq-deadline"));
  const Bios bios = writes(3);
  const bool removed = GENERATE(false, true);
  disk.disk.quiesce();
  submit_all(disk.disk, bios);
  CHECK(disk.device.seen.empty());
  if (removed) {
    disk.disk.remove();
    CHECK(all_ended(bios, Status::Removed));
  }
  disk.disk.unquiesce();
  CHECK(disk.device.seen.size() == (removed ? 0 : 3));
  drain(disk);
  CHECK(all_ended(bios, removed ? Status::Removed : Status::Ok));
}

TEST_CASE("a removed disk takes no scheduler") {
  TestDisk disk;
  disk.disk.remove();
  REQUIRE(disk.disk.set_scheduler("kyber"));
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  CHECK(bio.ended(Status::Removed));
}

}  // namespace
}  // namespace sluice::test
