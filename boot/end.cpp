// Who switches the machine off, in which order.
#include <sluice/boot/end.hpp>

#include <array>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/firmware.hpp>
#include <sluice/boot/stop.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/power.hpp>
#include <sluice_port.hpp>

namespace sluice::boot {
namespace {

// About a second; the clock may not be set up yet. What the finisher does happens a moment after it
// was asked, and until then what the firmware does would win, with status 0.
constexpr u64 kFinisherTicks = 10'000'000;
constexpr u32 kNoReboot = 1;

void let_finisher_finish() {
  const u64 asked = port::ticks();
  while (port::ticks() - asked < kFinisherTicks) {
    port::relax();
  }
}

// From here on this hart is alone. `caller`: where it stands, should another hart have been first.
void claim_machine(void* caller) {
  port::irq_save();
  const Claim claim = claim_end();
  if (claim == Claim::Others) {
    stop_here(reinterpret_cast<u64>(caller), port::this_hart().context);
  }
  if (claim == Claim::Ours) {
    console::take_over();
  }
}

void tell_status(u32 status) {
  std::array<char, 12> text;
  BufferSink sink(text);
  format_to<u32>(sink, "{}", status);
  console::write(console::Stream::Exit, sink.text());
  if (console::device() != nullptr) {
    console::device()->drain();
  }
}

}  // namespace

void power_off(u32 status) {
  claim_machine(__builtin_return_address(0));
  tell_status(status);
  if (power::device() != nullptr) {
    power::device()->off(status);
    let_finisher_finish();
  }
  firmware_shut_down();
  while (true) {
    csr::wait_for_interrupt();
  }
}

void restart() {
  claim_machine(__builtin_return_address(0));
  tell_status(0);
  if (power::device() != nullptr) {
    power::device()->reboot();
    let_finisher_finish();
  }
  firmware_reboot();
  log::error("reboot: neither a test finisher nor the firmware (SRST) starts this machine again");
  power_off(kNoReboot);
}

}  // namespace sluice::boot
