// Following frames by the table in the image. Reference: RISC-V ELF psABI, "Procedure Calling
// Convention" (ra, sp, s0).
#include <sluice/boot/backtrace.hpp>

#include <optional>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/boot/trap.hpp>
#include <sluice/kernel/name_table.hpp>

extern "C" {
extern std::byte __image_start[], __text_end[], __names[];
extern const char interrupt_return[];  // trap.S: where a handler of interrupts returns to
}

namespace sluice::boot {
namespace {

constexpr u32 kMaxDepth = 32;

bool is_code(u64 address) {
  return address >= reinterpret_cast<u64>(__image_start) &&
         address < reinterpret_cast<u64>(__text_end);
}

// A word of a stack; nothing where `address` is on none.
std::optional<u64> word_at(u64 address) {
  const auto holds = [address](const Stack& stack) {
    return stack.holds(address) && stack.holds(address + 7);
  };
  if (address % 8 != 0 || !any_stack(holds)) {
    return std::nullopt;
  }
  return *reinterpret_cast<const u64*>(address);
}

NameTable load_table() {
  NameTable table;
  (void)table.read(name_table_bytes(), reinterpret_cast<u64>(__image_start));
  return table;
}

// The code that an interrupt interrupted, from the handler's frame on the stack.
std::optional<Registers> interrupted(const Registers& at) {
  const std::optional<u64> pc = word_at(at.sp + offsetof(InterruptFrame, sepc));
  const std::optional<u64> ra = word_at(at.sp + offsetof(InterruptFrame, ra));
  if (!pc || !ra) {
    return std::nullopt;
  }
  return Registers{.pc = *pc, .ra = *ra, .sp = at.sp + sizeof(InterruptFrame), .s0 = at.s0};
}

// `looked_up` is where the frame is described: of a return address, the call before it.
std::optional<Registers> caller_of(const NameTable& table, const Registers& at, u64 looked_up) {
  const std::optional<NameTable::Frame> frame = table.frame_at(looked_up);
  if (!frame) {
    return std::nullopt;
  }
  const u64 top = (frame->from_s0 ? at.s0 : at.sp) + frame->bytes;
  const std::optional<u64> ra =
      frame->ra_bytes_below == 0 ? at.ra : word_at(top - frame->ra_bytes_below);
  const std::optional<u64> s0 =
      frame->s0_bytes_below == 0 ? at.s0 : word_at(top - frame->s0_bytes_below);
  if (!ra || !s0 || top < at.sp) {
    return std::nullopt;
  }
  return Registers{.pc = *ra, .ra = 0, .sp = top, .s0 = *s0};
}

}  // namespace

std::span<const std::byte> name_table_bytes() {
  return {__names, static_cast<usize>(
                       NameTable::table_bytes(std::span<const std::byte, NameTable::kHeaderBytes>(
                           __names, NameTable::kHeaderBytes)))};
}

void put_place(Sink& out, u64 address, bool is_return_address) {
  format_to(out, "{:#x}", address);
  const u64 back = is_return_address ? 1 : 0;
  if (const auto function = load_table().function_at(address - back);
      is_code(address) && function) {
    format_to(out, " ({}+{:#x})", function->name, function->offset + back);
  }
}

void put_backtrace(Sink& out, Registers at) {
  const NameTable table = load_table();
  bool is_return_address = false;
  if (!is_code(at.pc)) {  // a call through a bad pointer: what it did so far is the call
    at.pc = at.ra;
    is_return_address = true;
  }
  out.put("backtrace:\n");
  for (u32 depth = 0; depth < kMaxDepth && is_code(at.pc); ++depth) {
    out.put("  ");
    put_place(out, at.pc, is_return_address);
    out.put("\n");
    std::optional<Registers> next;
    if (at.pc == reinterpret_cast<u64>(interrupt_return)) {
      out.put("  -- interrupt --\n");
      next = interrupted(at);
      is_return_address = false;
    } else {
      next = caller_of(table, at, is_return_address ? at.pc - 1 : at.pc);
      is_return_address = true;
    }
    if (!next || (next->pc == at.pc && next->sp == at.sp)) {
      return;
    }
    at = *next;
  }
}

}  // namespace sluice::boot
