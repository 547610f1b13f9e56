// The whole tree asleep, awake, and at its end (Linux: dpm_suspend, dpm_resume, device_shutdown).
// Children go before their parents and consumers before their suppliers, otherwise who was bound
// last goes first; waking goes the other way. So the interrupt controller goes last; the console
// has nothing to do in it and stays (Linux: no_console_suspend). Task, on the hart that booted.
#pragma once

#include <sluice/kernel/result.hpp>

namespace sluice::dev {

class Device;

// Suspends every bound device that is not suspended; requests to them wait. What the first that
// fails says, and `failed` is that device (where asked for): those suspended by this call were
// resumed again, in reverse.
Result<void> suspend_all(Device** failed = nullptr);

// Resumes every suspended device. Those that fail, or need one that did, stay suspended, which is
// logged; the error is that of the first, and `failed` that device.
Result<void> resume_all(Device** failed = nullptr);

// Calls shutdown for every bound device. On any hart, while no other changes devices.
void shutdown_all();

}  // namespace sluice::dev
