// Work, completions, timers and the clock, on the host's one hart.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"

#include <string>
#include <vector>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

using namespace sluice;

namespace {

struct Noted {
  Noted(std::string& to, char letter) : journal(to), name(letter) {}
  static void run(void* context) {
    auto& self = *static_cast<Noted*>(context);
    self.journal += self.name;
    if (self.again != nullptr) {
      post(*std::exchange(self.again, nullptr));
    }
  }
  std::string& journal;
  char name;
  Work* again = nullptr;
  Work work{&Noted::run, this};
};

struct Alarm {
  Alarm(std::string& to, char letter) : journal(to), name(letter) {}
  static void ring(void* context) {
    auto& self = *static_cast<Alarm*>(context);
    CHECK(port::this_hart().context == Context::Irq);
    self.journal += self.name;
    self.rang_at = clock::now_ns();
    if (self.period_ns != 0) {
      self.timer.arm(clock::now_ns() + self.period_ns);
    }
  }
  std::string& journal;
  char name;
  u64 rang_at = 0;
  u64 period_ns = 0;
  Timer timer{&Alarm::ring, this};
};

}  // namespace

TEST_CASE("work: what is posted runs once, in order") {
  test::World world;
  std::string journal;
  Noted a(journal, 'a'), b(journal, 'b');
  post(a.work);
  post(b.work);
  post(a.work);  // posted already
  CHECK(journal == "");
  CHECK(run_pending_work());
  CHECK(journal == "ab");
  CHECK_FALSE(run_pending_work());
  post(a.work);
  CHECK(run_pending_work());
  CHECK(journal == "aba");
}

TEST_CASE("work: what work posts, itself included, runs in the same go, once") {
  test::World world;
  std::string journal;
  Noted a(journal, 'a'), b(journal, 'b');
  a.again = &a.work;
  b.again = &a.work;
  post(a.work);
  post(b.work);
  CHECK(run_pending_work());
  CHECK(journal == "aba");
}

TEST_CASE("work: runs in the work context, and waiting there is a checked crash") {
  test::World world;
  static Completion never;
  Work waits([](void*) { never.wait(); }, nullptr);
  post(waits);
  CHECK_THROWS_AS(run_pending_work(), test::Panic);
  CHECK(world.hart.context == Context::Work);  // where the crash found it
  world.hart.context = Context::Irq;
  CHECK_THROWS_AS(run_pending_work(), test::Panic);
  CHECK_THROWS_AS(never.wait(), test::Panic);
  world.hart.context = Context::Task;
}

// Else who takes a byte in it would lose one that comes at that moment.
TEST_CASE("completion: a condition that was found to hold is not asked again") {
  test::World world;
  world.steps.emplace_back([] { return true; });       // something happens while it sleeps
  const unsigned holds_at = GENERATE(1u, 2u, 3u, 4u);  // in turn with interrupts on and off
  unsigned asked = 0;
  wait_until([&] { return ++asked == holds_at; });
  CHECK(asked == holds_at);
}

