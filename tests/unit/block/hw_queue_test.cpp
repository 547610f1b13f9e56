// A hardware queue under pressure: batches, tags, Busy, Failed, inline completion.
#include <sluice/drivers/block/hw_queue.hpp>

#include <sluice/kernel/work.hpp>

#include "allocation_budget.hpp"
#include "test_device.hpp"

namespace sluice::test {
namespace {

// Reads of single sectors, no two of them neighbours.
std::vector<std::unique_ptr<TestBio>> scattered_reads(u32 count) {
  std::vector<std::unique_ptr<TestBio>> bios;
  for (u32 bio = 0; bio < count; ++bio) {
    bios.push_back(std::make_unique<TestBio>(Op::Read, 2 * bio, std::vector<u32>{512}));
  }
  return bios;
}

void submit_all(blk::BlockDevice& device, const std::vector<std::unique_ptr<TestBio>>& bios) {
  List<Bio> batch;
  for (const auto& bio : bios) {
    batch.push_back(bio->bio);
  }
  device.submit(batch);
  REQUIRE(batch.empty());
}

unsigned ended(const std::vector<std::unique_ptr<TestBio>>& bios, Status status = Status::Ok) {
  unsigned count = 0;
  for (const auto& bio : bios) {
    REQUIRE(bio->ends <= 1);
    count += bio->ended(status) ? 1 : 0;
  }
  return count;
}

TEST_CASE("only the last request of a batch is marked so") {
  TestDisk disk;
  const auto bios = scattered_reads(5);
  submit_all(disk.disk, bios);
  REQUIRE(disk.device.seen.size() == 5);
  for (u32 request = 0; request < 5; ++request) {
    CHECK(disk.device.seen[request].last == (request == 4));
  }
  CHECK(disk.device.commits == 0);
  disk.device.complete_all();
  CHECK(ended(bios) == 5);
}

TEST_CASE("the device is told of a batch that ends otherwise, once") {
  TestDisk disk({.sectors = 64});
  TestBio a(Op::Read, 0, {512});
  TestBio b(Op::Read, 8, {512});
  TestBio bad(Op::Read, 64, {512});
  SECTION("because the last bio makes no sense") {
    submit_batch(disk.disk, a, b, bad);
  }
  SECTION("because the driver is too busy for the last") {
    disk.device.room = 2;
    bad.bio.sector = Sector(16);
    submit_batch(disk.disk, a, b, bad);
  }
  SECTION("because the tags are used up") {
    Disk::Options options{.sectors = 64};
    const auto tags = std::move(*TagSet::create<TestDevice::Command>(disk.device, {.depth = 2}));
    Disk small(*tags, "vdb", options);
    bad.bio.sector = Sector(16);
    submit_batch(small, a, b, bad);
    CHECK(disk.device.commits == 1);
    disk.device.complete_all();
    disk.world.settle();
    disk.device.complete_all();
    return;
  }
  CHECK(disk.device.commits == 1);
  CHECK(disk.device.untold.empty());
  disk.device.complete_all();
  disk.world.settle();
  disk.device.complete_all();
  CHECK(a.ended(Status::Ok));
  CHECK(b.ended(Status::Ok));
  CHECK(bad.ends == 1);
}

TEST_CASE("the device is told although the driver failed the last request") {
  TestDisk disk;
  TestBio a(Op::Read, 0, {512});
  TestBio b(Op::Read, 8, {512});
  a.then = [&](TestBio&) {};
  disk.device.fail_next = 0;
  List<Bio> batch;
  batch.push_back(a.bio);
  batch.push_back(b.bio);
  // The first is taken, the second fails.
  struct FailSecond final : blk::QueueOps {
    unsigned calls = 0;
    unsigned commits = 0;
    Request* first = nullptr;
    blk::QueueResult queue_rq(blk::HwQueue&, Request& request, bool) override {
      if (calls++ == 0) {
        first = &request;
        return blk::QueueResult::Ok;
      }
      return blk::QueueResult::Failed;
    }
    void commit_rqs(blk::HwQueue&) override { ++commits; }
  } ops;
  const auto tags = std::move(*TagSet::create<int>(ops, {}));
  Disk failing(*tags, "vdb", {.sectors = 64});
  failing.submit(batch);
  CHECK(ops.commits == 1);
  CHECK(b.ended(Status::IoError));
  ops.first->complete(Status::Ok);
  CHECK(a.ended(Status::Ok));
}

TEST_CASE("tags are distinct, bounded by the depth, and used again") {
  for (const u32 depth : {1u, 2u, 63u, 64u, 65u, 130u}) {
    TestDisk disk({.sectors = 8192}, {.depth = depth});
    const auto bios = scattered_reads(3 * depth + 1);
    submit_all(disk.disk, bios);
    REQUIRE(disk.device.started.size() == depth);
    CHECK(disk.tags->in_flight() == depth);
    std::set<u32> tags;
    for (const Request* request : disk.device.started) {
      CHECK(request->tag() < depth);
      tags.insert(request->tag());
    }
    CHECK(tags.size() == depth);
    for (u32 round = 0; round < 4; ++round) {
      disk.device.complete_all();
      disk.world.settle();
    }
    CHECK(ended(bios) == bios.size());
    CHECK(disk.tags->in_flight() == 0);
  }
}

TEST_CASE("what waits for a tag goes first in first out") {
  TestDisk disk({.sectors = 8192}, {.depth = 1});
  const auto early = scattered_reads(3);
  const auto late = scattered_reads(2);
  submit_all(disk.disk, early);
  late[0]->bio.sector = Sector(100);
  late[1]->bio.sector = Sector(200);
  submit_all(disk.disk, late);
  while (!disk.device.started.empty()) {
    disk.device.complete();
    disk.world.settle();
  }
  std::vector<u64> order;
  for (const auto& seen : disk.device.seen) {
    order.push_back(seen.sector);
  }
  CHECK(order == std::vector<u64>{0, 2, 4, 100, 200});
}

TEST_CASE("a request under a tag is found while the driver has it and not otherwise") {
  TestDisk disk({.sectors = 64}, {.depth = 4});
  blk::HwQueue& queue = disk.tags->default_queue_of_this_hart();
  for (const u32 tag : {0u, 3u, 4u, 77u, ~0u}) {
    CHECK(queue.in_flight_request(tag) == nullptr);
  }
  TestBio bio(Op::Read, 0, {512});
  disk.device.busy_next = 1;
  submit_batch(disk.disk, bio);
  CHECK(queue.in_flight() == 1);  // held back: the driver does not have it
  CHECK(queue.in_flight_request(0) == nullptr);
  disk.world.advance_ns(10'000'000);
  disk.world.settle();
  REQUIRE(disk.device.started.size() == 1);
  CHECK(queue.in_flight_request(0) == disk.device.started[0]);
  disk.device.complete();
  CHECK(queue.in_flight_request(0) == nullptr);
}

TEST_CASE("a request that ends twice is a checked crash") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  submit_batch(disk.disk, bio);
  Request* request = disk.device.started[0];
  disk.device.complete();
  CHECK_THROWS_AS(request->complete(Status::Ok), Panic);
  CHECK(bio.ends == 1);
}

// --- Busy ---

TEST_CASE("a request that found the driver busy goes first after a completion") {
  TestDisk disk;
  disk.device.room = 2;
  const auto bios = scattered_reads(4);
  submit_all(disk.disk, bios);
  CHECK(disk.device.offers == 3);
  CHECK(disk.device.started.size() == 2);
  TestBio late(Op::Read, 4000, {512});
  disk.device.complete(1);
  disk.world.settle();
  submit_batch(disk.disk, late);
  REQUIRE(disk.device.seen.size() == 3);
  CHECK(disk.device.seen[2].sector == 4);
  while (!disk.device.started.empty()) {
    disk.device.complete();
    disk.world.settle();
  }
  CHECK(ended(bios) == 4);
  CHECK(late.ended(Status::Ok));
}

TEST_CASE("a completion in an interrupt leaves the restart to work") {
  TestDisk disk;
  disk.device.room = 1;
  const auto bios = scattered_reads(2);
  submit_all(disk.disk, bios);
  disk.world.hart.context = Context::Irq;
  disk.device.complete();
  CHECK(disk.device.started.empty());
  disk.world.hart.context = Context::Task;
  disk.world.settle();
  CHECK(disk.device.started.size() == 1);
  disk.device.complete_all();
  CHECK(ended(bios) == 2);
}

TEST_CASE("with nothing in flight a busy driver is asked again by the timer") {
  TestDisk disk;
  disk.device.busy_next = 3;
  const auto bios = scattered_reads(2);
  submit_all(disk.disk, bios);
  CHECK(disk.device.offers == 1);
  disk.world.settle();
  CHECK(disk.device.offers == 1);
  for (u32 offers = 2; offers <= 3; ++offers) {
    disk.world.advance_ns(1'000'000);
    disk.world.settle();
    CHECK(disk.device.offers == offers);
  }
  CHECK(disk.device.started.empty());
  disk.world.advance_ns(1'000'000);
  disk.world.settle();
  CHECK(disk.device.started.size() == 2);
  disk.device.complete_all();
  CHECK(ended(bios) == 2);
}

TEST_CASE("no tag is lost when a driver is busy while others come back") {
  TestDisk disk({.sectors = 8192}, {.depth = 8});
  const auto before = scattered_reads(5);
  submit_all(disk.disk, before);
  disk.device.complete_all();
  disk.device.busy_next = 2;
  TestBio held(Op::Read, 4000, {512});
  submit_batch(disk.disk, held);
  disk.world.advance_ns(1'000'000);
  disk.world.settle();
  disk.device.complete_all();
  CHECK(held.ended(Status::Ok));
  const auto after = scattered_reads(9);
  submit_all(disk.disk, after);
  CHECK(disk.device.started.size() == 8);
  disk.device.complete_all();
  disk.world.settle();
  disk.device.complete_all();
  CHECK(ended(after) == 9);
}

TEST_CASE("while something is in flight no timer is armed for a busy driver") {
  TestDisk disk({.sectors = 8192, .timeout_ns = 0});
  disk.device.room = 1;
  const auto bios = scattered_reads(2);
  submit_all(disk.disk, bios);
  CHECK(disk.world.timer_ticks == ~u64{0});
  disk.device.complete_all();
  disk.world.settle();
  disk.device.complete_all();
  CHECK(ended(bios) == 2);
}

TEST_CASE("the waiter of a synchronous read sleeps over a busy driver") {
  TestDisk disk;
  disk.device.busy_next = 5;
  disk.world.steps.push_back([&] {
    const bool any = !disk.device.started.empty();
    disk.device.complete_all();
    return any;
  });
  std::array<std::byte, 1024> data{};
  disk.device.memory[512] = std::byte{42};
  CHECK(blk::read(disk.disk, Sector(0), data) == Status::Ok);
  CHECK(data[512] == std::byte{42});
}

TEST_CASE("a request that the driver fails ends its bios with an I/O error") {
  TestDisk disk;
  disk.device.fail_next = 2;
  const auto bios = scattered_reads(3);
  submit_all(disk.disk, bios);
  CHECK(ended(bios, Status::IoError) == 2);
  CHECK(disk.device.started.size() == 1);
  disk.device.complete_all();
  CHECK(ended(bios) == 1);
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("polling completes and passes on what waited, without any work running") {
  TestDisk disk({.sectors = 8192}, {.depth = 2});
  const auto bios = scattered_reads(6);
  submit_all(disk.disk, bios);
  CHECK(disk.disk.poll() == 2);
  CHECK(disk.disk.poll() == 2);
  CHECK(disk.disk.poll() == 2);
  CHECK(disk.disk.poll() == 0);
  CHECK(ended(bios) == 6);
}

// --- Inline completion ---

TEST_CASE("a thousand plugged bios on a device that completes inline do not nest") {
  TestDisk disk;
  disk.device.completes_inline = true;
  const auto bios = scattered_reads(1000);
  submit_all(disk.disk, bios);
  CHECK(ended(bios) == 1000);
  CHECK(disk.device.seen.size() == 1000);
}

TEST_CASE("bios that submit the next when they end neither nest nor starve") {
  TestDisk disk({.sectors = 8192}, {.depth = 2});
  disk.device.completes_inline = true;
  auto bios = scattered_reads(2000);
  unsigned nested = 0;
  unsigned most = 0;
  for (usize at = 0; at + 1 < bios.size(); ++at) {
    bios[at]->then = [&, at](TestBio&) {
      most = std::max(most, ++nested);
      disk.disk.submit(bios[at + 1]->bio);
      --nested;
    };
  }
  disk.disk.submit(bios[0]->bio);
  CHECK(ended(bios) == 2000);
  CHECK(most == 1);
}

TEST_CASE("refused bios that submit the next when they end do not nest either") {
  TestDisk disk({.sectors = 64});
  auto bios = scattered_reads(2000);
  unsigned nested = 0;
  unsigned most = 0;
  for (usize at = 0; at + 1 < bios.size(); ++at) {
    bios[at]->bio.op = at % 2 == 0 ? Op::Flush : Op::Discard;  // ends well, and is unsupported
    bios[at]->then = [&, at](TestBio&) {
      most = std::max(most, ++nested);
      disk.disk.submit(bios[at + 1]->bio);
      --nested;
    };
  }
  disk.device.completes_inline = true;
  disk.disk.submit(bios[0]->bio);
  CHECK(most == 1);
  CHECK(ended(bios) == 1000);
  CHECK(ended(bios, Status::Unsupported) == 999);
}

TEST_CASE("a bio may be submitted again from its own end") {
  TestDisk disk;
  disk.device.completes_inline = true;
  TestBio bio(Op::Read, 0, {512});
  bio.then = [&](TestBio& self) {
    if (self.ends < 100) {
      disk.disk.submit(self.bio);
    }
  };
  submit_batch(disk.disk, bio);
  CHECK(bio.ends == 100);
  CHECK(disk.device.seen.size() == 100);
}

TEST_CASE("nothing is allocated between submit and end") {
  TestDisk disk({.sectors = 8192, .limits = {.max_bytes = 1024}}, {.depth = 8});
  std::vector<std::unique_ptr<TestBio>> bios;
  for (u32 bio = 0; bio < 50; ++bio) {
    bios.push_back(std::make_unique<TestBio>(Op::Read, 8 * bio, std::vector<u32>{4096}));
  }
  // A driver that needs no memory either.
  struct Inline final : blk::QueueOps {
    unsigned requests = 0;
    blk::QueueResult queue_rq(blk::HwQueue&, Request& request, bool) override {
      ++requests;
      request.complete(Status::Ok);
      return blk::QueueResult::Ok;
    }
  } ops;
  const auto tags = std::move(*TagSet::create<int>(ops, {.depth = 8}));
  Disk plain(*tags, "vdb", {.sectors = 8192, .limits = {.max_bytes = 1024}});
  List<Bio> batch;
  for (const auto& bio : bios) {
    batch.push_back(bio->bio);
  }
  const std::size_t before = allocations_so_far();
  plain.submit(batch);
  const std::size_t after = allocations_so_far();
  CHECK(after == before);
  CHECK(ops.requests == 200);
  CHECK(ended(bios) == 50);
}

// --- Harts and plugs ---

TEST_CASE("each hart has its queue, and harts share where there are fewer queues") {
  TestDisk disk({.sectors = 64}, {.hw_queues = 3}, 4);
  TestBio bios[4] = {
      {Op::Read, 0, {512}}, {Op::Read, 2, {512}}, {Op::Read, 4, {512}}, {Op::Read, 6, {512}}};
  for (u32 hart = 0; hart < 4; ++hart) {
    disk.world.run_as(hart, [&] { disk.disk.submit(bios[hart].bio); });
    CHECK(disk.device.seen.back().queue == hart % 3);
  }
  CHECK(disk.tags->in_flight() == 4);
  disk.device.complete_all();
}

TEST_CASE("a plug submits on its end, when full, and when asked") {
  TestDisk disk;
  auto bios = scattered_reads(40);
  {
    blk::Plug plug(disk.disk);
    for (u32 bio = 0; bio < 31; ++bio) {
      plug.add(bios[bio]->bio);
    }
    CHECK(disk.device.seen.empty());
    plug.add(bios[31]->bio);
    CHECK(disk.device.seen.size() == 32);
    plug.add(bios[32]->bio);
    plug.flush();
    CHECK(disk.device.seen.size() == 33);
    plug.flush();
    plug.add(bios[33]->bio);
  }
  CHECK(disk.device.seen.size() == 34);
  disk.device.complete_all();
}

}  // namespace
}  // namespace sluice::test
