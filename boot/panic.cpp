// What a panic prints.
#include <sluice/boot/panic.hpp>

#include <array>
#include <string_view>

#include <sluice/boot/backtrace.hpp>
#include <sluice/boot/csr.hpp>
#include <sluice/boot/end.hpp>
#include <sluice/boot/exception.hpp>
#include <sluice/boot/firmware.hpp>
#include <sluice/boot/stop.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice_port.hpp>

namespace sluice::boot {
namespace {

constexpr u32 kLogLines = 32;

class Report final : public Sink {
 public:
  void put(std::string_view text) override { console::write_log(text); }
};

constinit Report report;

template <class... Args>
void say(FormatString<Args...> format, const Args&... args) {
  format_to<Args...>(report, format, args...);
}

// A second fault, while the first was reported: what it was, and no more that could fault.
[[noreturn]] void panic_in_panic(u64 pc, std::string_view why) {
  static constinit u32 times = 0;
  if (++times == 1) {
    say("\npanic while panicking: {}\n  in ", why);
    put_place(report, pc);
    say("\n");
  }
  if (times <= 2) {
    power_off(kPanicStatus);
  }
  firmware_shut_down();
  while (true) {
    csr::wait_for_interrupt();
  }
}

void say_registers(const TrapFrame& frame) {
  static constexpr std::array<std::string_view, 32> kNames{
      "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
      "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
      "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
  for (usize i = 1; i < kNames.size(); ++i) {
    say("{:>4} {:016x}{}", kNames[i], frame.x[i], i % 4 == 3 || i == 31 ? "\n" : " ");
  }
  say("sepc {:016x} sstatus {:016x} scause {:016x} stval {:016x}\n", frame.sepc, frame.sstatus,
      frame.scause, frame.stval);
}

// The last of the log: the end of what led here.
void say_last_log_lines() {
  u32 lines = 0;
  log::for_each([](const log::Line&, void* context) { ++*static_cast<u32*>(context); }, &lines);
  say("the last lines of the log:\n");
  u32 left_out = lines > kLogLines ? lines - kLogLines : 0;
  log::for_each(
      [](const log::Line& line, void* context) {
        if (u32& skip = *static_cast<u32*>(context); skip > 0) {
          --skip;
        } else {
          log::put_line(report, line);
        }
      },
      &left_out);
}

std::string_view context_name(Context context) {
  switch (context) {
    case Context::Task:
      return "task";
    case Context::Work:
      return "work";
    case Context::Irq:
      return "irq";
  }
  return "unknown";
}

void say_other_harts() {
  for (u32 i = 0; i < hart_count(); ++i) {
    if (&hart(i) == &port::this_hart()) {
      continue;
    }
    const Place place = place_of(hart(i));
    say("hart {}: ", hart(i).id);
    if (!place.stopped) {
      say("does not answer (interrupts off)\n");
      continue;
    }
    say("{} ", place.panic.empty() ? "stopped at" : "panics, too, at");
    put_place(report, place.pc);
    say(" ({}){}{}\n", context_name(place.context), place.panic.empty() ? "" : ": ", place.panic);
  }
}

// What every panic does first: nothing else runs, and there is a console to print to. `pc` and
// `why` are for the report of another hart that panics at the same time.
void begin_panic(u64 pc, std::string_view why) {
  port::irq_save();
  switch (claim_end()) {
    case Claim::Ours:
      break;
    case Claim::OursAlready:
      panic_in_panic(pc, why);
    case Claim::Others:
      stop_here(pc, port::this_hart().context, why);
  }
  stop_others();
  console::take_over();
  log::take_over();
  if (console::device() == nullptr) {
    console::set_device(&firmware_console());
  } else {
    console::finish_interrupted_record();
  }
  say("\npanic: hart {}: ", port::this_hart().id);
}

// The rest of every panic, and the end.
[[noreturn]] void end_panic(const Registers& registers) {
  put_backtrace(report, registers);
  say_other_harts();
  report_panic_notes(report);
  say_last_log_lines();
  power_off(kPanicStatus);
}

}  // namespace

void panic_on_trap(const TrapFrame& frame) {
  std::array<char, 120> text;
  BufferSink cause(text);
  put_cause(cause, frame);
  begin_panic(frame.sepc, cause.text());
  say("{}\n", cause.text());
  say_registers(frame);
  end_panic({.pc = frame.sepc, .ra = frame.x[1], .sp = frame.x[2], .s0 = frame.x[8]});
}

}  // namespace sluice::boot

void sluice::port::panic(std::string_view message) {
  boot::Registers here{};
  asm volatile("lla %0, ." : "=r"(here.pc));
  asm volatile("mv %0, ra; mv %1, sp; mv %2, s0" : "=r"(here.ra), "=r"(here.sp), "=r"(here.s0));
  boot::begin_panic(reinterpret_cast<u64>(__builtin_return_address(0)), message);
  boot::say("{}\n", message);
  boot::end_panic(here);
}
