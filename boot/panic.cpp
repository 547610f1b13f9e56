// What a panic prints.
#include <sluice/boot/panic.hpp>

#include <array>
#include <string_view>

#include <sluice/boot/end.hpp>
#include <sluice/boot/firmware.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/boot/stop.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice_port.hpp>

extern "C" {
extern std::byte __image_start[], __text_end[], __rodata_end[];
}

namespace sluice::boot {
namespace {

class LogSink final : public Sink {
 public:
  void put(std::string_view text) override { console::write_log(text); }
};

template <class... Args>
void say(FormatString<Args...> format, const Args&... args) {
  LogSink sink;
  format_to<Args...>(sink, format, args...);
}

std::string_view cause_name(u64 scause) {
  if (scause >> 63 != 0) {
    return "interrupt of an unknown kind";
  }
  static constexpr std::array<std::string_view, 16> kNames{"instruction address misaligned",
                                                           "instruction access fault",
                                                           "illegal instruction",
                                                           "breakpoint",
                                                           "load address misaligned",
                                                           "load access fault",
                                                           "store address misaligned",
                                                           "store access fault",
                                                           "environment call from user mode",
                                                           "environment call",
                                                           "",
                                                           "",
                                                           "instruction page fault",
                                                           "load page fault",
                                                           "",
                                                           "store page fault"};
  return scause < kNames.size() && !kNames[scause].empty() ? kNames[scause] : "unknown cause";
}

// Does stval hold the address that was used?
bool has_address(u64 scause) {
  constexpr u64 kIllegalInstruction = 2, kFirstCall = 8, kLastCall = 11;
  return scause < 16 && scause != kIllegalInstruction &&
         (scause < kFirstCall || scause > kLastCall);
}

// Calls is_it(stack) for every hart's stacks until one is.
template <class IsIt>
bool any_stack(IsIt is_it) {
  for (u32 slot = 0; slot < kMaxHarts; ++slot) {
    if (is_it(stack_of(slot)) || is_it(trap_stack_of(slot))) {
      return true;
    }
  }
  return false;
}

std::string_view place_name(u64 address) {
  const auto in = [address](const std::byte* from, const std::byte* to) {
    return address >= reinterpret_cast<u64>(from) && address < reinterpret_cast<u64>(to);
  };
  if (address < 4096) {
    return " (null page)";
  }
  if (any_stack([address](const Stack& stack) { return stack.guards(address); })) {
    return " (guard page: stack overflow)";
  }
  if (in(__image_start, __text_end)) {
    return " (.text)";
  }
  if (in(__text_end, __rodata_end)) {
    return " (.rodata)";
  }
  return "";
}

// Follows frame pointers while they stay in one of the stacks and rise.
void say_backtrace(u64 frame_pointer) {
  const auto on_a_stack = [](u64 address) {  // the two words below it, too
    return any_stack([address](const Stack& stack) {
      return stack.holds(address - 16) && stack.holds(address - 1);
    });
  };
  say("backtrace:");
  for (int depth = 0; depth < 32 && frame_pointer % 8 == 0 && on_a_stack(frame_pointer); ++depth) {
    const u64* frame = reinterpret_cast<const u64*>(frame_pointer);
    const u64 return_address = frame[-1];
    if (return_address == 0) {
      break;
    }
    say(" {:#x}", return_address);
    if (frame[-2] <= frame_pointer) {
      break;
    }
    frame_pointer = frame[-2];
  }
  say("\n");
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

void show_line(const log::Line& line, void*) {
  say("[{:>6}] {}\n", line.time_ns / 1000, line.text);
}

// What every panic does first: nothing else runs, and there is a console to print to. `pc` and
// `why` are for the report of another hart that panics at the same time.
void begin_panic(u64 pc, std::string_view why) {
  port::irq_save();
  switch (claim_end()) {
    case Claim::Ours:
      break;
    case Claim::OursAlready:
      power_off(kPanicStatus);
    case Claim::Others:
      stop_here(pc, port::this_hart().context, why);
  }
  stop_others();
  console::take_over();
  if (console::device() == nullptr) {
    console::set_device(&firmware_console());
    log::for_each(show_line, nullptr);
  } else {
    console::finish_interrupted_record();
  }
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

// The last of a panic: where the others stood, and the end.
[[noreturn]] void end_panic() {
  for (u32 i = 0; i < hart_count(); ++i) {
    if (&hart(i) == &port::this_hart()) {
      continue;
    }
    const Place place = place_of(hart(i));
    if (!place.stopped) {
      say("hart {}: does not answer (interrupts off)\n", hart(i).id);
    } else if (!place.panic.empty()) {
      say("hart {}: panics, too, at {:#x}: {}\n", hart(i).id, place.pc, place.panic);
    } else {
      say("hart {}: stopped at {:#x} ({})\n", hart(i).id, place.pc, context_name(place.context));
    }
  }
  power_off(kPanicStatus);
}

}  // namespace

void panic_on_trap(const TrapFrame& frame) {
  begin_panic(frame.sepc, cause_name(frame.scause));
  say("\npanic: hart {}: {} at {:#x}", port::this_hart().id, cause_name(frame.scause), frame.sepc);
  if (has_address(frame.scause)) {
    say(", address {:#x}{}", frame.stval, place_name(frame.stval));
  }
  say("\n");
  say_registers(frame);
  say_backtrace(frame.x[8]);
  end_panic();
}

}  // namespace sluice::boot

void sluice::port::panic(std::string_view message) {
  boot::begin_panic(reinterpret_cast<u64>(__builtin_return_address(0)), message);
  boot::say("\npanic: hart {}: {}\n", this_hart().id, message);
  boot::say_backtrace(reinterpret_cast<u64>(__builtin_frame_address(0)));
  boot::end_panic();
}
