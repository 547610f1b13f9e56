// What is counted of requests that ended, by direction and by hardware queue.
#include <sluice/drivers/block/statistics.hpp>

#include <sluice/drivers/block/completion_batch.hpp>

#include <algorithm>
#include <numeric>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using blk::Direction;
using blk::Totals;

u64 sum(const Totals& totals) {
  return std::accumulate(totals.latency.begin(), totals.latency.end(), u64{0});
}

TEST_CASE("a latency is counted in the bucket of its power of two") {
  const u32 near = GENERATE(0u, 20u, blk::kLatencyBuckets - 1);
  CHECK(blk::latency_bucket(0, near) == 0);
  CHECK(blk::latency_bucket(1, near) == 1);
  CHECK(blk::latency_bucket(2, near) == 2);
  CHECK(blk::latency_bucket(3, near) == 2);
  CHECK(blk::latency_bucket(4, near) == 3);
  CHECK(blk::latency_bucket((u64{1} << 38) - 1, near) == 38);
  CHECK(blk::latency_bucket(u64{1} << 38, near) == 39);
  CHECK(blk::latency_bucket(~u64{0}, near) == 39);
}

TEST_CASE("requests and bytes are counted by direction, zeroes with the discards") {
  Disk::Options options{.sectors = 8192, .write_cache = true};
  options.limits.max_discard_bytes = options.limits.max_write_zeroes_bytes = 65536;
  TestDisk disk(options);
  TestBio reads[2] = {{Op::Read, 0, {512}}, {Op::Read, 64, {512, 1024}}};
  TestBio write(Op::Write, 128, {2048});
  TestBio flush(Op::Flush, 0, {});
  const auto discard = TestBio::range(Op::Discard, 256, 8192);
  const auto zeroes = TestBio::range(Op::WriteZeroes, 512, 4096);
  submit_batch(disk.disk, reads[0], reads[1], write, flush, *discard, *zeroes);
  CHECK(disk.disk.totals(Direction::Read).requests == 0);  // what is in flight has not ended
  disk.device.complete_all();
  const auto check = [&](Direction direction, u64 requests, u64 bytes) {
    const Totals totals = disk.disk.totals(direction);
    CHECK(totals.requests == requests);
    CHECK(totals.bytes == bytes);
    CHECK(totals.errors == 0);
    CHECK(sum(totals) == requests);
  };
  check(Direction::Read, 2, 2048);
  check(Direction::Write, 1, 2048);
  check(Direction::Discard, 2, 12288);
  check(Direction::Flush, 1, 0);
}

TEST_CASE("bios that joined another's request are counted as merges, and the request once") {
  TestDisk disk;
  TestBio bios[4] = {
      {Op::Read, 8, {512}}, {Op::Read, 9, {512}}, {Op::Read, 7, {512}}, {Op::Read, 64, {512}}};
  submit_batch(disk.disk, bios[0], bios[1], bios[2], bios[3]);
  REQUIRE(disk.device.seen.size() == 2);
  CHECK(disk.disk.totals(Direction::Read).merges == 2);
  disk.device.complete_all();
  CHECK(disk.disk.totals(Direction::Read).requests == 2);
  CHECK(disk.disk.totals(Direction::Read).bytes == 2048);
  CHECK(disk.disk.totals(Direction::Write).merges == 0);
}

TEST_CASE("each part of a split bio is a request") {
  TestDisk disk({.sectors = 8192, .limits = {.max_bytes = 1024}});
  TestBio bio(Op::Write, 0, {4096});
  disk.disk.submit(bio.bio);
  disk.device.complete_all();
  CHECK(disk.disk.totals(Direction::Write).requests == 4);
  CHECK(disk.disk.totals(Direction::Write).bytes == 4096);
  CHECK(disk.disk.totals(Direction::Write).merges == 0);
}

TEST_CASE("time in the queue and time with the device are told apart") {
  TestDisk disk({.sectors = 8192}, {.depth = 1});
  TestBio first(Op::Read, 0, {512});
  TestBio second(Op::Read, 8, {512});
  disk.disk.submit(first.bio);
  disk.world.now_ticks += 10;
  disk.disk.submit(second.bio);
  disk.world.now_ticks += 90;
  disk.device.complete();  // after 100 with the device
  disk.world.now_ticks += 30;
  disk.world.settle();  // the second has waited for 120
  disk.world.now_ticks += 1000;
  disk.device.complete();
  const Totals totals = disk.disk.totals(Direction::Read);
  CHECK(totals.queue_ticks == 120);
  CHECK(totals.device_ticks == 1100);
  CHECK(totals.latency[blk::latency_bucket(100)] == 1);
  CHECK(totals.latency[blk::latency_bucket(1120)] == 1);
  CHECK(sum(totals) == 2);
}

TEST_CASE("a request given back counts as queued until the driver takes it for good") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  disk.world.now_ticks += 100;
  disk.device.complete(0, Status::Transient);
  disk.world.now_ticks += 20;
  disk.world.settle();
  disk.world.now_ticks += 3;
  disk.device.complete();
  const Totals totals = disk.disk.totals(Direction::Read);
  CHECK(totals.queue_ticks == 120);
  CHECK(totals.device_ticks == 3);
  CHECK(totals.requests == 1);
}

