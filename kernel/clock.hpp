// Time since start, in nanoseconds, from the counter whose frequency the device tree gives. Any
// context.
#pragma once

#include <sluice/kernel/types.hpp>
#include <sluice_port.hpp>

namespace sluice::clock {

// Set once at start-up, before the first call of the others. `ticks_per_second` is not 0.
void set_frequency(u64 ticks_per_second);

u64 ticks_to_ns(u64 ticks);
u64 ns_to_ticks(u64 ns);  // rounds up

inline u64 now_ns() {
  return ticks_to_ns(port::ticks());
}

}  // namespace sluice::clock
