// kyber: how the latencies of requests set the depths.
#include "kyber_fixture.hpp"

namespace sluice::test {
namespace {

TEST_CASE("kyber lowers the depth of writes that do well where reads miss their target") {
  KyberFixture f;
  f.measure(Op::Write, 500, 0, 1 * kMs);  // of 10 ms: the first quarter
  f.measure(Op::Read, 500, 0, 9 * kMs);   // of 2 ms
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 32);
  CHECK(f.kyber().depth(Kyber::kRead) == 256);  // more than the most it cannot have
}

TEST_CASE("A domain's new depth is in proportion to its 99th percentile") {
  struct Case {
    u64 write_ns;
    u32 depth;
  };
  const Case cases[] = {{2'500'000, 32}, {2'500'001, 64},  {5'000'000, 64},
                        {7'500'000, 96}, {7'500'001, 128}, {10'000'000, 128}};
  for (const auto& [write_ns, depth] : cases) {
    KyberFixture f;
    INFO("writes of " << write_ns << " ns");
    f.measure(Op::Write, 500, 0, write_ns);
    f.measure(Op::Read, 500, 0, 9 * kMs);
    f.end_window();
    CHECK(f.kyber().depth(Kyber::kWrite) == depth);
  }
}

TEST_CASE("One write in a hundred may be slower than its depth says, and no more") {
  for (const u32 slow : {5u, 6u}) {
    KyberFixture f;
    f.measure(Op::Write, 500 - slow, 0, kMs);
    f.measure(Op::Write, slow, 0, 10 * kMs);
    f.measure(Op::Read, 500, 0, 9 * kMs);
    f.end_window();
    CHECK(f.kyber().depth(Kyber::kWrite) == (slow > 5 ? 128 : 32));
  }
}

TEST_CASE("kyber leaves the depths where every target is met") {
  KyberFixture f;
  for (int i = 0; i < 5; ++i) {
    f.measure(Op::Write, 500, 0, 10 * kMs);
    f.measure(Op::Read, 500, 0, 2 * kMs);
    f.end_window();
  }
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
  CHECK(f.kyber().depth(Kyber::kRead) == 256);
}

TEST_CASE("kyber calls the device congested from one read in ten that is late in it") {
  for (const u32 late : {50u, 51u}) {
    KyberFixture f;
    f.measure(Op::Write, 500, 0, kMs);
    f.measure(Op::Read, 500 - late, 0, kMs);
    f.measure(Op::Read, late, 0, 3 * kMs);
    f.end_window();
    CHECK(f.kyber().depth(Kyber::kWrite) == (late > 50 ? 32 : 128));
  }
}

TEST_CASE("Time that a request waited for its token is not the device's") {
  KyberFixture f;
  f.measure(Op::Write, 500, 0, kMs);
  f.measure(Op::Read, 500, 50 * kMs, kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
}

TEST_CASE("A depth grows back once its domain waits for tokens too long") {
  KyberFixture f;
  f.measure(Op::Write, 500, 0, kMs);
  f.measure(Op::Read, 500, 0, 9 * kMs);
  f.end_window();
  REQUIRE(f.kyber().depth(Kyber::kWrite) == 32);
  f.measure(Op::Write, 500, 40 * kMs, kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 64);
  f.measure(Op::Write, 500, 40 * kMs, kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
  f.measure(Op::Write, 500, 40 * kMs, kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
}

TEST_CASE("A depth goes down to one and not further, and grows from there") {
  KyberFixture f;
  for (int i = 0; i < 6; ++i) {
    f.measure(Op::Write, 500, 0, kMs);
    f.measure(Op::Read, 500, 0, 9 * kMs);
    f.end_window();
  }
  CHECK(f.kyber().depth(Kyber::kWrite) == 1);
  f.measure(Op::Write, 500, 40 * kMs, kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 2);
}

TEST_CASE("kyber judges a domain by 500 samples, or after a second by fewer") {
  KyberFixture f;
  f.measure(Op::Write, 499, 0, kMs);
  f.measure(Op::Read, 499, 0, 9 * kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
  for (int i = 0; i < 9; ++i) {
    f.end_window();
  }
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 32);
}

TEST_CASE("kyber waits anew for samples once it has judged a domain by few") {
  KyberFixture f;
  const auto window = [&f](u32 writes) {
    f.measure(Op::Write, writes, 40 * kMs, kMs);  // late, but not in the device
    f.measure(Op::Read, 500, 0, 9 * kMs);
    f.end_window();
  };
  window(500);
  f.measure(Op::Write, 500, 0, kMs);
  window(0);
  REQUIRE(f.kyber().depth(Kyber::kWrite) == 32);
  window(10);
  for (int i = 0; i < 9; ++i) {
    window(0);
    CHECK(f.kyber().depth(Kyber::kWrite) == 32);
  }
  window(0);
  REQUIRE(f.kyber().depth(Kyber::kWrite) == 64);
  window(10);
  CHECK(f.kyber().depth(Kyber::kWrite) == 64);
}

TEST_CASE("A percentile is taken over all buckets") {
  KyberFixture f;
  f.measure(Op::Write, 250, 0, kMs);
  f.measure(Op::Write, 250, 0, 4 * kMs);
  f.measure(Op::Read, 500, 0, 9 * kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 64);
}

TEST_CASE("A percentile from before a congestion serves for it once") {
  KyberFixture f;
  f.measure(Op::Write, 500, 0, kMs);
  f.end_window();
  f.measure(Op::Read, 500, 0, 9 * kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 32);
  f.measure(Op::Read, 500, 0, 9 * kMs);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 32);
}

TEST_CASE("kyber looks at the latencies once per window") {
  KyberFixture f;
  f.measure(Op::Write, 500, 0, kMs);
  f.measure(Op::Read, 500, 0, 9 * kMs);
  f.start(Op::Discard, 0, f.world.now_ticks);
  f.end(Op::Discard);
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 32);
}

TEST_CASE("kyber tells who waits for tokens when a depth grows") {
  KyberFixture f({}, {.hw_queues = 1, .depth = 1000});
  f.measure(Op::Write, 500, 0, kMs);
  f.measure(Op::Read, 500, 0, 9 * kMs);
  f.end_window();
  f.add(Op::Write, 200);
  REQUIRE(f.send_all() == 32);
  f.measure(Op::Read, 500, 0, kMs);
  f.world.now_ticks += 100 * kMs;
  f.start(Op::Read, 0, f.world.now_ticks);
  CHECK(f.end(Op::Read));  // all were told to look again
}

TEST_CASE("An end before the beginning counts as no latency") {
  KyberFixture f;
  f.measure(Op::Write, 500, 0, kMs);
  for (int i = 0; i < 500; ++i) {
    f.start(Op::Read, 0, f.world.now_ticks + 5 * kMs);
    f.world.now_ticks -= 1;
    f.end(Op::Read);
    f.world.now_ticks += 1;
  }
  f.end_window();
  CHECK(f.kyber().depth(Kyber::kWrite) == 128);
}

}  // namespace
}  // namespace sluice::test
