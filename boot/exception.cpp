// Reference: RISC-V privileged architecture 1.12, 4.1.8 (scause), 4.1.9 (stval).
#include <sluice/boot/exception.hpp>

#include <array>
#include <string_view>

#include <sluice/boot/stacks.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/page_walk.hpp>

extern "C" {
extern std::byte __image_start[], __text_end[], __rodata_end[], __bss_end[];
}

namespace sluice::boot {
namespace {

constexpr u64 kIllegalInstruction = 2, kBreakpoint = 3, kFetchPageFault = 12, kLoadPageFault = 13,
              kStorePageFault = 15;

constexpr std::array<std::string_view, 16> kNames{
    "fetch of an instruction from an odd address",
    "fetch of an instruction from where nothing answers",
    "illegal instruction",
    "breakpoint",
    "misaligned load",
    "load from where nothing answers",
    "misaligned store",
    "store to where nothing answers",
    "environment call from user mode",
    "environment call",
    {},
    {},
    "fetch of an instruction from",
    "load from",
    {},
    "store to"};

// Does an instruction use the floating-point registers, which the kernel does not keep (sstatus.FS
// is off)? Reference: RISC-V unprivileged ISA, chapters 12, 16 (C) and 24 (opcode map).
bool is_floating_point(u64 instruction) {
  if ((instruction & 3) != 3) {  // compressed: c.fld, c.fsd, c.fldsp, c.fsdsp
    const u64 funct3 = instruction >> 13 & 7;
    return (instruction & 3) % 2 == 0 && (funct3 == 1 || funct3 == 5);
  }
  const u64 opcode = instruction & 0x7f;
  return opcode == 0x07 || opcode == 0x27 || (opcode >= 0x43 && opcode <= 0x53);
}

std::string_view page_kind(u64 cause, u64 address) {
  if (!port::walk_page_tables(address).mapped()) {
    return "a page that is not mapped";
  }
  return cause == kFetchPageFault  ? "a page that is not executable"
         : cause == kLoadPageFault ? "a page that cannot be read"
                                   : "a read-only page";
}

// What the program has there; empty: nothing that is known.
std::string_view place_name(u64 address) {
  const auto up_to = [address](const std::byte* end) {
    return address < reinterpret_cast<u64>(end);
  };
  if (address < kPageBytes) {
    return "null page";
  }
  if (any_stack([address](const Stack& stack) { return stack.guards(address); })) {
    return "guard page, stack overflow";
  }
  if (any_stack([address](const Stack& stack) { return stack.holds(address); })) {
    return "stack";
  }
  if (address < reinterpret_cast<u64>(__image_start) || !up_to(__bss_end)) {
    return {};
  }
  return up_to(__text_end) ? ".text" : up_to(__rodata_end) ? ".rodata" : ".data";
}

}  // namespace

void put_cause(Sink& out, const TrapFrame& frame) {
  const u64 cause = frame.scause;
  if (cause >= kNames.size() || kNames[cause].empty()) {
    format_to(out, "a trap of an unknown kind: scause {:#x}", cause);
    return;
  }
  out.put(kNames[cause]);
  if (cause == kIllegalInstruction) {
    format_to(out, " {:#x}{}", frame.stval,
              is_floating_point(frame.stval)
                  ? ": floating point, whose registers the kernel does not keep"
                  : "");
    return;
  }
  if (cause == kBreakpoint) {
    return;
  }
  if (cause == kFetchPageFault || cause == kLoadPageFault || cause == kStorePageFault) {
    format_to(out, " {}", page_kind(cause, frame.stval));
  }
  const std::string_view place = place_name(frame.stval);
  format_to(out, " at {:#x}{}{}", frame.stval, place.empty() ? "" : ": ", place);
}

}  // namespace sluice::boot
