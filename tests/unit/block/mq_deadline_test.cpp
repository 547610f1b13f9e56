// mq-deadline: the order in which bios go out, tunable by tunable.
#include <sluice/drivers/block/mq_deadline.hpp>

#include <map>
#include <random>

#include "scheduler_fixture.hpp"

namespace sluice::test {
namespace {

using blk::MqDeadline;

constexpr u64 kMs = 1'000'000;  // in ticks of the test's clock, and in nanoseconds

// `count` sectors from `first` on that are no neighbours.
Sectors apart(u64 first, u32 count) {
  Sectors sectors;
  for (u32 i = 0; i < count; ++i) {
    sectors.push_back(first + u64{i} * 100);
  }
  return sectors;
}

// --- Order ---

TEST_CASE("mq-deadline sends nothing where nothing waits") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  CHECK(f.dispatch(scheduler).empty());
  CHECK(scheduler.name() == "mq-deadline");
}

TEST_CASE("mq-deadline sends bios by ascending sector, however they came") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {500, 100, 900, 300, 700});
  CHECK(f.dispatch_all(scheduler) == Sectors{100, 300, 500, 700, 900});
}

TEST_CASE("mq-deadline goes on from where it is and begins again with the oldest at the end") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {500});
  CHECK(f.dispatch(scheduler) == Sectors{500});
  f.insert(scheduler, Op::Read, {300, 100, 700, 600});
  CHECK(f.dispatch_all(scheduler) == Sectors{600, 700, 300, 100});
}

TEST_CASE("mq-deadline keeps a position for each direction") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Write, {400});
  CHECK(f.dispatch_all(scheduler) == Sectors{400});
  f.insert(scheduler, Op::Read, {5000});
  CHECK(f.dispatch_all(scheduler) == Sectors{5000});
  f.insert(scheduler, Op::Write, {200, 600});
  CHECK(f.dispatch_all(scheduler) == Sectors{600, 200});
}

TEST_CASE("mq-deadline sends what overlaps without merging it") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {100, 100, 104, 500});
  CHECK(f.dispatch(scheduler) == Sectors{100});
  CHECK(f.dispatch(scheduler) == Sectors{100});
  CHECK(f.dispatch(scheduler) == Sectors{104});
  CHECK(f.dispatch(scheduler) == Sectors{500});
}

TEST_CASE("mq-deadline sends through any queue what came through another, but not to be polled") {
  SchedulerFixture f({.hw_queues = 3, .poll_queues = 1});
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {100}, 0);
  CHECK(f.dispatch(scheduler, 2).empty());
  CHECK(f.dispatch(scheduler, 1) == Sectors{100});
}

// --- Batches ---

TEST_CASE("fifo_batch is how many requests of a direction go before the other has its turn") {
  for (const u32 batch : {1u, 3u, 16u}) {
    INFO("fifo_batch " << batch);
    SchedulerFixture f;
    MqDeadline scheduler(f.disk, {.fifo_batch = batch, .writes_starved = 1});
    f.insert(scheduler, Op::Read, apart(0, 40));
    f.insert(scheduler, Op::Write, apart(10000, 40));
    for (const Op op : {Op::Read, Op::Write, Op::Read}) {
      for (u32 i = 0; i < batch; ++i) {
        f.dispatch(scheduler);
        CHECK(f.op_sent == op);
      }
    }
    f.drain(scheduler);
  }
}

TEST_CASE("A fifo_batch of 0 is one of 1") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk, {.fifo_batch = 0, .writes_starved = 1});
  f.insert(scheduler, Op::Read, {100, 300});
  f.insert(scheduler, Op::Write, {200, 400});
  CHECK(f.dispatch_all(scheduler) == Sectors{100, 200, 300, 400});
}

TEST_CASE("writes_starved is how many batches of reads go before waiting writes") {
  for (const u32 starved : {1u, 2u, 5u}) {
    SchedulerFixture f;
    MqDeadline scheduler(f.disk, {.fifo_batch = 4, .writes_starved = starved});
    f.insert(scheduler, Op::Read, apart(0, 100));
    f.insert(scheduler, Op::Write, apart(50000, 100));
    INFO("writes_starved " << starved);
    for (int round = 0; round < 3; ++round) {
      for (u32 i = 0; i < 4 * starved; ++i) {
        f.dispatch(scheduler);
        REQUIRE(f.op_sent == Op::Read);
      }
      for (u32 i = 0; i < 4; ++i) {
        f.dispatch(scheduler);
        REQUIRE(f.op_sent == Op::Write);
      }
    }
    f.drain(scheduler);
  }
}

