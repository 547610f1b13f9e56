// Several harts at once, for the boot tests.
#include "harts_cases.hpp"

#include <array>
#include <atomic>

#include <sluice/boot/sbi.hpp>
#include <sluice/drivers/base/bus.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

extern "C" void _start();

using namespace sluice;

namespace {

using Function = void (*)();

// A job that calls a function without arguments.
struct Call {
  Function function = nullptr;
  Job job{[](void* context) { static_cast<Call*>(context)->function(); }, this};
};
std::array<Call, kMaxHarts> calls;

void begin_on(u32 index, Function function) {
  calls[index].function = function;
  run_on(hart(index), calls[index].job);
}

void on_each_other(Function function) {
  for (u32 i = 1; i < hart_count(); ++i) {
    begin_on(i, function);
  }
}

void wait_for_others() {
  for (u32 i = 1; i < hart_count(); ++i) {
    calls[i].job.wait();
  }
}

std::atomic<u32> failures{0};

// From every hart to every hart and back, asleep in between.
void post_to_all() {
  for (u32 round = 0; round < 100; ++round) {
    for (u32 to = 0; to < hart_count(); ++to) {
      Completion done;
      Work work([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
      post_to(hart(to), work);
      done.wait();
    }
  }
}

void wait_for_timers() {
  for (u32 i = 0; i < 20; ++i) {
    Completion done;
    Timer timer([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
    const u64 deadline = clock::now_ns() + 1'000'000;
    timer.arm(deadline);
    done.wait();
    if (clock::now_ns() < deadline) {
      failures.fetch_add(1);
    }
  }
}

void print_lines() {
  const u64 id = port::this_hart().id;
  for (u32 i = 0; i < 200; ++i) {
    print("hart {} prints line {} of two hundred\n", id, i);
    log::info("hart {} logs line {} of two hundred", id, i);
  }
}

void print_for_ever() {
  while (true) {
    print_lines();
  }
}

// The serial line's interrupt, which can be had without input: it has room to transmit.
struct LineInterrupt {
  static constexpr u64 kInterruptEnable = 1;  // the register, and the bit in it
  static constexpr u8 kRoomToTransmit = 2;

  void enable(bool on) const {
    *reinterpret_cast<volatile u8*>(line.mmio[0].base.value() + kInterruptEnable) =
        on ? kRoomToTransmit : 0;
  }
  static void handle(void* context) {
    auto& self = *static_cast<LineInterrupt*>(context);
    self.enable(false);
    self.seen_at = port::this_hart().index;
    self.done.complete();
  }

  dev::Device& line;
  u32 seen_at = ~u32{0};
  Completion done{};
};

std::atomic<u32> ready{0};  // harts that stand where they shall when another panics

[[noreturn]] void spin() {
  ready.fetch_add(1);
  while (true) {
    port::relax();
  }
}

[[noreturn]] void spin_deaf() {
  const IrqGuard irqs_off;
  spin();
}

void panic_when_ready() {
  while (ready.load() < hart_count() - 3) {  // all but hart 0, this one and the one that sleeps
    port::relax();
  }
  panic("on purpose");
}

void spin_in_interrupt() {
  Completion never;
  Timer timer([](void*) { spin(); }, nullptr);
  timer.arm(clock::now_ns());
  never.wait();
}

void panic_together() {
  ready.fetch_add(1);
  while (ready.load() < hart_count()) {
    port::relax();
  }
  panic("all at once");
}

}  // namespace

int every_hart_runs() {
  on_each_other(post_to_all);
  post_to_all();
  wait_for_others();
  print("{} harts\n", hart_count());
  return 0;
}

int every_hart_has_a_timer() {
  on_each_other(wait_for_timers);
  wait_for_timers();
  wait_for_others();
  return failures.load() == 0 ? 0 : 1;
}

int interrupt_on_every_hart() {
  dev::Bus* const bus = dev::find_bus("platform");
  dev::Device* const line = bus == nullptr ? nullptr : bus->find_device("10000000.serial");
  if (line == nullptr) {
    return 2;
  }
  const auto [controller, source, trigger] = line->irqs[0];
  LineInterrupt interrupt{*line};
  const auto held = irq::request(controller, source, &LineInterrupt::handle, &interrupt,
                                 "boot_test", hart(0), {trigger});
  for (u32 round = 0; held && round < 20; ++round) {
    const u32 target = round % hart_count();
    interrupt.done.reset();
    if (!irq::set_affinity(controller, source, hart(target))) {
      return 1;
    }
    interrupt.enable(true);
    interrupt.done.wait();
    if (interrupt.seen_at != target) {
      return 1;
    }
  }
  return held ? 0 : 1;
}

int all_harts_print() {
  on_each_other(print_lines);
  print_lines();
  wait_for_others();
  return 0;
}

int end_while_others_print() {
  on_each_other(print_for_ever);
  print_lines();
  return 0;
}

int panic_on_another_hart() {
  if (hart_count() != 6) {
    return 2;
  }
  begin_on(2, spin);
  begin_on(4, spin_deaf);
  begin_on(5, spin_in_interrupt);
  begin_on(1, panic_when_ready);
  wait_for_others();
  return 1;
}

int panic_on_all_harts() {
  on_each_other(panic_together);
  panic_together();
  return 1;
}

int hang_on_all_harts() {
  on_each_other([] { spin(); });
  spin();
}

int a_hart_strays_to_start() {
  constexpr u64 kStray = 8;  // of nine, the one that is left with the firmware, where 0 boots
  constexpr i64 kStopped = 1;
  constexpr u64 kGetStatus = 2;
  const u64 booted = hart(0).id;
  if (sbi::start_hart(kStray, reinterpret_cast<u64>(&_start), 0) != 0) {
    return 2;
  }
  const u64 last = clock::now_ns() + 1'000'000'000;
  while (sbi::call(sbi::kHsm, kGetStatus, kStray).value != kStopped) {
    if (clock::now_ns() > last) {
      return 1;
    }
  }
  return hart(0).id == booted && every_hart_runs() == 0 ? 0 : 1;
}
