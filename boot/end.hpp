// The last of a machine: off with a status, or on again. Used by start-up and by panic.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice::boot {

// Tells run.sh the status and switches the machine off, through the test finisher or else the
// firmware; a machine that neither can waits for ever. One hart does it, the others stop.
[[noreturn]] void power_off(u32 status);

// Starts the machine again the same two ways. Where neither can: says so, and switches it off with
// status 1.
[[noreturn]] void restart();

}  // namespace sluice::boot
