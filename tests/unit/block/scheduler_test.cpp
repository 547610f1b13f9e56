// What holds for every scheduler, and how one is chosen.
#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "scheduler_fixture.hpp"

namespace sluice::test {
namespace {

constexpr u64 kMs = 1'000'000;

TEST_CASE("Schedulers are made by name") {
  SchedulerFixture f;
  CHECK(blk::scheduler_names().size() == 3);
  CHECK(blk::scheduler_names().front() == "none");
  for (const std::string_view name : blk::scheduler_names()) {
    const auto made = blk::make_scheduler(name, f.disk);
    REQUIRE(made);
    if (name == "none") {
      CHECK(*made == nullptr);
    } else {
      CHECK((*made)->name() == name);
    }
  }
  CHECK(blk::make_scheduler("bfq", f.disk).error() == Errc::NotFound);
}

// Random bios in and out through two queues, and all out and in again now and then.
class RandomRun {
 public:
  RandomRun(std::string_view name, u32 seed)
      : random_(seed), scheduler_(std::move(*blk::make_scheduler(name, f_.disk))) {}

  void execute() {
    for (int step = 0; step < 2000; ++step) {
      f_.world.now_ticks += random_() % 100 * kMs;
      if (random_() % 2 == 0) {
        insert_one();
      } else if (random_() % 100 == 0) {
        reinsert_all();
      } else {
        dispatch(random_() % 2);
      }
    }
    while (dispatch(0) || dispatch(1)) {
    }
    CHECK(missing_.empty());
  }

 private:
  void insert_one() {
    const Op ops[] = {Op::Read, Op::Write, Op::Discard, Op::WriteZeroes};
    const u64 sector = random_() % 200 * 8;
    Bio& bio = f_.bio(ops[random_() % 4], sector, 4096 * (1 + random_() % 3));
    f_.insert(*scheduler_, bio, static_cast<u32>(random_() % 2));
    missing_.insert(sector);
  }
  void reinsert_all() {
    List<Bio> all;
    scheduler_->drain(all);
    CHECK_FALSE(dispatch(0));
    CHECK_FALSE(dispatch(1));
    scheduler_->insert(f_.queue(0), all);
  }
  bool dispatch(u64 queue_index) {
    const Sectors sent = f_.dispatch(*scheduler_, static_cast<u32>(queue_index));
    REQUIRE(std::is_sorted(sent.begin(), sent.end()));
    for (const u64 sector : sent) {
      const auto at = missing_.find(sector);
      REQUIRE(at != missing_.end());
      missing_.erase(at);
    }
    return !sent.empty();
  }

  std::mt19937 random_;
  SchedulerFixture f_{{.hw_queues = 2}};
  std::unique_ptr<blk::Scheduler> scheduler_;
  std::multiset<u64> missing_;  // the sectors of the bios that are with the scheduler
};

TEST_CASE("A scheduler sends each of many random bios exactly once") {
  for (const std::string_view name : blk::scheduler_names().subspan(1)) {
    for (u32 seed = 1; seed <= 10; ++seed) {
      INFO(std::string(name) << ", seed " << seed);
      RandomRun(name, seed).execute();
    }
  }
}

}  // namespace
}  // namespace sluice::test
