// fault: causes a fault on purpose, so that its report can be seen. Each ends the machine with
// status 101, as the same mistake in a program would.
#include "commands.hpp"

#include <algorithm>
#include <array>
#include <new>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/drivers/block/block_device.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::app {
namespace {

constexpr u32 kConstant = 7;
constexpr u64 kNowhere = 0x4000'0000;  // neither memory nor a device on QEMU's virt

// Out of the compiler's sight: what it sees to be a mistake it may leave out.
[[gnu::noinline]] void store_to(u64 address) {
  *reinterpret_cast<volatile u32*>(address) = 1;
}
[[gnu::noinline]] void call(u64 address) {
  reinterpret_cast<void (*)()>(address)();
  asm volatile("" ::: "memory");  // no tail call: it is to be seen in the backtrace
}

void null_load() {
  (void)*reinterpret_cast<volatile u32*>(u64{8});
}
void null_store() {
  store_to(8);
}
void null_call() {
  call(0);
}
void text() {
  store_to(reinterpret_cast<u64>(&store_to));
}
void rodata() {
  store_to(reinterpret_cast<u64>(&kConstant));
}
void nowhere() {
  store_to(kNowhere);
}

// An instruction in memory that is not code.
void execute() {
  static std::array<u32, 1> code{0x0000'8067};  // ret
  call(reinterpret_cast<u64>(code.data()));
}

void illegal() {
  asm volatile(".word 0" ::: "memory");
}
void breakpoint() {
  __builtin_trap();  // ebreak
}

void float_instruction() {
  asm volatile(".word 0x00007053" ::: "memory");  // fadd.s ft0, ft0, ft0 of RISC-V
}

[[gnu::noinline]] int overflow(u64 depth) {  // NOLINT(misc-no-recursion): that is the fault
  std::array<volatile u64, 64> room;
  room[depth % room.size()] = depth;
  return depth == ~u64{0} ? 0 : overflow(depth + 1) + static_cast<int>(room[depth % room.size()]);
}
void stack() {
  (void)overflow(0);
}

[[gnu::noinline]] void fill(volatile char* to, usize bytes) {
  for (usize i = 0; i < bytes; ++i) {
    to[i] = 'x';
  }
}
void smash() {
  std::array<char, 16> room;
  fill(room.data(), 2 * room.size());
}

void assertion() {
  SLUICE_ASSERT(kConstant == clock::now_ns());
}

void memory() {
  while (true) {
    // Plain new has no way to say no.
    asm volatile("" ::"r"(new std::array<std::byte, 64 * 1024>) : "memory");
  }
}

// In irq context, from a timer.
void in_an_interrupt(void (*fault)(void*)) {
  Completion never;
  Timer timer(fault, &never);
  timer.arm(clock::now_ns() + 1'000'000);
  never.wait();
}
void wait_in_irq() {
  in_an_interrupt([](void* never) { static_cast<Completion*>(never)->wait(); });
}
void irq() {
  in_an_interrupt([](void*) { null_store(); });
}

void other_hart() {
  if (hart_count() < 2) {
    panic("fault hart: there is only one hart: --smp 2");
  }
  Job job([](void*) { null_store(); }, nullptr);
  run_on(hart(1), job);
  job.wait();
}

// What the report asks makes a mistake of its own.
void nested() {
  static constinit PanicNote note{[](Sink&) { null_store(); }};
  add_panic_note(note);
  null_store();
}

// With a request in flight in each disk: however soon the device answers, nobody hears of it.
void in_flight() {
  const IrqGuard deaf;
  struct Read {
    blk::OpenDevice disk;
    blk::Bio bio;
    std::array<blk::Segment, 1> segments;
  };
  static std::array<Read, 4> reads;
  usize used = 0;
  blk::for_each_disk(
      [](blk::Disk& disk, void* context) {
        usize& count = *static_cast<usize*>(context);
        Pages pages = allocate_pages(1);
        if (count == reads.size() || pages == nullptr || !reads[count].disk.open(disk.name())) {
          return;
        }
        Read& read = reads[count++];
        read.segments[0] = {pages.release(), kPageBytes};
        read.bio.segments = read.segments;
        read.bio.end_io = [](blk::Bio&) {};
        read.disk.submit(read.bio);
      },
      &used);
  panic("with reads in flight, on purpose");
}

struct Kind {
  std::string_view name;
  std::string_view what;
  void (*cause)();
};
constexpr Kind kKinds[] = {
    {"null-load", "a load through a null pointer", null_load},
    {"null-store", "a store through a null pointer", null_store},
    {"null-call", "a call through a null pointer", null_call},
    {"text", "a store to code", text},
    {"rodata", "a store to a constant", rodata},
    {"nowhere", "a store to where nothing is", nowhere},
    {"execute", "an instruction fetched from data", execute},
    {"illegal", "an illegal instruction", illegal},
    {"breakpoint", "what __builtin_trap() makes", breakpoint},
    {"float", "a floating-point instruction", float_instruction},
    {"stack", "a recursion without an end", stack},
    {"smash", "a write beyond an array on the stack", smash},
    {"assertion", "an assertion that fails", assertion},
    {"memory", "plain new until memory is out", memory},
    {"wait-in-irq", "a wait in an interrupt", wait_in_irq},
    {"irq", "a null pointer in an interrupt", irq},
    {"hart", "a null pointer on another hart", other_hart},
    {"nested", "a fault while a fault is reported", nested},
    {"in-flight", "a panic with a read in flight in each disk", in_flight},
};

}  // namespace

int run_fault(Session&, Words words) {
  Words operands;
  if (!reject_options("fault", words, operands)) {
    return kUsage;
  }
  if (operands.empty()) {
    console::Writer out(console::Stream::Output);
    for (const Kind& kind : kKinds) {
      format_to(out, "{:<12} {}\n", kind.name, kind.what);
    }
    return kSucceeded;
  }
  const auto* const kind = std::ranges::find(kKinds, operands[0], &Kind::name);
  if (kind == std::end(kKinds) || operands.size() > 1) {
    return usage_error("fault", "one kind is taken, of those that `fault` alone lists",
                       operands[0]);
  }
  kind->cause();
  return failure("fault", kind->name, "nothing happened, which is a mistake of the kernel's");
}

}  // namespace sluice::app
