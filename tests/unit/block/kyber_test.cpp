// kyber: order, batches and tokens.
#include <initializer_list>
#include <map>
#include <random>

#include "kyber_fixture.hpp"

namespace sluice::test {
namespace {

// --- Order ---

TEST_CASE("kyber sends the bios of a domain in the order in which they came") {
  KyberFixture f;
  f.insert(f.kyber(), Op::Read, {500, 100, 900});
  CHECK(f.kyber().name() == "kyber");
  CHECK(f.dispatch_all(f.kyber()) == Sectors{500, 100, 900});
}

TEST_CASE("kyber sends what follows and continues a bio together with it") {
  KyberFixture f;
  f.insert(f.kyber(), Op::Write, {108, 116, 100, 132, 124});
  CHECK(f.dispatch(f.kyber()) == Sectors{100, 108, 116});
  CHECK(f.dispatch(f.kyber()) == Sectors{124, 132});
}

TEST_CASE("kyber sends a bio through the queue that it came through") {
  KyberFixture f({}, {.hw_queues = 2});
  f.add(Op::Read, 1, 1);
  CHECK_FALSE(f.send(0));
  CHECK(f.send(1));
}

TEST_CASE("kyber's domains take turns, each with its batch") {
  KyberFixture f;
  f.add(Op::Read, 40);
  f.add(Op::Write, 20);
  f.add(Op::Discard, 3);
  f.add(Op::WriteZeroes, 3);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [op, batch] : std::initializer_list<std::pair<Op, int>>{
             {Op::Read, 16}, {Op::Write, 8}, {Op::Discard, 1}, {Op::WriteZeroes, 1}}) {
      for (int i = 0; i < batch; ++i) {
        REQUIRE(f.send());
        REQUIRE(f.op_sent == op);
      }
    }
  }
}

TEST_CASE("A kyber domain with nothing to send leaves its turn to the next") {
  KyberFixture f;
  f.add(Op::Read, 20);
  CHECK(f.send_all() == 20);
  f.add(Op::WriteZeroes, 1);
  CHECK(f.send_all() == 1);
}

// --- Tokens ---

TEST_CASE("kyber lets no more requests of a domain be in flight than it has tokens") {
  KyberFixture f({.max_depth = {5, 3, 2, 1}}, {.hw_queues = 1, .depth = 100});
  for (const Op op : {Op::Read, Op::Write, Op::Discard, Op::WriteZeroes}) {
    f.add(op, 20);
  }
  CHECK(f.send_all() == 5 + 3 + 2 + 1);
  CHECK(f.kyber().in_flight(Kyber::kRead) == 5);
  CHECK(f.kyber().in_flight(Kyber::kWrite) == 3);
  CHECK(f.kyber().in_flight(Kyber::kDiscard) == 2);
  CHECK(f.kyber().in_flight(Kyber::kOther) == 1);
  f.end_all(Op::Write, 2);
  CHECK(f.send_all() == 2);
  CHECK(f.op_sent == Op::Write);
}

TEST_CASE("kyber's depths begin at Linux's") {
  KyberFixture f;
  CHECK(f.kyber().depth(Kyber::kRead) == 256);
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
  CHECK(f.kyber().depth(Kyber::kDiscard) == 64);
  CHECK(f.kyber().depth(Kyber::kOther) == 16);
}

TEST_CASE("kyber tells of a token that came back if somebody wanted one, once") {
  KyberFixture f({.max_depth = {2, 2, 2, 2}});
  f.add(Op::Read, 2);
  CHECK(f.send_all() == 2);
  CHECK_FALSE(f.end(Op::Read));  // nobody waits
  f.add(Op::Read, 3);
  CHECK(f.send_all() == 1);
  f.add(Op::Write, 1);
  CHECK(f.send_all() == 1);
  CHECK_FALSE(f.end(Op::Write));  // the other domain's
  CHECK(f.end(Op::Read));
  CHECK_FALSE(f.end(Op::Read));  // it was told
  CHECK(f.send_all() == 2);
}

TEST_CASE("kyber's tokens are the disk's, and who waits for one at another queue is told") {
  KyberFixture f({.max_depth = {1, 1, 1, 1}}, {.hw_queues = 2});
  f.add(Op::Read, 1, 0);
  f.add(Op::Read, 1, 1);
  CHECK(f.send_all(0) == 1);
  CHECK(f.send_all(1) == 0);
  CHECK(f.end(Op::Read));
  CHECK(f.send_all(1) == 1);
}

TEST_CASE("A request from before kyber came holds no token and returns none") {
  KyberFixture f({.max_depth = {2, 2, 2, 2}});
  blk::Request old;
  blk::TestAccess::describe(old, f.bio(Op::Read, 0), f.queue(0), 63, 0);
  CHECK_FALSE(f.kyber().ended(old, f.world.now_ticks));
  CHECK(f.kyber().in_flight(Kyber::kRead) == 0);
  f.add(Op::Read, 5);
  CHECK(f.send_all() == 2);
}

TEST_CASE("A depth of 0 is one of 1") {
  KyberFixture f({.max_depth = {0, 0, 0, 0}});
  f.add(Op::Read, 3);
  CHECK(f.send_all() == 1);
}

TEST_CASE("Writes that hold all their tokens do not hold up reads") {
  KyberFixture f({.max_depth = {4, 4, 1, 1}}, {.hw_queues = 1, .depth = 100});
  f.add(Op::Write, 1000);
  CHECK(f.send_all() == 4);
  f.add(Op::Read, 4);
  CHECK(f.send());
  CHECK(f.op_sent == Op::Read);
}

TEST_CASE("No kyber domain is starved where all are flooded") {
  KyberFixture f({.max_depth = {8, 8, 8, 8}}, {.hw_queues = 1, .depth = 100});
  const Op ops[] = {Op::Read, Op::Write, Op::Discard, Op::WriteZeroes};
  for (const Op op : ops) {
    f.add(op, 30);
  }
  std::map<Op, int> since;  // how many of others went out since one of it did
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    if (!f.send()) {
      const Op op = ops[random() % 4];
      const auto domain = Kyber::domain_of(op);
      if (f.kyber().in_flight(domain) > 0) {
        f.end(op);
      }
      continue;
    }
    f.add(f.op_sent, 1);
    for (const Op op : ops) {
      since[op] = op == f.op_sent ? 0 : since[op] + 1;
      if (f.kyber().in_flight(Kyber::domain_of(op)) == f.kyber().depth(Kyber::domain_of(op))) {
        since[op] = 0;  // its own tokens are all out
      }
      REQUIRE(since[op] <= 16 + 8 + 1 + 1);
    }
  }
}

// --- All at once ---

TEST_CASE("Draining kyber gives up everything, queue by queue, the oldest first") {
  KyberFixture f({}, {.hw_queues = 2});
  const Op ops[] = {Op::Write, Op::Read, Op::Discard, Op::Read};
  for (u64 i = 0; i < 4; ++i) {
    f.world.now_ticks += 10;
    f.insert(f.kyber(), ops[i], {100 * (10 - i)}, 0);
    f.insert(f.kyber(), ops[i], {100 * (20 - i)}, 1);
  }
  CHECK(f.drain(f.kyber()) == Sectors{1000, 900, 800, 700, 2000, 1900, 1800, 1700});
  CHECK_FALSE(f.send(0));
  CHECK_FALSE(f.send(1));
}

}  // namespace
}  // namespace sluice::test
