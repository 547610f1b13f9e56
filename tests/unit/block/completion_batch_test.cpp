// Requests that end together.
#include <sluice/drivers/block/completion_batch.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using blk::CompletionBatch;
using Bios = std::vector<std::unique_ptr<TestBio>>;

// Reads of `count` sectors apart from each other, with the driver.
Bios start(Disk& disk, u32 count, u64 first = 0) {
  Bios bios;
  for (u32 at = 0; at < count; ++at) {
    bios.push_back(std::make_unique<TestBio>(Op::Read, first + 2 * at, std::vector<u32>{512}));
    disk.submit(bios.back()->bio);
  }
  return bios;
}

TEST_CASE("bios end when their batch does, in the order in which the requests were added") {
  TestDisk disk;
  const Bios bios = start(disk.disk, 4);
  std::vector<u64> order;
  for (const auto& bio : bios) {
    bio->then = [&](TestBio& self) { order.push_back(self.bio.sector.value()); };
  }
  {
    CompletionBatch batch(*disk.tags->hw_queues()[0]);
    CHECK(batch.empty());
    for (const u32 at : {2u, 0u, 1u, 0u}) {
      batch.add(disk.device.forget(at), Status::Ok);
    }
    CHECK_FALSE(batch.empty());
    CHECK(order.empty());
  }
  CHECK(order == std::vector<u64>{4, 0, 6, 2});
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("each request of a batch ends with its own status") {
  TestDisk disk;
  const Bios bios = start(disk.disk, 5);
  {
    CompletionBatch batch(*disk.tags->hw_queues()[0]);
    batch.add(disk.device.forget(), Status::Ok);
    batch.add(disk.device.forget(), Status::MediumError);
    batch.add(disk.device.forget(), Status::Transient);
    batch.add(disk.device.forget(), Status::Ok);
    batch.add(disk.device.forget(), Status::NoSpace);
  }
  CHECK(bios[0]->ended(Status::Ok));
  CHECK(bios[1]->ended(Status::MediumError));
  CHECK(bios[2]->ends == 0);  // tried again
  CHECK(bios[3]->ended(Status::Ok));
  CHECK(bios[4]->ended(Status::NoSpace));
  disk.world.settle();
  REQUIRE(disk.device.started.size() == 1);
  disk.device.complete();
  CHECK(bios[2]->ended(Status::Ok));
}

TEST_CASE("a batch in which all are tried again ends nothing") {
  TestDisk disk;
  const Bios bios = start(disk.disk, 2);
  {
    CompletionBatch batch(*disk.tags->hw_queues()[0]);
    batch.add(disk.device.forget(), Status::Transient);
    batch.add(disk.device.forget(), Status::Transient);
  }
  CHECK(bios[0]->ends + bios[1]->ends == 0);
  disk.world.settle();
  disk.device.complete_all();
  CHECK(bios[0]->ended(Status::Ok));
  CHECK(bios[1]->ended(Status::Ok));
}

TEST_CASE("a batch ends what it has when asked, and can be filled again") {
  TestDisk disk;
  const Bios bios = start(disk.disk, 2);
  CompletionBatch batch(*disk.tags->hw_queues()[0]);
  batch.end_all();
  batch.add(disk.device.forget(), Status::IoError);
  batch.end_all();
  CHECK(batch.empty());
  CHECK(bios[0]->ended(Status::IoError));
  CHECK(bios[1]->ends == 0);
  batch.add(disk.device.forget(), Status::Ok);
  batch.end_all();
  CHECK(bios[1]->ended(Status::Ok));
}

TEST_CASE("a request cannot be in two batches, nor twice in one") {
  TestDisk disk;
  const Bios bios = start(disk.disk, 1);
  Request& request = disk.device.forget();
  CompletionBatch batch(*disk.tags->hw_queues()[0]);
  batch.add(request, Status::Ok);
  CHECK_THROWS_AS(batch.add(request, Status::Ok), Panic);
  CHECK_THROWS_AS(request.complete(Status::Ok), Panic);
  batch.end_all();
  CHECK(bios[0]->ends == 1);
}

TEST_CASE("what an end submits while all tags are in its batch goes out after the batch") {
  TestDisk disk({.sectors = 8192}, {.depth = 3});
  const Bios bios = start(disk.disk, 3);
  Bios next;
  for (const auto& bio : bios) {
    bio->then = [&](TestBio&) { next.push_back(std::move(start(disk.disk, 1, 100)[0])); };
  }
  {
    CompletionBatch batch(*disk.tags->hw_queues()[0]);
    while (!disk.device.started.empty()) {
      batch.add(disk.device.forget(), Status::Ok);
    }
    batch.end_all();
    CHECK(next.size() == 3);
    CHECK(disk.device.started.empty());  // their tags came back behind them
  }
  disk.world.settle();
  CHECK(disk.device.started.size() == 3);
  disk.device.complete_all();
  for (const auto& bio : next) {
    CHECK(bio->ended(Status::Ok));
  }
}

TEST_CASE("requests that a driver ends inside queue_rq end together, behind the batch of bios") {
  struct Inline final : blk::QueueOps {
    unsigned taken = 0;
    blk::QueueResult queue_rq(blk::HwQueue& queue, Request& request, bool) override {
      ++taken;
      queue.inline_completions().add(request, Status::Ok);
      return blk::QueueResult::Ok;
    }
  } ops;
  World world;
  const auto tags = std::move(*TagSet::create<int>(ops, {.depth = 4}));
  Disk disk(*tags, "vda", {.sectors = 8192});
  Bios bios;
  List<Bio> batch;
  std::vector<unsigned> taken_at_end;
  for (u32 at = 0; at < 10; ++at) {
    bios.push_back(std::make_unique<TestBio>(Op::Read, 2 * at, std::vector<u32>{512}));
    bios.back()->then = [&](TestBio&) { taken_at_end.push_back(ops.taken); };
    batch.push_back(bios.back()->bio);
  }
  disk.submit(batch);  // all in one go, although there are only four tags
  CHECK(taken_at_end == std::vector<unsigned>{4, 4, 4, 4, 8, 8, 8, 8, 10, 10});
  CHECK(tags->in_flight() == 0);
}

}  // namespace
}  // namespace sluice::test
