// Traps: interrupts go to their handlers in irq context, everything else is a panic.
// Reference: RISC-V privileged architecture 1.12, 4.1.8 (scause).
#include <sluice/boot/trap.hpp>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/panic.hpp>
#include <sluice/boot/sbi.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice_port.hpp>

extern "C" {
void trap_entry();
extern std::byte __trap_stack_top[];
void handle_trap(sluice::boot::TrapFrame& frame);
}

namespace sluice {
namespace {

constexpr u64 kInterrupt = u64{1} << 63;
constexpr u64 kTimer = kInterrupt | 5;
constexpr u64 kExternal = kInterrupt | 9;

constinit bool has_sstc = false;

}  // namespace

void boot::set_up_traps() {
  csr::write_sscratch(reinterpret_cast<u64>(__trap_stack_top));
  csr::write_stvec(reinterpret_cast<u64>(&trap_entry));
  port::set_timer(~u64{0});
  csr::write_sie(csr::kSieTimer | csr::kSieExternal);
}

void boot::use_sstc() {
  has_sstc = true;
}

void port::set_timer(u64 ticks) {
  if (has_sstc) {
    csr::write_stimecmp(ticks);
  } else {
    sbi::set_timer(ticks);
  }
}

}  // namespace sluice

void handle_trap(sluice::boot::TrapFrame& frame) {
  using namespace sluice;
  Hart& hart = port::this_hart();
  if ((frame.scause != kTimer && frame.scause != kExternal) || frame.x[0] == 0) {
    boot::panic_on_trap(frame);
  }
  const Context interrupted = hart.context;
  hart.context = Context::Irq;
  ++hart.interrupts;
  if (frame.scause == kExternal) {
    irq::handle_external();
  } else {
    run_expired_timers();
  }
  hart.context = interrupted;
}
