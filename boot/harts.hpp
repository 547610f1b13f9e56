// The harts beside the one that booted: started through the firmware, each with stacks of its own.
// Used by start-up.
#pragma once

#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/hart.hpp>

extern "C" constinit sluice::Hart boot_hart;  // tp points to it from the first instruction

namespace sluice::boot {

// How many harts the device tree has, the booted one among them.
u32 harts_in(const fdt::Tree& tree);

// How many of them will run, at most kMaxHarts: stacks are kept for so many.
u32 wanted_harts(const fdt::Tree& tree);

// Do all harts of the tree have this extension of the instruction set?
bool all_harts_have(const fdt::Tree& tree, std::string_view extension);

// Starts them, waits for them, and logs which do not come. Paging, clock and traps are set up.
// Task.
void start_other_harts(const fdt::Tree& tree);

}  // namespace sluice::boot
