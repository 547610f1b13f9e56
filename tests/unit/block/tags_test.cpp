// The free tags of a hardware queue.
#include <sluice/drivers/block/tags.hpp>

#include <set>

#include "test_device.hpp"

namespace sluice::test {
namespace {

struct Fixture {
  explicit Fixture(u32 depth) { REQUIRE(tags.allocate(*set->hw_queues()[0], depth)); }
  // All that can be taken now, as numbers.
  std::set<u32> take_all() {
    std::set<u32> taken;
    while (const Request* const request = tags.take()) {
      REQUIRE(taken.insert(request->tag()).second);
    }
    return taken;
  }
  bool give(u32 tag) { return tags.give_back(tags[tag], tags[tag]); }

  World world;
  TestDevice device{512};
  std::unique_ptr<TagSet> set =
      std::move(*TagSet::create<TestDevice::Command>(device, {.depth = 1}));
  blk::Tags tags;
};

TEST_CASE("there are as many tags as the depth says, each with its number and queue") {
  Fixture f(5);
  CHECK(f.tags.depth() == 5);
  CHECK(f.tags.all().size() == 5);
  CHECK(f.take_all() == std::set<u32>{0, 1, 2, 3, 4});
  for (u32 tag = 0; tag < 5; ++tag) {
    CHECK(f.tags[tag].tag() == tag);
    CHECK(&f.tags[tag].hw_queue() == f.set->hw_queues()[0]);
  }
  CHECK(f.tags.take() == nullptr);
}

TEST_CASE("a tag that was put back is taken next") {
  Fixture f(3);
  Request* const first = f.tags.take();
  f.tags.put_back(*first);
  CHECK(f.tags.take() == first);
}

TEST_CASE("tags that came back can be taken, in any order, each once") {
  Fixture f(4);
  CHECK(f.take_all().size() == 4);
  CHECK_FALSE(f.give(2));  // nobody waits
  CHECK_FALSE(f.give(0));
  CHECK(f.take_all() == std::set<u32>{0, 2});
  CHECK_FALSE(f.give(3));
  CHECK(f.take_all() == std::set<u32>{3});
}

TEST_CASE("who waits is told of the first tag that comes back, once") {
  Fixture f(3);
  f.take_all();
  CHECK(f.tags.wait_for_one());
  CHECK(f.tags.take() == nullptr);  // and waiting is no tag
  CHECK(f.give(1));
  CHECK_FALSE(f.give(2));
  CHECK(f.take_all() == std::set<u32>{1, 2});
  CHECK_FALSE(f.give(1));
}

TEST_CASE("who waits twice is told once") {
  Fixture f(2);
  f.take_all();
  CHECK(f.tags.wait_for_one());
  CHECK(f.tags.wait_for_one());
  CHECK(f.give(0));
  CHECK_FALSE(f.give(1));
}

TEST_CASE("who wants to wait although tags have come back gets them, and none is lost") {
  Fixture f(4);
  Request* const kept = f.tags.take();
  CHECK(f.take_all().size() == 3);
  f.give(1);
  f.give(2);
  f.tags.put_back(*kept);  // one of its own as well
  CHECK_FALSE(f.tags.wait_for_one());
  std::set<u32> expected{1, 2, kept->tag()};
  CHECK(f.take_all() == expected);
}

}  // namespace
}  // namespace sluice::test
