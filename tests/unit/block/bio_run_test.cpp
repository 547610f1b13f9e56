// Runs: which neighbours go out together, as mq-deadline sends them.
#include <sluice/drivers/block/mq_deadline.hpp>

#include "scheduler_fixture.hpp"

namespace sluice::test {
namespace {

using blk::MqDeadline;

constexpr u64 kExpireNs = 500'000'000;  // of reads

TEST_CASE("Neighbours go out together, by ascending sector, whichever of them was chosen") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk, {.fifo_batch = 1});
  f.insert(scheduler, Op::Read, {116, 108, 124, 100});
  CHECK(f.dispatch(scheduler) == Sectors{100, 108, 116, 124});
  f.insert(scheduler, Op::Read, {216, 208, 224, 200});
  f.world.now_ticks += kExpireNs;
  CHECK(f.dispatch(scheduler) == Sectors{200, 208, 216, 224});  // chosen: 216
}

TEST_CASE("Neighbours of another operation or with other flags stay apart") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, f.bio(Op::Write, 100));
  f.insert(scheduler, f.bio(Op::WriteZeroes, 108));
  f.insert(scheduler, f.bio(Op::Write, 116));
  f.insert(scheduler, f.bio(Op::Write, 124, 4096, blk::bio_flag::kFua));
  f.insert(scheduler, f.bio(Op::Write, 132, 4096, blk::bio_flag::kFua));
  CHECK(f.dispatch(scheduler) == Sectors{100});
  CHECK(f.dispatch(scheduler) == Sectors{108});
  CHECK(f.dispatch(scheduler) == Sectors{116});
  CHECK(f.dispatch(scheduler) == Sectors{124, 132});
}

TEST_CASE("A read and a write of neighbouring sectors stay apart") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {100});
  f.insert(scheduler, Op::Write, {108});
  CHECK(f.dispatch(scheduler) == Sectors{100});
  CHECK(f.dispatch(scheduler) == Sectors{108});
}

TEST_CASE("A bio that is not to be merged goes alone, as first and as neighbour") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, f.bio(Op::Read, 100));
  f.insert(scheduler, f.bio(Op::Read, 108, 4096, blk::bio_flag::kNoMerge));
  f.insert(scheduler, f.bio(Op::Read, 116, 4096, blk::bio_flag::kNoMerge));
  f.insert(scheduler, f.bio(Op::Read, 124));
  for (const u64 sector : {100u, 108u, 116u, 124u}) {
    CHECK(f.dispatch(scheduler) == Sectors{sector});
  }
}

TEST_CASE("Nothing goes out together where the disk does not merge") {
  SchedulerFixture f({.merge = false});
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {108, 100});
  CHECK(f.dispatch(scheduler) == Sectors{100});
  CHECK(f.dispatch(scheduler) == Sectors{108});
}

TEST_CASE("A run is as long as a request of its operation may be") {
  struct Case {
    Op op;
    u64 most_bytes;
  };
  const Case cases[] = {{Op::Read, 64 * 1024},
                        {Op::Write, 64 * 1024},
                        {Op::Discard, 256 * 1024},
                        {Op::WriteZeroes, 128 * 1024},
                        {Op::SecureErase, 32 * 1024}};
  for (const auto& [op, most_bytes] : cases) {
    SchedulerFixture f;
    MqDeadline scheduler(f.disk);
    for (u64 i = 0; i < 100; ++i) {
      f.insert(scheduler, f.bio(op, 1000 + i * 8));
    }
    CHECK(f.dispatch(scheduler).size() == most_bytes / 4096);
    f.drain(scheduler);
  }
}

TEST_CASE("A bio longer than a request goes alone") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, f.bio(Op::Write, 0, 1024 * 1024));
  f.insert(scheduler, f.bio(Op::Write, 2048));
  CHECK(f.dispatch(scheduler) == Sectors{0});
  CHECK(f.dispatch(scheduler) == Sectors{2048});
}

}  // namespace
}  // namespace sluice::test