TEST_CASE("Batches of reads that went while no write waited do not count against the reads") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk, {.fifo_batch = 1, .writes_starved = 2});
  f.insert(scheduler, Op::Read, apart(0, 10));
  for (int i = 0; i < 5; ++i) {
    f.dispatch(scheduler);
  }
  f.insert(scheduler, Op::Write, {90000});
  f.dispatch(scheduler);
  CHECK(f.op_sent == Op::Read);
  f.dispatch(scheduler);
  CHECK(f.op_sent == Op::Read);
  f.dispatch(scheduler);
  CHECK(f.op_sent == Op::Write);
  f.drain(scheduler);
}

TEST_CASE("Writes go at once where no read waits") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Write, {200, 100});
  CHECK(f.dispatch_all(scheduler) == Sectors{100, 200});
}

TEST_CASE("Discards and write zeroes go with the writes") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Discard, {100});
  f.insert(scheduler, Op::Write, {200});
  f.insert(scheduler, Op::WriteZeroes, {300});
  f.insert(scheduler, Op::Read, {900});
  CHECK(f.dispatch_all(scheduler) == Sectors{900, 100, 200, 300});
}

// --- Deadlines ---

TEST_CASE("A batch begins with the oldest bio once that is overdue, not a tick before") {
  for (const Op op : {Op::Read, Op::Write}) {
    SchedulerFixture f;
    MqDeadline scheduler(f.disk, {.fifo_batch = 1});
    f.insert(scheduler, op, {500});
    f.dispatch(scheduler);
    f.insert(scheduler, op, {100});
    f.insert(scheduler, op, apart(600, 5));
    f.world.now_ticks += (op == Op::Read ? 500 : 5000) * kMs - 1;
    CHECK(f.dispatch(scheduler) == Sectors{600});
    f.world.now_ticks += 1;
    CHECK(f.dispatch(scheduler) == Sectors{100});
    f.drain(scheduler);
  }
}

TEST_CASE("read_expire and write_expire are told apart") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk,
                       {.read_expire_ns = 3 * kMs, .write_expire_ns = 7 * kMs, .fifo_batch = 1});
  f.insert(scheduler, Op::Write, {500});
  f.dispatch(scheduler);
  f.insert(scheduler, Op::Write, {100, 600, 700, 800});
  f.world.now_ticks += 3 * kMs;
  CHECK(f.dispatch(scheduler) == Sectors{600});
  f.world.now_ticks += 4 * kMs;
  CHECK(f.dispatch(scheduler) == Sectors{100});
  f.drain(scheduler);
}

TEST_CASE("After an overdue bio the batch goes on from its place") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {500});
  f.dispatch(scheduler);
  f.insert(scheduler, Op::Read, {200});
  f.world.now_ticks += 500 * kMs;
  f.insert(scheduler, Op::Read, {100, 300});
  f.insert(scheduler, Op::Read, apart(10000, 15));
  for (int i = 0; i < 15; ++i) {  // the rest of the batch, in which nothing is overdue
    CHECK(f.dispatch(scheduler).front() >= 10000);
  }
  CHECK(f.dispatch_all(scheduler) == Sectors{200, 300, 100});
}

// A flood of bios ahead of where the batches are, and now and then one behind that no batch in
// sector order would come to. How long may one wait that is overdue? For the rest of a batch; then,
// for each of its side that is older and for itself, one batch of its side, and as many of the
// other as go in between.
class Flood {
 public:
  explicit Flood(u32 seed) : random_(seed) {}
  ~Flood() { f_.drain(scheduler_); }

  u32 execute() {
    for (int step = 0; step < 4000; ++step) {
      f_.world.now_ticks += random_() % 4 * kMs;
      for (u64 adds = 1 + random_() % 2; adds > 0 && waiting_.size() < 60; --adds) {
        add();
      }
      find_overdue();
      for (const u64 sector : f_.dispatch(scheduler_)) {
        waiting_.erase(sector);
      }
      ++dispatched_;
      for (const auto& [sector, bio] : waiting_) {
        REQUIRE(dispatched_ <= bio.last_chance);
      }
    }
    return overdue_;
  }

 private:
  static constexpr u64 kNotYet = ~u64{0};
  struct Waiting {
    bool read;
    u64 submitted_ticks;
    u64 last_chance = kNotYet;  // it is out once so many requests are, from when it is overdue
  };

