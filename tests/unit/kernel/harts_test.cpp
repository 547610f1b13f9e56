// Work, jobs, completions, timers and interrupts between harts, one hart at a time.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"

#include <string>
#include <vector>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

using namespace sluice;

namespace {

// Work, a job or a timer that notes where and as what it ran.
struct Noted {
  explicit Noted(std::string& to) : journal(to) {}
  static void run(void* context) {
    auto& self = *static_cast<Noted*>(context);
    const Hart& at = port::this_hart();
    self.journal += "TWI"[static_cast<int>(at.context)];
    self.journal += std::to_string(at.index);
    if (self.then) {
      self.then();
    }
  }
  std::string& journal;
  std::function<void()> then;
  Work work{&Noted::run, this};
  Job job{&Noted::run, this};
  Timer timer{&Noted::run, this};
};

}  // namespace

TEST_CASE("harts: they have an index each, and the first is the one that booted") {
  test::World world(4);
  REQUIRE(hart_count() == 4);
  CHECK(&hart(0) == &world.hart);
  for (u32 i = 0; i < 4; ++i) {
    CHECK(hart(i).index == i);
    world.run_as(i, [i] { CHECK(&port::this_hart() == &hart(i)); });
  }
  CHECK(&port::this_hart() == &world.hart);
}

TEST_CASE("harts: work posted to a hart runs there, in order, once") {
  test::World world(3);
  std::string journal;
  Noted a(journal), b(journal);
  post_to(hart(2), a.work);
  post_to(hart(2), b.work);
  post_to(hart(2), a.work);
  CHECK_FALSE(run_pending_work());
  world.settle();
  CHECK(journal == "W2W2");
  post_to(hart(1), a.work);
  world.settle();
  CHECK(journal == "W2W2W1");
}

TEST_CASE("harts: work that is posted to one hart is not posted to another as well") {
  test::World world(3);
  std::string journal;
  Noted a(journal);
  post_to(hart(1), a.work);
  post_to(hart(2), a.work);
  post(a.work);
  world.settle();
  CHECK(journal == "W1");
  post_to(hart(1), a.work);
  post_to(hart(2), a.work);
  CHECK(cancel(a.work));  // it knows where
  world.settle();
  CHECK(journal == "W1");
  a.then = [&] { post_to(hart(2), a.work), a.then = {}; };
  post_to(hart(1), a.work);
  world.settle();
  CHECK(journal == "W1W1W2");
}

TEST_CASE("harts: work is taken back from whichever hart it was posted to") {
  test::World world(3);
  std::string journal;
  Noted a(journal);
  CHECK_FALSE(cancel(a.work));
  post_to(hart(1), a.work);
  CHECK(cancel(a.work));
  CHECK_FALSE(cancel(a.work));
  post_to(hart(2), a.work);
  cancel_and_wait(a.work);
  world.settle();
  CHECK(journal == "");
  a.then = [&] { cancel_and_wait(a.work); };  // itself: nothing to wait for
  post_to(hart(1), a.work);
  world.settle();
  CHECK(journal == "W1");
}

TEST_CASE("harts: waiting for work that another hart cannot end is found out by the world") {
  test::World world(2);
  std::string journal;
  Noted a(journal);
  a.then = [&] { world.run_as(0, [&] { CHECK_THROWS_AS(cancel_and_wait(a.work), test::Panic); }); };
  post_to(hart(1), a.work);
  world.settle();
  CHECK(journal == "W1");
}

TEST_CASE("harts: only a hart that sleeps is woken") {
  test::World world(2);
  std::string journal;
  Noted a(journal), b(journal);
  post_to(hart(1), a.work);
  wake(hart(1));
  CHECK(world.wake_ups == 0);
  bool go = false;
  Completion never;
  // Hart 1 sleeps beneath while hart 0 posts to it twice: one interrupt is enough.
  Job waits([](void* flag) { wait_until([flag] { return *static_cast<bool*>(flag); }); }, &go);
  world.steps.push_back([&] {
    if (world.wake_ups == 0) {
      CHECK(hart(1).asleep.load() == 1);
      world.run_as(0, [&] {
        post_to(hart(1), a.work);
        post_to(hart(1), b.work);
      });
      CHECK(world.wake_ups == 1);
      CHECK(hart(1).asleep.load() == 0);
    }
    return !std::exchange(go, true);
  });
  run_on(hart(1), waits);
  waits.wait();
  CHECK(journal == "W1W1W1");
}

TEST_CASE("harts: a job runs as a task of its hart, after those before it") {
  test::World world(3);
  std::string journal;
  Noted a(journal), b(journal), c(journal);
  run_on(hart(1), a.job);
  run_on(hart(2), b.job);
  run_on(hart(1), c.job);
  CHECK_FALSE(a.job.done());
  c.job.wait();
  CHECK(a.job.done());
  b.job.wait();
  CHECK(journal.size() == 6);
  CHECK(journal.find("T2") != std::string::npos);
  run_on(hart(1), a.job);  // again
  a.job.wait();
  CHECK(journal.ends_with("T1"));
}