TEST_CASE("completion: waiting runs work and devices until it is complete") {
  test::World world;
  Completion done;
  Work completes([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
  int steps = 0;
  world.steps.push_back([&] {
    if (++steps == 3) {
      post(completes);
    }
    return true;
  });
  CHECK_FALSE(done.done());
  done.wait();
  CHECK(done.done());
  CHECK(steps == 3);
  done.wait();  // at once
  done.reset();
  CHECK_FALSE(done.done());
}

TEST_CASE("completion: an interrupt completes it while the task sleeps") {
  test::World world;
  Completion done;
  auto handler = [](void* context) { static_cast<Completion*>(context)->complete(); };
  auto held = irq::request(1, 4, handler, &done, "test");
  REQUIRE(held);
  bool raised = false;
  world.steps.push_back([&] {
    world.controller.raise(4);
    return !std::exchange(raised, true);
  });
  done.wait();
  CHECK(done.done());
  CHECK(world.irqs_on);
}

TEST_CASE("completion: waiting for what never comes is found out by the world") {
  test::World world;
  Completion done;
  CHECK_THROWS_AS(done.wait(), test::Panic);
}

TEST_CASE("timer: timers ring in the order of their deadlines, each once, none early") {
  test::World world;
  std::string journal;
  Alarm a(journal, 'a'), b(journal, 'b'), c(journal, 'c');
  const u64 start = clock::now_ns();
  b.timer.arm(start + 200);
  a.timer.arm(start + 100);
  c.timer.arm(start + 200);
  CHECK(world.timer_ticks == clock::ns_to_ticks(start + 100));
  world.advance_ns(99);
  CHECK(journal == "");
  world.advance_ns(1);
  CHECK(journal == "a");
  CHECK_FALSE(a.timer.armed());
  CHECK(b.timer.armed());
  world.advance_ns(1000);
  CHECK(journal == "abc");
  CHECK(world.timer_ticks == ~u64{0});
}

TEST_CASE("timer: arming again moves the deadline, cancelling forgets it") {
  test::World world;
  std::string journal;
  Alarm a(journal, 'a'), b(journal, 'b');
  const u64 start = clock::now_ns();
  a.timer.arm(start + 100);
  a.timer.arm(start + 300);
  b.timer.arm(start + 200);
  b.timer.cancel();
  b.timer.cancel();
  world.advance_ns(250);
  CHECK(journal == "");
  world.advance_ns(50);
  CHECK(journal == "a");
}

TEST_CASE("timer: one that arms itself again rings at each period") {
  test::World world;
  std::string journal;
  Alarm a(journal, 'a');
  a.period_ns = 100;
  a.timer.arm(clock::now_ns() + 100);
  for (int i = 0; i < 5; ++i) {
    world.advance_ns(100);
  }
  CHECK(journal == "aaaaa");
  a.timer.cancel();
}

TEST_CASE("timer: waiting lets the time pass up to the deadline") {
  test::World world;
  Completion done;
  Timer timer([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
  const u64 deadline = clock::now_ns() + 5'000'000;
  timer.arm(deadline);
  done.wait();
  CHECK(clock::now_ns() == deadline);
}

TEST_CASE("timer: a deadline rings at its tick at any frequency of the clock") {
  for (const u64 frequency :
       {u64{3}, u64{32'768}, u64{10'000'000}, u64{24'000'000}, u64{1'000'000'007}}) {
    INFO(frequency);
    test::World world;
    clock::set_frequency(frequency);
    std::string journal;
    Alarm a(journal, 'a');
    for (const u64 deadline :
         {u64{1}, u64{999'999'999}, u64{1'000'000'000}, u64{123'456'789'123'457}}) {
      a.timer.arm(deadline);
      CHECK(clock::ticks_to_ns(world.timer_ticks) >= deadline);
      a.timer.cancel();
    }
  }
}

TEST_CASE("clock: ticks and nanoseconds convert without overflow over centuries") {
  test::World world;
  clock::set_frequency(10'000'000);
  CHECK(clock::ticks_to_ns(1) == 100);
  CHECK(clock::ns_to_ticks(100) == 1);
  CHECK(clock::ns_to_ticks(101) == 2);
  CHECK(clock::ns_to_ticks(0) == 0);
  const u64 century_s = u64{100} * 365 * 24 * 3600;
  CHECK(clock::ticks_to_ns(century_s * 10'000'000) == century_s * 1'000'000'000);
  CHECK(clock::ns_to_ticks(century_s * 1'000'000'000) == century_s * 10'000'000);
  clock::set_frequency(24'000'000);
  CHECK(clock::ticks_to_ns(24'000'000) == 1'000'000'000);
  CHECK_THROWS_AS(clock::set_frequency(0), test::Panic);
}
