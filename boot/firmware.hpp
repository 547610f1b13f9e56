// The firmware beneath: which extensions of the SBI it has, asked once; what stands in for one that
// is missing; and its console. Used by start-up, panic and the timer.
// Reference: RISC-V SBI 2.0, chapters 4 (base), 5 (legacy), 6 (TIME), 10 (SRST), 12 (DBCN).
#pragma once

#include <sluice/kernel/console.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice::boot {

enum class Extension : u8 {
  Time,
  Ipi,
  Rfence,
  Hsm,
  Reset,
  DebugConsole,
  // One call each, of the time before there were extensions.
  LegacyTimer,
  LegacyPutchar,
  LegacyGetchar,
  LegacyShutdown,
};

// Asks for all of them. First thing at start-up; nothing here works before.
void probe_firmware();
bool firmware_has(Extension extension);

// Does it have what harts beside this one need: to be started, woken, and told of new page tables?
bool firmware_runs_harts();

// Logs what the firmware is and, each by name with what is lost, what it lacks. `harts`: how many
// the device tree has; `has_sstc`: the timer does not need the firmware.
void report_firmware(u32 harts, bool has_sstc);

// The timer interrupt of this hart; never, where the firmware has no timer. Any context.
void set_firmware_timer(u64 ticks);

// Both return where the firmware cannot. Without a status: QEMU ends with 0.
void firmware_shut_down();
void firmware_reboot();

// Starts hart `id` where the firmware has started this one, with the same argument, and gives this
// one back. Returns only where the firmware refuses: its error.
i64 boot_on(u64 id, u64 tree_address);

// For as long as there is no serial line, and for machines without one: DBCN, else the legacy
// calls, else nothing. Input is polled.
console::Device& firmware_console();

}  // namespace sluice::boot
