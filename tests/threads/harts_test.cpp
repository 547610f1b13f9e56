// Harts that run at the same time: what they post, give, arm and lock, under ThreadSanitizer.
// A lost wake-up shows as a time-out.
#include "tests/catch.hpp"

#include "tests/port_threads/harts.hpp"

#include <array>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/entropy.hpp>
#include <sluice/kernel/heap.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

using namespace sluice;
using test::Harts;

namespace {

constexpr u32 kHarts = 4;

// Waits until every hart has done its work: each runs a job, after which nothing is posted any
// more.
void drain() {
  for (u32 round = 0; round < 2; ++round) {
    Harts::on_each([](u32) { run_pending_work(); });
  }
}

}  // namespace

TEST_CASE("work posted by all harts to all harts runs, and sees what came before the posting") {
  const Harts harts(kHarts);
  struct Letter {
    static void read(void* context) {
      auto& self = *static_cast<Letter*>(context);
      self.read_up_to.store(self.written.load(std::memory_order_relaxed),
                            std::memory_order_relaxed);
    }
    std::atomic<u32> written{0};
    std::atomic<u32> read_up_to{0};
    Work work{&Letter::read, this};
  };
  std::array<std::array<Letter, kHarts>, kHarts> letters;
  Harts::on_each([&](u32 from) {
    for (u32 number = 1; number <= 2000; ++number) {
      for (u32 to = 0; to < kHarts; ++to) {
        letters[from][to].written.store(number, std::memory_order_relaxed);
        post_to(hart(to), letters[from][to].work);
      }
      run_pending_work();
    }
  });
  drain();
  for (const auto& row : letters) {
    for (const Letter& letter : row) {
      CHECK(letter.read_up_to.load() == 2000);
    }
  }
}

