// Harts as threads: their interrupts, their sleep and their clock.
#include <sluice_port.hpp>

#include "harts.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice {
namespace {

constexpr u64 kNever = ~u64{0};

struct Machine {
  Hart hart;
  // Of the hart's own thread.
  bool irqs_on = true;
  bool stopped = false;
  u64 timer_ticks = kNever;

  std::mutex mutex;  // protects the next two
  bool woken = false;
  std::vector<std::function<void()>> pending;  // interrupts
  std::atomic<u32> has_pending{0};
  std::condition_variable changed;
  std::thread thread;
};

std::array<std::unique_ptr<Machine>, kMaxHarts> machines;
std::atomic<u32> machine_count{0};

Machine& mine() {
  return *machines[port::this_hart().index];
}

// What is due, in irq context, while interrupts are on.
void deliver(Machine& self) {
  while (self.irqs_on) {
    std::vector<std::function<void()>> now;
    if (self.has_pending.load(std::memory_order_relaxed) != 0) {
      const std::lock_guard guard(self.mutex);
      now.swap(self.pending);
      self.has_pending.store(0, std::memory_order_relaxed);
    }
    const bool rings = self.timer_ticks <= port::ticks();
    if (now.empty() && !rings) {
      return;
    }
    self.irqs_on = false;
    {
      const IrqContext irq;
      for (const auto& function : now) {
        function();
      }
      if (rings) {
        run_expired_timers();
      }
    }
    self.irqs_on = true;
  }
}

}  // namespace

namespace test {

Harts::Harts(u32 count) {
  clock::set_frequency(1'000'000'000);
  for (u32 i = 0; i < count; ++i) {
    machines[i] = std::make_unique<Machine>();
    machines[i]->hart.id = machines[i]->hart.index = i;
  }
  machine_count.store(count);
  port::hart_of_thread = &machines[0]->hart;
  for (u32 i = 1; i < count; ++i) {
    Machine& machine = *machines[i];
    machine.thread = std::thread([&machine] {
      port::hart_of_thread = &machine.hart;
      while (!machine.stopped) {
        run_next_job();
      }
    });
  }
}

Harts::~Harts() {
  for (u32 i = 1; i < hart_count(); ++i) {
    Job stop([](void*) { mine().stopped = true; }, nullptr);
    run_on(hart(i), stop);
    stop.wait();
    machines[i]->thread.join();
  }
  port::hart_of_thread = nullptr;
  machine_count.store(0);
  for (auto& machine : machines) {
    machine.reset();
  }
}

void Harts::interrupt(Hart& hart, std::function<void()> function) {
  Machine& machine = *machines[hart.index];
  {
    const std::lock_guard guard(machine.mutex);
    machine.pending.push_back(std::move(function));
    machine.has_pending.store(1, std::memory_order_relaxed);
  }
  machine.changed.notify_one();
}

void Harts::on_each(const std::function<void(u32)>& function) {
  const auto call = [](void* context) {
    (*static_cast<const std::function<void(u32)>*>(context))(port::this_hart().index);
  };
  std::vector<std::unique_ptr<Job>> jobs;
  for (u32 i = 1; i < hart_count(); ++i) {
    jobs.push_back(std::make_unique<Job>(call, const_cast<std::function<void(u32)>*>(&function)));
    run_on(hart(i), *jobs.back());
  }
  function(0);
  for (const auto& job : jobs) {
    job->wait();
  }
}

}  // namespace test

u32 hart_count() {
  return machine_count.load();
}
Hart& hart(u32 index) {
  return machines[index]->hart;
}

namespace port {

bool irq_save() {
  return std::exchange(mine().irqs_on, false);
}

void irq_restore(bool were_on) {
  Machine& self = mine();
  self.irqs_on = were_on;
  if (were_on && self.hart.context != Context::Irq) {
    deliver(self);
  }
}

u64 ticks() {
  static const auto start = std::chrono::steady_clock::now();
  const auto passed = std::chrono::steady_clock::now() - start;
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
}

void set_timer(u64 ticks) {
  mine().timer_ticks = ticks;
}

void wake(Hart& hart) {
  Machine& machine = *machines[hart.index];
  {
    const std::lock_guard guard(machine.mutex);
    machine.woken = true;
  }
  machine.changed.notify_one();
}

void idle() {
  Machine& self = mine();
  std::unique_lock lock(self.mutex);
  const auto has_reason = [&self] { return self.woken || !self.pending.empty(); };
  while (!has_reason() && self.timer_ticks > ticks()) {
    if (self.timer_ticks == kNever) {
      self.changed.wait(lock);
    } else {
      self.changed.wait_for(lock, std::chrono::nanoseconds(self.timer_ticks - ticks()));
    }
  }
  self.woken = false;
}

Result<MmioRegion*> map_device(PhysAddr, u64) {
  return fail(Errc::NotFound);
}
void unmap_device(MmioRegion*) {}

PageWalk walk_page_tables(u64) {
  return {};
}

std::byte* allocate_pages(usize count) {
  return static_cast<std::byte*>(std::aligned_alloc(4096, count * 4096));
}
void free_pages(std::byte* pages, usize) {
  std::free(pages);
}

Result<DmaBlock> dma_allocate(usize bytes, usize alignment, u64) {
  const usize rounded = align_up(bytes, alignment);
  auto* data = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
  return DmaBlock{data, BusAddr(reinterpret_cast<u64>(data)), rounded};
}
void dma_free(const DmaBlock& block) {
  std::free(block.data);
}
bool dma_map(std::byte* data, u32, DmaDirection, u64, BusAddr& bus, Errc&) {
  bus = BusAddr(reinterpret_cast<u64>(data));
  return true;
}
void dma_unmap(BusAddr, std::byte*, u32, DmaDirection) {}

void exit(u32 status) {
  std::exit(static_cast<int>(status));
}

void reboot() {
  std::exit(0);
}

void panic(std::string_view message) {
  std::fprintf(stderr, "panic: hart %u: %.*s\n", this_hart().index,
               static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace port
}  // namespace sluice