TEST_CASE("a request that failed counts as an error too, each once") {
  TestDisk disk;
  TestBio bios[3] = {{Op::Write, 0, {512}}, {Op::Write, 8, {512}}, {Op::Write, 16, {512}}};
  submit_batch(disk.disk, bios[0], bios[1], bios[2]);
  disk.device.complete(1, Status::MediumError);
  disk.device.fail_next = 1;
  TestBio failed(Op::Write, 24, {512});
  disk.disk.submit(failed.bio);
  disk.device.complete_all();
  const Totals totals = disk.disk.totals(Direction::Write);
  CHECK(totals.requests == 4);
  CHECK(totals.errors == 2);
  CHECK(disk.disk.totals(Direction::Read).errors == 0);
}

TEST_CASE("bios that no request was made of are not counted") {
  TestDisk disk({.sectors = 64});
  TestBio beyond(Op::Read, 64, {512});
  TestBio nothing(Op::Read, 0, {});
  submit_batch(disk.disk, beyond, nothing);
  CHECK(disk.disk.totals(Direction::Read).requests == 0);
  CHECK(disk.disk.totals(Direction::Read).errors == 0);
}

TEST_CASE("each queue counts for itself, and the disk sums up") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 3}, 3);
  for (u32 hart = 0; hart < 3; ++hart) {
    for (u32 request = 0; request <= hart; ++request) {
      TestBio bio(Op::Read, 0, {512});
      disk.world.run_as(hart, [&] { disk.disk.submit(bio.bio); });
      disk.device.complete();  // on another hart than it was submitted on
    }
    CHECK(disk.disk.statistics(hart).totals(Direction::Read).requests == hart + 1);
  }
  CHECK(disk.disk.totals(Direction::Read).requests == 6);
  CHECK(disk.disk.totals(Direction::Read).bytes == 6 * 512);
}

TEST_CASE("one batch of ends is counted apart by disk, direction and latency") {
  TestDisk disk({.sectors = 8192}, {.depth = 16});
  Disk other(*disk.tags, "vdb", {.sectors = 8192});
  std::vector<std::unique_ptr<TestBio>> bios;
  const auto submit = [&](Disk& to, Op op) {
    bios.push_back(std::make_unique<TestBio>(op, 8 * bios.size(), std::vector<u32>{512}));
    to.submit(bios.back()->bio);
  };
  submit(disk.disk, Op::Read);  // 1100 ticks before the end
  disk.world.now_ticks += 1000;
  submit(disk.disk, Op::Read);  // 100
  submit(disk.disk, Op::Read);
  submit(disk.disk, Op::Write);
  submit(other, Op::Write);
  submit(disk.disk, Op::Read);
  disk.world.now_ticks += 100;
  submit(disk.disk, Op::Read);  // 0
  {
    blk::CompletionBatch batch(*disk.tags->hw_queues()[0]);
    while (!disk.device.started.empty()) {
      Request& request = disk.device.forget();
      batch.add(request, Status::Ok);
    }
    CHECK(disk.disk.totals(Direction::Read).requests == 0);
  }
  const Totals reads = disk.disk.totals(Direction::Read);
  CHECK(reads.requests == 5);
  CHECK(reads.device_ticks == 1100 + 3 * 100);
  CHECK(reads.latency[0] == 1);
  CHECK(reads.latency[blk::latency_bucket(100)] == 3);
  CHECK(reads.latency[blk::latency_bucket(1100)] == 1);
  CHECK(sum(reads) == 5);
  CHECK(disk.disk.totals(Direction::Write).requests == 1);
  CHECK(other.totals(Direction::Write).requests == 1);
  CHECK(other.totals(Direction::Read).requests == 0);
}

TEST_CASE("a batch counts latencies at both ends of a bucket where they belong") {
  const bool oldest_first = GENERATE(true, false);
  TestDisk disk({.sectors = 8192}, {.depth = 16});
  std::vector<std::unique_ptr<TestBio>> bios;
  const u64 end = disk.world.now_ticks + 100;
  for (const u64 latency : {64, 63, 32, 31}) {
    disk.world.now_ticks = end - latency;
    bios.push_back(std::make_unique<TestBio>(Op::Read, 8 * bios.size(), std::vector<u32>{512}));
    disk.disk.submit(bios.back()->bio);
  }
  disk.world.now_ticks = end;
  std::vector<Request*> ending;
  while (!disk.device.started.empty()) {
    ending.push_back(&disk.device.forget());
  }
  if (!oldest_first) {
    std::reverse(ending.begin(), ending.end());
  }
  {
    blk::CompletionBatch batch(*disk.tags->hw_queues()[0]);
    for (Request* const request : ending) {
      batch.add(*request, Status::Ok);
    }
  }
  const Totals reads = disk.disk.totals(Direction::Read);
  CHECK(reads.latency[7] == 1);  // 64 to 127
  CHECK(reads.latency[6] == 2);
  CHECK(reads.latency[5] == 1);  // 16 to 31
  CHECK(reads.device_ticks == 64 + 63 + 32 + 31);
}

TEST_CASE("totals of several queues are summed in every field") {
  Totals a{
      .requests = 1, .errors = 2, .bytes = 3, .merges = 4, .queue_ticks = 5, .device_ticks = 6};
  a.latency[3] = 7;
  Totals b = a;
  b += a;
  CHECK(b.requests == 2);
  CHECK(b.errors == 4);
  CHECK(b.bytes == 6);
  CHECK(b.merges == 8);
  CHECK(b.queue_ticks == 10);
  CHECK(b.device_ticks == 12);
  CHECK(b.latency[3] == 14);
  CHECK(to_string(Direction::Discard) == "discard");
}

}  // namespace
}  // namespace sluice::test