TEST_CASE("one work that all harts post to different harts is posted to one at a time") {
  const Harts harts(kHarts);
  struct Shared {
    static void run(void* context) {
      auto& self = *static_cast<Shared*>(context);
      self.seen.store(self.asked.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    std::atomic<u32> asked{0};
    std::atomic<u32> seen{0};
    Work work{&Shared::run, this};
  } shared;
  Harts::on_each([&](u32 index) {
    for (u32 i = 0; i < 2000; ++i) {
      shared.asked.fetch_add(1, std::memory_order_relaxed);
      post_to(hart((index + i) % kHarts), shared.work);
      run_pending_work();
    }
  });
  // The last posting may run beside the one before it; one more, alone, sees all.
  drain();
  post_to(hart(1), shared.work);
  drain();
  CHECK(shared.seen.load() == 2000 * kHarts);
}

TEST_CASE("jobs and completions go to and fro without losing a wake-up") {
  const Harts harts(2);
  u32 counter = 0;  // not atomic: handed over
  for (u32 i = 0; i < 3000; ++i) {
    Job job([](void* context) { ++*static_cast<u32*>(context); }, &counter);
    run_on(hart(1), job);
    job.wait();
    REQUIRE(counter == i + 1);
  }
}

TEST_CASE("two harts that wait for each other's work in turn both get on") {
  const Harts harts(2);
  struct Table {
    std::array<Completion, 2> ball;
    u32 strokes = 0;
  } table;
  Harts::on_each([&](u32 index) {
    for (u32 i = 0; i < 3000; ++i) {
      if (i % 2 != index) {
        table.ball[index].wait();
        table.ball[index].reset();
      } else {
        ++table.strokes;
        table.ball[1 - index].complete();
      }
    }
  });
  CHECK(table.strokes == 3000);
}

TEST_CASE("a timer that is cancelled from another hart does not touch what has gone") {
  const Harts harts(kHarts);
  struct Guarded {
    static void ring(void* context) {
      auto& self = *static_cast<Guarded*>(context);
      ++self.rings;
      self.timer.arm(clock::now_ns() + 1'000);
    }
    u64 rings = 0;
    Timer timer{&Guarded::ring, this};
  };
  for (u32 i = 0; i < 200; ++i) {
    auto guarded = std::make_unique<Guarded>();
    Guarded* const raw = guarded.get();
    Harts::on_each([&](u32 index) {
      if (index == 1 + i % (kHarts - 1)) {
        raw->timer.arm(clock::now_ns() + 500);
        const u64 until = clock::now_ns() + 20'000;
        while (clock::now_ns() < until) {
          port::irq_restore(true);  // where this port delivers interrupts
        }
      }
    });
    raw->timer.cancel_and_wait();
    guarded.reset();
  }
}

TEST_CASE("timers ring on each hart while it waits") {
  const Harts harts(kHarts);
  Harts::on_each([](u32) {
    for (u32 i = 0; i < 50; ++i) {
      Completion done;
      Timer timer([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
      const u64 deadline = clock::now_ns() + 50'000;
      timer.arm(deadline);
      done.wait();
      if (clock::now_ns() < deadline) {
        panic("a timer rang early");
      }
    }
  });
}

TEST_CASE("work that is cancelled and waited for does not touch what has gone") {
  const Harts harts(2);
  struct Guarded {
    static void run(void* context) {
      auto& self = *static_cast<Guarded*>(context);
      ++self.runs;
      if (self.stop.load() == 0) {
        post(self.work);
      }
    }
    u64 runs = 0;
    std::atomic<u32> stop{0};
    Work work{&Guarded::run, this};
  };
  for (u32 i = 0; i < 500; ++i) {
    auto guarded = std::make_unique<Guarded>();
    post_to(hart(1), guarded->work);
    if (i % 2 == 0) {
      std::this_thread::yield();
    }
    guarded->stop.store(1);
    cancel_and_wait(guarded->work);
    guarded.reset();
  }
}

TEST_CASE("a lock keeps harts and their interrupts apart") {
  const Harts harts(kHarts);
  SpinLock lock;
  u64 counter = 0;
  std::atomic<u32> interrupts{0};
  Harts::on_each([&](u32 index) {
    for (u32 i = 0; i < 2000; ++i) {
      if (i % 20 == 0) {
        Harts::interrupt(hart((index + 1) % kHarts), [&] {
          const LockGuard guard(lock);
          ++counter;
          interrupts.fetch_add(1);
        });
      }
      const LockGuard guard(lock);
      ++counter;
    }
  });
  Harts::on_each([](u32) { port::irq_restore(true); });
  CHECK(interrupts.load() == kHarts * 100);
  CHECK(counter == kHarts * 2100);
}

namespace {

// Delivers at the hart where the source is enabled when it is raised; it may have moved by then.
class Controller final : public irq::Controller {
 public:
  Controller() : irq::Controller("threads", 9, actions_, &serve) {}
  ~Controller() override = default;
  bool reaches(const Hart&) const override { return true; }
  void enable(u32, Hart& hart) override { target_.store(&hart); }
  void disable(u32, Hart&) override { target_.store(nullptr); }
  bool raise() {
    Hart* const target = target_.load();
    if (target != nullptr) {
      Harts::interrupt(*target, [this] { (void)dispatch(1); });
    }
    return target != nullptr;
  }

 private:
  static void serve(irq::Controller*) {}
  std::array<irq::Action, 2> actions_;
  std::atomic<Hart*> target_{nullptr};
};

}  // namespace

TEST_CASE("a source moves between harts and is given back while it interrupts") {
  const Harts harts(kHarts);
  Controller controller;
  irq::add_controller(controller);
  for (u32 round = 0; round < 100; ++round) {
    auto handled = std::make_unique<u64>(0);  // not atomic: one call at a time
    auto held = irq::request(
        9, 1, [](void* context) { ++*static_cast<u64*>(context); }, handled.get(), "test");
    REQUIRE(held);
    std::thread device([&] {
      while (controller.raise()) {
        std::this_thread::yield();
      }
    });
    for (u32 i = 0; i < 40; ++i) {
      CHECK(irq::set_affinity(9, 1, hart(i % kHarts)));
      Harts::on_each([](u32) { port::irq_restore(true); });
    }
    held = irq::Registration();
    handled.reset();
    device.join();
  }
  Harts::on_each([](u32) { port::irq_restore(true); });
  irq::remove_controller(controller);
}

TEST_CASE("lines and records of several harts come out whole") {
  struct Line final : console::Device {
    void write(std::string_view bytes) override { sent += bytes; }
    int read() override { return -1; }
    void enable_input() override {}
    std::string sent;  // not locked: console's business
  } line;
  const Harts harts(kHarts);
  console::set_device(&line);
  console::use_records(true);
  log::set_show([](const log::Line& shown) {
    console::write_log(std::string("[") + std::string(shown.text) + "]");
  });
  Harts::on_each([](u32 index) {
    const std::string text(100, static_cast<char>('a' + index));
    for (u32 i = 0; i < 200; ++i) {
      console::write(console::Stream::Output, text);
      log::info("{}", std::string_view(text).substr(0, 50));
      log::for_each([](const log::Line&, void*) {}, nullptr);
    }
  });
  log::set_show(nullptr);
  console::use_records(false);
  console::set_device(nullptr);
  usize at = line.sent.find('\x01');  // what the ring held before comes first
  u32 records = 0, lines = 0;
  while (at != std::string::npos && at < line.sent.size()) {
    const bool record = line.sent[at] == '\x01';
    const std::string head = record ? "\x01o0064\x02" : "[";
    const usize bytes = record ? 100 : 50;
    REQUIRE(line.sent.substr(at, head.size()) == head);
    const std::string body = line.sent.substr(at + head.size(), bytes);
    REQUIRE(body == std::string(bytes, body[0]));
    at += head.size() + bytes + (record ? 0 : 1);
    ++(record ? records : lines);
  }
  CHECK(records == kHarts * 200);
  CHECK(lines >= kHarts * 200 - 1);  // one may have come before the first record
}

TEST_CASE("harts take memory from one heap and give each other's back") {
  const Harts harts(kHarts);
  constexpr usize kPages = 256;
  std::byte* const memory = port::allocate_pages(kPages);
  std::array<u8, kPages> orders{};
  PageAllocator pages;
  pages.init(memory, orders);
  pages.free(memory, kPages);
  Heap heap(pages);
  std::array<std::atomic<u32*>, 64> shelf{};
  Harts::on_each([&](u32 index) {
    u32 random = index + 1;
    for (u32 i = 0; i < 3000; ++i) {
      random = random * 1664525 + 1013904223;
      auto* fresh = static_cast<u32*>(heap.allocate(8 + (random >> 20)));
      if (fresh != nullptr) {
        *fresh = random;
      }
      heap.free(shelf[random % shelf.size()].exchange(fresh));
    }
  });
  for (auto& place : shelf) {
    heap.free(place.load());
  }
  CHECK(heap.allocated_bytes() == 0);
  port::free_pages(memory, kPages);
}

TEST_CASE("all harts draw from one pool of entropy, and no seed is drawn twice") {
  const Harts harts(kHarts);
  constexpr u32 kDraws = 500;
  std::array<std::vector<u64>, kHarts> seeds;
  const u64 before = entropy::bytes_added();
  Harts::on_each([&](u32 index) {
    for (u32 i = 0; i < kDraws; ++i) {
      seeds[index].push_back(entropy::seed64());
      entropy::add(std::as_bytes(std::span(&i, 1)));
    }
  });
  std::set<u64> all;
  for (const std::vector<u64>& own : seeds) {
    all.insert(own.begin(), own.end());
  }
  CHECK(all.size() == kHarts * kDraws);
  CHECK(entropy::bytes_added() - before == kHarts * kDraws * sizeof(u32));
}
