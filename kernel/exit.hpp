// The program's end from anywhere: what returning from main does.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice {

// Quiets the devices and switches the machine off with this status (its low eight bits). On the
// host a test sees it as an exception. Task.
[[noreturn]] void exit(u32 status);

// Quiets the devices and starts the machine again; one that cannot is switched off with status 1.
// Task.
[[noreturn]] void reboot();

}  // namespace sluice