  void add() {
    const bool behind = random_() % 8 == 0;
    const u64 sector = behind ? behind_ -= 16 : ahead_ += 16;
    const bool read = random_() % 2 == 0;
    waiting_[sector] = {read, ++f_.world.now_ticks};
    f_.insert(scheduler_, f_.bio(read ? Op::Read : Op::Write, sector, 512));
  }
  void find_overdue() {
    for (auto& [sector, bio] : waiting_) {
      const u64 expire = bio.read ? kReadExpire : kWriteExpire;
      if (bio.last_chance == kNotYet && f_.world.now_ticks >= bio.submitted_ticks + expire) {
        const u64 others = bio.read ? 1 : 2;  // batches in between: of writes; writes_starved
        bio.last_chance = dispatched_ + 16 + older_or_same(bio) * 16 * (1 + others);
        ++overdue_;
      }
    }
  }
  u64 older_or_same(const Waiting& than) const {
    u64 count = 0;
    for (const auto& [sector, bio] : waiting_) {
      count += bio.read == than.read && bio.submitted_ticks <= than.submitted_ticks ? 1 : 0;
    }
    return count;
  }

  static constexpr u64 kReadExpire = 50 * kMs;
  static constexpr u64 kWriteExpire = 300 * kMs;
  std::mt19937 random_;
  SchedulerFixture f_;
  MqDeadline scheduler_{f_.disk, {.read_expire_ns = kReadExpire, .write_expire_ns = kWriteExpire}};
  std::map<u64, Waiting> waiting_;  // by sector
  u64 ahead_ = 1'000'000;
  u64 behind_ = 1'000'000;
  u64 dispatched_ = 0;
  u32 overdue_ = 0;
};

TEST_CASE("No bio waits longer than its deadline and a bounded number of requests") {
  for (u32 seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    CHECK(Flood(seed).execute() > 50);
  }
}

TEST_CASE("A lone write behind a flood of reads goes out after two batches of them") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, apart(0, 16));
  f.insert(scheduler, Op::Write, {77});
  u64 ahead = 5000;
  for (int i = 0; i < 32; ++i) {
    f.insert(scheduler, Op::Read, {ahead += 100});
    f.dispatch(scheduler);
    REQUIRE(f.op_sent == Op::Read);
  }
  CHECK(f.dispatch(scheduler) == Sectors{77});
  f.drain(scheduler);
}

// --- Runs ---

TEST_CASE("Without front_merges a run grows towards higher sectors only") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk, {.fifo_batch = 1, .front_merges = false});
  f.insert(scheduler, Op::Read, {216, 208, 224, 200});
  f.world.now_ticks += 500 * kMs;
  CHECK(f.dispatch(scheduler) == Sectors{216, 224});
  CHECK(f.dispatch(scheduler) == Sectors{208});
  CHECK(f.dispatch(scheduler) == Sectors{200});
}

TEST_CASE("A run is one request of the batch") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk, {.fifo_batch = 2, .writes_starved = 1});
  f.insert(scheduler, Op::Read, {100, 108, 116, 300, 308, 500});
  f.insert(scheduler, Op::Write, {9000});
  CHECK(f.dispatch(scheduler) == Sectors{100, 108, 116});
  CHECK(f.dispatch(scheduler) == Sectors{300, 308});
  CHECK(f.dispatch(scheduler) == Sectors{9000});
  CHECK(f.dispatch(scheduler) == Sectors{500});
}

TEST_CASE("The batch goes on behind a run, not behind the bio that was chosen") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  f.insert(scheduler, Op::Read, {208, 200, 216, 100, 300});
  f.world.now_ticks += 500 * kMs;
  CHECK(f.dispatch(scheduler) == Sectors{200, 208, 216});
  CHECK(f.dispatch(scheduler) == Sectors{300});
  CHECK(f.dispatch(scheduler) == Sectors{100});
}

// --- All at once ---

TEST_CASE("Draining mq-deadline gives up everything, the oldest first, reads and writes alike") {
  SchedulerFixture f;
  MqDeadline scheduler(f.disk);
  const Sectors sectors = {900, 100, 500, 300, 700};
  for (usize i = 0; i < sectors.size(); ++i) {
    f.world.now_ticks += 10;
    f.insert(scheduler, i % 2 == 0 ? Op::Read : Op::Write, {sectors[i]});
  }
  CHECK(f.drain(scheduler) == sectors);
  CHECK(f.dispatch(scheduler).empty());
  f.insert(scheduler, Op::Read, {42});
  CHECK(f.dispatch(scheduler) == Sectors{42});
}

}  // namespace
}  // namespace sluice::test
