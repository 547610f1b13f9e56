// Which harts an interrupt controller serves, by its node.
// Used by the drivers of this folder. Reference: Devicetree Specification 0.4, 2.4.1.2
// (interrupts-extended).
#pragma once

#include <array>

#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/hart.hpp>

namespace sluice::irqchip {

inline constexpr u32 kNoEntry = ~u32{0};

// The supervisor external interrupts (cause 9 in scause) of the harts that run, among the entries
// of interrupts-extended: (a hart's interrupt controller, its cells).
struct HartEntries {
  // By the hart's index: the place of its entry, kNoEntry where there is none; and its node.
  std::array<u32, kMaxHarts> place;
  std::array<fdt::Node, kMaxHarts> cpu{};
  // Is there an entry for machine mode (cause 11), of whatever hart?
  bool machine = false;

  bool any() const;
  // The firmware's controller, with which supervisor mode has nothing to do.
  bool machine_only() const { return machine && !any(); }
};

// Looks at the first `most` entries. Task.
HartEntries find_hart_entries(fdt::Node controller, u32 most);
// How many there are.
usize hart_entry_count(fdt::Node controller);

}  // namespace sluice::irqchip