TEST_CASE(
    "harts: a job for this hart runs at once, and none can be given to the hart that booted") {
  test::World world(2);
  std::string journal;
  Noted a(journal), b(journal);
  run_on(hart(0), a.job);
  CHECK(a.job.done());
  CHECK(journal == "T0");
  world.run_as(1, [&] { CHECK_THROWS_AS(run_on(hart(0), b.job), test::Panic); });
}

TEST_CASE("harts: a job may wait for work of the hart that gave it, which waits for the job") {
  test::World world(3);
  std::string journal;
  Noted job(journal), reply(journal);
  Completion replied;
  reply.then = [&] { replied.complete(); };
  job.then = [&] {
    post_to(hart(0), reply.work);
    replied.wait();
  };
  run_on(hart(2), job.job);
  job.job.wait();
  CHECK(journal == "T2W0");
}

TEST_CASE("harts: a completion by another hart ends the wait, and wakes the hart that waits") {
  test::World world(2);
  std::string journal;
  Completion done;
  Noted a(journal);
  a.then = [&] {
    CHECK(hart(0).asleep.load() == 1);
    done.complete();
  };
  post_to(hart(1), a.work);
  done.wait();
  CHECK(world.wake_ups == 1);
  CHECK(journal == "W1");
}

TEST_CASE("harts: a timer rings on the hart that armed it") {
  test::World world(3);
  std::string journal;
  Noted a(journal), b(journal), c(journal);
  const u64 start = clock::now_ns();
  a.timer.arm(start + 300);
  world.run_as(1, [&] { b.timer.arm(start + 100); });
  world.run_as(2, [&] { c.timer.arm(start + 200); });
  world.advance_ns(100);
  CHECK(journal == "I1");
  world.advance_ns(100);
  CHECK(journal == "I1I2");
  world.advance_ns(100);
  CHECK(journal == "I1I2I0");
}

TEST_CASE(
    "harts: a timer is cancelled from another hart, and moves to the hart that arms it again") {
  test::World world(3);
  std::string journal;
  Noted a(journal);
  const u64 start = clock::now_ns();
  world.run_as(1, [&] { a.timer.arm(start + 100); });
  CHECK(a.timer.armed());
  a.timer.cancel();
  CHECK_FALSE(a.timer.armed());
  world.advance_ns(200);
  CHECK(journal == "");
  world.run_as(1, [&] { a.timer.arm(start + 300); });
  world.run_as(2, [&] { a.timer.arm(start + 400); });
  world.advance_ns(100);
  CHECK(journal == "");
  world.advance_ns(100);
  CHECK(journal == "I2");
  world.run_as(1, [&] { a.timer.arm(start + 500); });
  a.timer.cancel_and_wait();
  world.advance_ns(100);
  CHECK(journal == "I2");
}

TEST_CASE("harts: a wait lets time pass for the timers of every hart") {
  test::World world(2);
  Completion done;
  Timer timer([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
  world.run_as(1, [&] { timer.arm(clock::now_ns() + 5'000); });
  done.wait();
  CHECK(done.done());
}

TEST_CASE("harts: a source interrupts the hart of its affinity alone") {
  test::World world(3);
  std::string journal;
  Noted a(journal);
  auto held = irq::request(1, 5, &Noted::run, &a, "test");
  REQUIRE(held);
  CHECK(world.controller.enabled_at(5) == &hart(0));
  REQUIRE(irq::set_affinity(1, 5, hart(2)));
  CHECK(world.controller.enabled_at(5) == &hart(2));
  world.controller.raise(5);
  world.deliver();
  CHECK(journal == "I2");
  a.then = [&] { held = irq::Registration(); };  // gives itself back on the other hart
  world.controller.raise(5);
  world.deliver();
  CHECK(journal == "I2I2");
  CHECK_FALSE(world.controller.enabled(5));
}

TEST_CASE("harts: an affinity that cannot be says why") {
  test::World world(3);
  test::LogLines lines;
  world.controller.reached = 0b011;
  std::string journal;
  Noted a(journal);
  CHECK(irq::set_affinity(1, 5, hart(1)).error() == Errc::NotFound);
  CHECK(irq::set_affinity(1, 64, hart(1)).error() == Errc::NotFound);
  CHECK(irq::set_affinity(2, 5, hart(1)).error() == Errc::NotFound);
  const auto held = irq::request(1, 5, &Noted::run, &a, "disk", hart(1));
  REQUIRE(held);
  CHECK(irq::set_affinity(1, 5, hart(2)).error() == Errc::NotSupported);
  CHECK(lines.has("disk: interrupt source 5 of fake-irqchip cannot interrupt hart 2"));
  CHECK(irq::request(1, 6, &Noted::run, &a, "net", hart(2)).error() == Errc::NotSupported);
  CHECK(world.controller.enabled_at(5) == &hart(1));
}

TEST_CASE("harts: a lock that a hart cannot get because the holder cannot go on is found out") {
  test::World world(2);
  SpinLock lock;
  const LockGuard guard(lock);
  CHECK_FALSE(lock.try_lock());
  world.run_as(1, [&] { CHECK_THROWS_AS(lock.lock(), test::Panic); });
}
