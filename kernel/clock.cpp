// Conversion between the counter's ticks and nanoseconds, without a division on the way to ns.
#include <sluice/kernel/clock.hpp>

#include <sluice/kernel/panic.hpp>

namespace sluice::clock {
namespace {

__extension__ typedef unsigned __int128 u128;

constexpr u64 kNsPerSecond = 1'000'000'000;

u64 frequency = kNsPerSecond;
// Nanoseconds per tick, 32 fractional bits, rounded up: at the tick of a deadline the deadline has
// passed.
u64 ns_per_tick_q32 = u64{1} << 32;

}  // namespace

void set_frequency(u64 ticks_per_second) {
  SLUICE_ASSERT(ticks_per_second != 0);
  frequency = ticks_per_second;
  ns_per_tick_q32 =
      static_cast<u64>(((u128{kNsPerSecond} << 32) + ticks_per_second - 1) / ticks_per_second);
}

u64 ticks_to_ns(u64 ticks) {
  return static_cast<u64>((u128{ticks} * ns_per_tick_q32) >> 32);
}

u64 ns_to_ticks(u64 ns) {
  return static_cast<u64>((u128{ns} * frequency + kNsPerSecond - 1) / kNsPerSecond);
}

}  // namespace sluice::clock
