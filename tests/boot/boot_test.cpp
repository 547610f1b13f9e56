// A program that does one thing to the machine, named by its first word, so that a test can see
// what comes of it. Used by the boot tests (tests/qemu). Status 0: it went well; 1: it did not; a
// panic ends with 101 by itself.
#include "harts_cases.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <memory>
#include <new>
#include <string_view>

#include <sluice/boot/paging.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/entropy.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/page_walk.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

using namespace sluice;

namespace {

int wait_for_timer() {
  Completion done;
  Timer timer([](void* context) { static_cast<Completion*>(context)->complete(); }, &done);
  const u64 deadline = clock::now_ns() + 20'000'000;
  timer.arm(deadline);
  done.wait();
  return clock::now_ns() >= deadline ? 0 : 1;
}

// Fills the registers that a function call may change, and spins until an interrupt was handled.
int registers_survive_interrupt() {
  std::atomic<u32> fired{0};
  Timer timer([](void* context) { static_cast<std::atomic<u32>*>(context)->store(1); }, &fired);
  timer.arm(clock::now_ns() + 2'000'000);
  u64 sum = 0;
  asm volatile(
      "li t1, 1; li t2, 2; li t3, 3; li t4, 4; li t5, 5; li t6, 6; li a1, 7; li a2, 8; li a3, 9; "
      "li a4, 10;"
      "li a5, 11; li a6, 12; li a7, 13; li s2, 14; li s3, 15; li s4, 16; li s5, 17; li s6, 18; li "
      "s7, 19;"
      "li s8, 20; li s9, 21; li s10, 22; li s11, 23;"
      "1: lw t0, 0(%1); beqz t0, 1b;"
      // Weighted, so that an exchange of two shows as well.
      "slli t1, t1, 1; slli t3, t3, 2; slli t5, t5, 3; slli a1, a1, 4; slli a3, a3, 5; slli a5, "
      "a5, 6;"
      "slli a7, a7, 7; slli s3, s3, 8; slli s5, s5, 9; slli s7, s7, 10; slli s9, s9, 11; slli s11, "
      "s11, 12;"
      "add t1, t1, t2; add t1, t1, t3; add t1, t1, t4; add t1, t1, t5; add t1, t1, t6; add t1, t1, "
      "a1;"
      "add t1, t1, a2; add t1, t1, a3; add t1, t1, a4; add t1, t1, a5; add t1, t1, a6; add t1, t1, "
      "a7;"
      "add t1, t1, s2; add t1, t1, s3; add t1, t1, s4; add t1, t1, s5; add t1, t1, s6; add t1, t1, "
      "s7;"
      "add t1, t1, s8; add t1, t1, s9; add t1, t1, s10; add t1, t1, s11;"
      "mv %0, t1"
      : "=&r"(sum)
      : "r"(&fired)
      : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
        "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory");
  const u64 even = 2 + 4 + 6 + 8 + 10 + 12 + 14 + 16 + 18 + 20 + 22;
  const u64 odd = (1 << 1) + (3 << 2) + (5 << 3) + (7 << 4) + (9 << 5) + (11 << 6) + (13 << 7) +
                  (15 << 8) + (17 << 9) + (19 << 10) + (21 << 11) + (23 << 12);
  return sum == even + odd ? 0 : 1;
}

// Takes all memory, gives it back, and takes as much again.
int exhaust_heap() {
  struct Block {
    Block* next;
    std::array<std::byte, 64 * 1024 - 64> bytes;
  };
  std::array<u32, 2> counts{};
  for (u32& count : counts) {
    Block* first = nullptr;
    while (Block* block = new (std::nothrow) Block{first, {}}) {
      first = block;
      ++count;
    }
    while (first != nullptr) {
      delete std::exchange(first, first->next);
    }
  }
  print("{} blocks, then {}\n", counts[0], counts[1]);
  const bool too_much = new (std::nothrow) std::byte[usize{1} << 40] != nullptr;
  return counts[0] > 16 && counts[0] == counts[1] && !too_much ? 0 : 1;
}

// Of the firmware's seed start-up has left nothing but its place.
int seed_is_wiped() {
  for (const dev::Device& device : dev::find_bus(dev::PlatformDriver::kBusName)->devices()) {
    if (device.node) {
      const auto seed = device.node.tree()->find("/chosen").property("rng-seed");
      return seed && entropy::bytes_added() == seed->value.size() &&
                     std::ranges::count(seed->value, std::byte{0}) == std::ssize(seed->value)
                 ? 0
                 : 1;
    }
  }
  return 1;
}

int count_entropy() {
  print("{} bytes\n", entropy::bytes_added());
  return 0;
}

int interrupted_record() {
  console::write(console::Stream::Output, "before\n");
  panic("on purpose");
}

// Where the second hart's stack is, or free memory where there is but one.
int call_into_second_stack() {
  reinterpret_cast<void (*)()>(boot::stack_of(1).bottom)();
  return 1;
}

int panic_while_a_line_is_shown() {
  log::set_show([](const log::Line&) { panic("while a line is shown"); });
  return 1;
}

// Spoils the entry of a page, and has the tables checked as start-up does.
int check_with(u64 address, u64 bits) {
  const PageWalk walk = port::walk_page_tables(address);
  const PageWalk::Step& last = walk.steps[walk.count - 1];
  reinterpret_cast<u64*>(last.table)[last.index] |= bits;
  boot::page_tables()->check_protection();
  return 1;
}

int code_is_made_writable() {
  return check_with(reinterpret_cast<u64>(&wait_for_timer), page_bits::kWrite);
}

int data_is_made_executable() {
  static u32 data = 0;
  return check_with(reinterpret_cast<u64>(&data), page_bits::kExecute);
}

// Memory beyond the image, which large pages map.
int heap_is_made_executable() {
  const auto page = std::unique_ptr<std::byte[]>(new std::byte[kPageBytes]);
  return check_with(reinterpret_cast<u64>(page.get()), page_bits::kExecute);
}

int null_page_is_mapped() {
  return check_with(0, page_bits::kValid | page_bits::kRead);
}

struct Case {
  std::string_view name;
  int (*run)();
};
constexpr Case kCases[] = {
    {"timer", wait_for_timer},
    {"registers", registers_survive_interrupt},
    {"heap", exhaust_heap},
    {"seed", seed_is_wiped},
    {"entropy", count_entropy},
    {"record", interrupted_record},
    {"call-second-stack", call_into_second_stack},
    {"log-panic", panic_while_a_line_is_shown},
    {"writable-code", code_is_made_writable},
    {"executable-data", data_is_made_executable},
    {"executable-heap", heap_is_made_executable},
    {"mapped-null", null_page_is_mapped},
    {"harts", every_hart_runs},
    {"harts-timers", every_hart_has_a_timer},
    {"harts-interrupt", interrupt_on_every_hart},
    {"harts-print", all_harts_print},
    {"harts-exit", end_while_others_print},
    {"harts-panic", panic_on_another_hart},
    {"harts-panics", panic_on_all_harts},
    {"harts-hang", hang_on_all_harts},
    {"harts-stray", a_hart_strays_to_start},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Case& test : kCases) {
    if (argc == 2 && test.name == argv[1]) {
      return test.run();
    }
  }
  print_error("boot_test: which case?\n");
  return 2;
}
