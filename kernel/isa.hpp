// What a hart says of its instruction set in the device tree.
// Used by start-up and by drivers of what belongs to a hart. Reference: Linux's binding
// riscv/extensions; RISC-V unprivileged ISA, "ISA extension naming conventions".
#pragma once

#include <string_view>

#include <sluice/kernel/fdt.hpp>

namespace sluice::isa {

// Does the hart with this node have the multi-letter extension, "sstc"? By `riscv,isa-extensions`,
// or the older `riscv,isa`. Any context.
bool has_extension(fdt::Node cpu, std::string_view extension);

}  // namespace sluice::isa
