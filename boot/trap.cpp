// Traps: interrupts go to their handlers in irq context, everything else is a panic.
// Reference: RISC-V privileged architecture 1.12, 4.1.3 (sip, sie).
#include <sluice/boot/trap.hpp>

#include <cstddef>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/firmware.hpp>
#include <sluice/boot/panic.hpp>
#include <sluice/boot/stop.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice_port.hpp>

// trap.S, and what it calls.
extern "C" {
void trap_entry();
void handle_timer_interrupt();
void handle_software_interrupt();
[[noreturn]] void handle_exception(const sluice::boot::TrapFrame& frame);
}

namespace sluice {
namespace {

constinit bool has_sstc = false;

}  // namespace

void boot::set_up_traps(u64 trap_stack_top) {
  csr::write_sscratch(trap_stack_top);
  csr::write_stvec(reinterpret_cast<u64>(&trap_entry));
  port::set_timer(~u64{0});
  csr::write_sie(csr::kSoftware | csr::kTimer | csr::kExternal);
}

void boot::use_sstc() {
  has_sstc = true;
}

void port::set_timer(u64 ticks) {
  if (has_sstc) {
    csr::write_stimecmp(ticks);
  } else {
    boot::set_firmware_timer(ticks);
  }
}

static_assert(offsetof(irq::External, first) == 0 && offsetof(irq::External, serve) == 8);

}  // namespace sluice

void handle_timer_interrupt() {
  const sluice::IrqContext irq;
  ++sluice::port::this_hart().interrupts;
  sluice::run_expired_timers();
}

// Another hart has woken this one, which is all there is to it; or all are to stop.
void handle_software_interrupt() {
  const sluice::IrqContext irq;
  ++sluice::port::this_hart().interrupts;
  sluice::csr::clear_software_interrupt();
  if (sluice::boot::must_stop()) {
    sluice::boot::stop_here(sluice::csr::read_sepc(), irq.interrupted());
  }
}

void handle_exception(const sluice::boot::TrapFrame& frame) {
  sluice::boot::panic_on_trap(frame);
}
