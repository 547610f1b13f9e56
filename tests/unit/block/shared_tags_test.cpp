// Disks that share a tag set: one that stands still, goes or is flooded does not hold up the other.
#include <sluice/drivers/block/tag_set.hpp>

#include <algorithm>
#include <string>

#include "test_device.hpp"

namespace sluice::test {
namespace {

struct TwoDisks : TestDisk {
  explicit TwoDisks(TagSet::Shape shape = {}) : TestDisk({.sectors = 8192}, shape) {
    REQUIRE(other.add());
  }
  Disk other{*tags, "vdb", {.sectors = 8192}};
};

using Bios = std::vector<std::unique_ptr<TestBio>>;

// `count` reads of `disk`, on their way.
void flood(Disk& disk, Bios& bios, u32 count) {
  for (u32 at = 0; at < count; ++at) {
    const u64 sector = 2 * (bios.size() % 4000);
    bios.push_back(std::make_unique<TestBio>(Op::Read, sector, std::vector<u32>{512}));
    disk.submit(bios.back()->bio);
  }
}
u64 count_seen(const TestDevice& device, const Disk& disk) {
  return static_cast<u64>(std::count_if(device.seen.begin(), device.seen.end(),
                                        [&](const auto& seen) { return seen.disk == &disk; }));
}
void serve(TwoDisks& disks, u32 requests) {
  for (u32 request = 0; request < requests; ++request) {
    REQUIRE_FALSE(disks.device.started.empty());
    disks.device.complete();
    disks.world.settle();
  }
}
void serve_all(TwoDisks& disks) {
  while (!disks.device.started.empty()) {
    serve(disks, 1);
  }
}

TEST_CASE("a quiesced disk does not hold up the other") {
  TwoDisks disks({.depth = 2});
  Bios stopped;
  Bios going;
  disks.disk.quiesce();
  flood(disks.disk, stopped, 10);
  flood(disks.other, going, 10);
  serve_all(disks);
  CHECK(count_seen(disks.device, disks.disk) == 0);
  CHECK(count_seen(disks.device, disks.other) == 10);
  disks.disk.unquiesce();
  serve_all(disks);
  CHECK(count_seen(disks.device, disks.disk) == 10);
}

TEST_CASE("what a quiesced disk has held back does not hold up the other") {
  TwoDisks disks({.depth = 2});
  Bios stopped;
  Bios going;
  disks.device.busy_next = 1;
  flood(disks.disk, stopped, 1);
  disks.disk.quiesce();
  flood(disks.other, going, 5);
  disks.world.advance_ns(1'000'000);
  disks.world.settle();
  serve_all(disks);
  CHECK(count_seen(disks.device, disks.other) == 5);
  CHECK(disks.device.untold.empty());
  disks.disk.unquiesce();
  serve_all(disks);
  CHECK(stopped[0]->ended(Status::Ok));
}

TEST_CASE("what was put aside for a quiesced disk is older than what waits behind another's bios") {
  TwoDisks disks({.depth = 1});
  Bios stopped;
  Bios going;
  disks.disk.quiesce();
  flood(disks.disk, stopped, 2);
  flood(disks.other, going, 2);  // one has the tag, one waits for it
  flood(disks.disk, stopped, 1);
  disks.disk.unquiesce();
  serve_all(disks);
  std::vector<const Disk*> order;
  for (const auto& seen : disks.device.seen) {
    order.push_back(seen.disk);
  }
  CHECK(order == std::vector<const Disk*>{&disks.other, &disks.disk, &disks.disk, &disks.other,
                                          &disks.disk});
  CHECK(disks.device.seen[2].sector == 2);
  CHECK(disks.device.seen[4].sector == 4);
}

TEST_CASE("disks without schedulers are served in the order of submission") {
  TwoDisks disks({.depth = 1});
  Bios a;
  Bios b;
  for (u32 round = 0; round < 5; ++round) {
    flood(disks.disk, a, 1);
    flood(disks.other, b, 1);
  }
  serve_all(disks);
  for (u32 at = 0; at < 10; ++at) {
    CHECK(disks.device.seen[at].disk == (at % 2 == 0 ? &disks.disk : &disks.other));
  }
}

TEST_CASE("the schedulers of two flooded disks take turns") {
  TwoDisks disks({.depth = 2});
  REQUIRE(disks.disk.set_scheduler("mq-deadline"));
  REQUIRE(disks.other.set_scheduler(GENERATE("mq-deadline", "kyber")));
  Bios a;
  Bios b;
  flood(disks.disk, a, 100);
  flood(disks.other, b, 100);
  serve(disks, 100);
  CHECK(count_seen(disks.device, disks.disk) >= 45);
  CHECK(count_seen(disks.device, disks.other) >= 45);
  serve_all(disks);
  CHECK(disks.device.seen.size() == 200);
}

// Two bios of the flood join for each request that ends. Who comes later waits for those that came
// before, and for no others.
TEST_CASE("a flooded disk does not starve the other, whichever of them has a scheduler") {
  const bool scheduled_floods = GENERATE(false, true);
  TwoDisks disks({.depth = 2});
  Disk& flooded = disks.disk;
  Disk& modest = disks.other;
  REQUIRE((scheduled_floods ? flooded : modest).set_scheduler("mq-deadline"));
  Bios many;
  Bios few;
  flood(flooded, many, 20);
  for (u32 round = 0; round < 100; ++round) {
    flood(flooded, many, 2);
    if (round % 10 == 0) {
      flood(modest, few, 1);
    }
    serve(disks, 1);
  }
  const auto served =
      std::count_if(few.begin(), few.end(), [](const auto& bio) { return bio->ended(Status::Ok); });
  CHECK(served >= 4);
  serve_all(disks);
  CHECK(
      std::all_of(few.begin(), few.end(), [](const auto& bio) { return bio->ended(Status::Ok); }));
}

TEST_CASE("a scheduled disk that is quiesced or removed does not hold up a scheduled other") {
  TwoDisks disks({.depth = 2});
  REQUIRE(disks.disk.set_scheduler("mq-deadline"));
  REQUIRE(disks.other.set_scheduler("mq-deadline"));
  Bios stopped;
  Bios going;
  const bool removed = GENERATE(false, true);
  disks.disk.quiesce();
  flood(disks.disk, stopped, 10);
  flood(disks.other, going, 10);
  if (removed) {
    disks.disk.remove();
    CHECK(stopped[9]->ended(Status::Removed));
  }
  serve_all(disks);
  CHECK(count_seen(disks.device, disks.disk) == 0);
  CHECK(count_seen(disks.device, disks.other) == 10);
  disks.disk.unquiesce();
  serve_all(disks);
  CHECK(count_seen(disks.device, disks.disk) == (removed ? 0 : 10));
}

TEST_CASE("a scheduler stops counting when its disk gets none, and the other goes on") {
  TwoDisks disks({.depth = 2});
  REQUIRE(disks.disk.set_scheduler("mq-deadline"));
  REQUIRE(disks.other.set_scheduler("kyber"));
  REQUIRE(disks.disk.set_scheduler("none"));
  CHECK(disks.tags->hw_queues()[0]->scheduled());
  REQUIRE(disks.other.set_scheduler("none"));
  CHECK_FALSE(disks.tags->hw_queues()[0]->scheduled());
  Bios a;
  Bios b;
  flood(disks.disk, a, 5);
  flood(disks.other, b, 5);
  serve_all(disks);
  CHECK(disks.device.seen.size() == 10);
}

}  // namespace
}  // namespace sluice::test
