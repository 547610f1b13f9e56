// Making tag sets: shapes, payloads, and what is undone when a step fails.
#include <sluice/drivers/block/tag_set.hpp>

#include "allocation_budget.hpp"
#include "test_device.hpp"

namespace sluice::test {
namespace {

struct Counted {
  static inline int alive = 0;
  Counted() { ++alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }
  alignas(128) u64 value = 17;
};

TEST_CASE("a shape outside its bounds is refused") {
  World world;
  TestDevice device(512);
  const auto error = [&](TagSet::Shape shape) {
    return TagSet::create<int>(device, shape).error();
  };
  CHECK(error({.hw_queues = 0}) == Errc::Invalid);
  CHECK(error({.hw_queues = 257}) == Errc::Invalid);
  CHECK(error({.depth = 0}) == Errc::Invalid);
  CHECK(error({.depth = 4097}) == Errc::Invalid);
  CHECK(TagSet::create<int>(device, {.hw_queues = 2, .depth = 4096}));
}

TEST_CASE(
    "each request has a payload of its own, constructed and aligned, for as long as the tag set "
    "lives") {
  World world;
  struct Keep final : blk::QueueOps {
    std::vector<Request*> requests;
    blk::QueueResult queue_rq(blk::HwQueue&, Request& request, bool) override {
      requests.push_back(&request);
      return blk::QueueResult::Ok;
    }
  } ops;
  {
    const auto tags = std::move(*TagSet::create<Counted>(ops, {.hw_queues = 3, .depth = 5}));
    CHECK(Counted::alive == 15);
    Disk disk(*tags, "vda", {.sectors = 64});
    std::vector<std::unique_ptr<TestBio>> bios;
    for (u32 bio = 0; bio < 5; ++bio) {
      bios.push_back(std::make_unique<TestBio>(Op::Read, 2 * bio, std::vector<u32>{512}));
      disk.submit(bios.back()->bio);
    }
    std::set<Counted*> payloads;
    for (Request* request : ops.requests) {
      Counted& payload = request->payload<Counted>();
      CHECK(payload.value == 17);
      CHECK(reinterpret_cast<std::uintptr_t>(&payload) % alignof(Counted) == 0);
      payloads.insert(&payload);
      request->complete(Status::Ok);
    }
    CHECK(payloads.size() == 5);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("when init_hctx fails the queues before it are taken back") {
  World world;
  TestDevice device(512);
  device.fail_init_at = 2;
  CHECK(TagSet::create<Counted>(device, {.hw_queues = 4}).error() == Errc::Io);
  CHECK(device.queues.empty());
  CHECK(Counted::alive == 0);
}

TEST_CASE("init_hctx and exit_hctx see each queue once") {
  World world;
  TestDevice device(512);
  {
    const auto tags = std::move(*TagSet::create<int>(device, {.hw_queues = 4}));
    CHECK(device.queues == std::vector<u32>{0, 1, 2, 3});
    CHECK(tags->hw_queues().size() == 4);
    CHECK(&tags->hw_queues()[2]->tag_set() == tags.get());
  }
  CHECK(device.queues.empty());
}

TEST_CASE("a tag set that runs out of memory at any step leaves nothing behind") {
  World world;
  TestDevice device(512);
  device.queues.reserve(8);
  for (std::size_t allocations = 0;; ++allocations) {
    REQUIRE(allocations < 100);
    const AllocationBudget budget(allocations);
    const auto made = TagSet::create<Counted>(device, {.hw_queues = 3, .depth = 70});
    if (made) {
      CHECK_FALSE(budget.exhausted());
      // The set, its table, and for each queue itself, its requests and its payloads.
      CHECK(allocations == 11);
      break;
    }
    CHECK(made.error() == Errc::NoMemory);
    CHECK(Counted::alive == 0);
    CHECK(device.queues.empty());
  }
  CHECK(Counted::alive == 0);
}

}  // namespace
}  // namespace sluice::test
