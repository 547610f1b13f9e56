// The stack protector's guard. Used by start-up.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice::boot {

// Called where no function that returns has the old one on its stack.
void set_stack_guard(u64 random);

}  // namespace sluice::boot
