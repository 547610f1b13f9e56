// Starting harts through the firmware. Reference: RISC-V SBI 2.0, chapters 7 (IPI) and 9 (hart
// state management).
#include <sluice/boot/harts.hpp>

#include <algorithm>
#include <array>
#include <atomic>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/firmware.hpp>
#include <sluice/boot/sbi.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/boot/trap.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/isa.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/mmio.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/work.hpp>
#include <sluice_port.hpp>

namespace sluice::boot {

// What a hart that the firmware has started finds. entry.S reads the first three.
struct Start {
  Hart* hart = nullptr;
  u64 stack_top = 0;
  u64 satp = 0;
  u64 trap_stack_top = 0;
  std::atomic<u32> state{0};
};
static_assert(offsetof(Start, hart) == 0 && offsetof(Start, stack_top) == 8 &&
              offsetof(Start, satp) == 16);

}  // namespace sluice::boot

extern "C" {
constinit sluice::Hart boot_hart;
void start_hart();  // entry.S
[[noreturn]] void hart_started(sluice::boot::Start& start);
}

namespace sluice {
namespace boot {
namespace {

constexpr u64 kComeUpNs = 1'000'000'000;

// Start::state: whoever moves it from kStarting decides whether the hart takes part.
constexpr u32 kStarting = 0, kUp = 1, kGivenUp = 2;

constinit std::array<Hart, kMaxHarts - 1> others;  // by slot, less one
constinit std::array<Start, kMaxHarts - 1> starts;
constinit std::array<Hart*, kMaxHarts> running{&boot_hart};  // by index
constinit std::atomic<u32> running_count{1};

// Calls use(cpu, id) for each hart in the tree that is in order.
template <class Use>
void for_each_hart(const fdt::Tree& tree, Use use) {
  for (fdt::Node cpu : tree.find("/cpus").children()) {
    const std::optional<fdt::Range> reg = cpu.reg(0);
    if (cpu.text("device_type") == "cpu" && cpu.enabled() && reg) {
      use(cpu, reg->base);
    }
  }
}

i64 ask_to_start(u64 id, const Start& start) {
  return sbi::start_hart(id, reinterpret_cast<u64>(&::start_hart), reinterpret_cast<u64>(&start));
}

// A hart that has only just given itself back (boot_hart=) may not have arrived there yet.
i64 start_hart_by(u64 last_ns, u64 id, const Start& start) {
  constexpr i64 kAlreadyAvailable = -6;
  while (true) {
    const i64 error = ask_to_start(id, start);
    if (error != kAlreadyAvailable || clock::now_ns() > last_ns) {
      return error;
    }
    port::relax();
  }
}

// False: it did not come up in time, and will not take part. Meanwhile it may have come to _start,
// and given itself back: it is asked again, which is refused as long as it is on its way.
bool wait_for(u64 id, Start& start) {
  const u64 last = clock::now_ns() + kComeUpNs;
  while (start.state.load(std::memory_order_acquire) != kUp) {
    u32 starting = kStarting;
    if (clock::now_ns() > last && start.state.compare_exchange_strong(starting, kGivenUp)) {
      return false;
    }
    ask_to_start(id, start);
  }
  return true;
}

void start_one(u64 id, u32 slot) {
  const u32 index = running_count.load(std::memory_order_relaxed);
  Hart& hart = others[slot - 1];
  hart.id = id;
  hart.index = index;
  Start& start = starts[slot - 1];
  start.hart = &hart;
  start.stack_top = stack_of(slot).top;
  start.satp = csr::read_satp();
  start.trap_stack_top = trap_stack_of(slot).top;
  const i64 error = start_hart_by(clock::now_ns() + kComeUpNs, id, start);
  if (error != 0) {
    log::error("hart {}: the firmware does not start it (error {})", id, error);
  } else if (!wait_for(id, start)) {
    log::error("hart {}: has not come up within a second and is left out", id);
  } else {
    running[index] = &hart;
    running_count.store(index + 1, std::memory_order_release);
  }
}

}  // namespace

u32 harts_in(const fdt::Tree& tree) {
  u32 count = 1;
  for_each_hart(tree, [&count](fdt::Node, u64 id) { count += id != boot_hart.id ? 1 : 0; });
  return count;
}

u32 wanted_harts(const fdt::Tree& tree) {
  return firmware_runs_harts() ? std::min(harts_in(tree), kMaxHarts) : 1;
}

bool all_harts_have(const fdt::Tree& tree, std::string_view extension) {
  bool all = true;
  bool any = false;
  for_each_hart(tree, [&](fdt::Node cpu, u64) {
    any = true;
    all = all && isa::has_extension(cpu, extension);
  });
  return any && all;
}

void start_other_harts(const fdt::Tree& tree) {
  if (!firmware_runs_harts()) {
    return;
  }
  u32 slot = 1;
  for_each_hart(tree, [&slot](fdt::Node, u64 id) {
    if (id == boot_hart.id) {
      return;
    }
    if (slot == kMaxHarts) {
      log::warning("hart {}: left with the firmware: no more than {} run", id, kMaxHarts);
    } else {
      start_one(id, slot++);
    }
  });
}

}  // namespace boot

u32 hart_count() {
  return boot::running_count.load(std::memory_order_acquire);
}

Hart& hart(u32 index) {
  SLUICE_ASSERT(index < hart_count());
  return *boot::running[index];
}

void port::wake(Hart& hart) {
  order_before_notify();  // what it shall see comes before the firmware's store
  sbi::send_ipi(hart.id);
}

}  // namespace sluice

// What a hart does from its first call on: what it is given.
void hart_started(sluice::boot::Start& start) {
  using namespace sluice;
  using namespace sluice::boot;
  set_up_traps(start.trap_stack_top);
  u32 starting = kStarting;
  if (!start.state.compare_exchange_strong(starting, kUp)) {
    sbi::stop_hart();
  }
  port::irq_restore(true);
  while (true) {
    run_next_job();
  }
}
