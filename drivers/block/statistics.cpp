// Counting, and the sums of what was counted.
#include <sluice/drivers/block/statistics.hpp>

namespace sluice::blk {

std::string_view to_string(Direction direction) {
  static constexpr std::array<std::string_view, kDirections> kNames{"read", "write", "discard",
                                                                    "flush"};
  return kNames[static_cast<u32>(direction)];
}

Totals& Totals::operator+=(const Totals& other) {
  requests += other.requests;
  errors += other.errors;
  bytes += other.bytes;
  merges += other.merges;
  queue_ticks += other.queue_ticks;
  device_ticks += other.device_ticks;
  for (u32 bucket = 0; bucket < kLatencyBuckets; ++bucket) {
    latency[bucket] += other.latency[bucket];
  }
  return *this;
}

void Statistics::add_error(Op op) {
  counters_[static_cast<u32>(op)].errors.fetch_add(1, std::memory_order_relaxed);
}

void Statistics::add_merges(Op op, u64 bios) {
  counters_[static_cast<u32>(op)].merges.fetch_add(bios, std::memory_order_relaxed);
}

Totals Statistics::Counters::totals() const {
  Totals totals;
  totals.errors = errors.load(std::memory_order_relaxed);
  totals.bytes = bytes.load(std::memory_order_relaxed);
  totals.merges = merges.load(std::memory_order_relaxed);
  totals.queue_ticks = queue_ticks.load(std::memory_order_relaxed);
  totals.device_ticks = device_ticks.load(std::memory_order_relaxed);
  for (u32 bucket = 0; bucket < kLatencyBuckets; ++bucket) {
    totals.latency[bucket] = latency[bucket].load(std::memory_order_relaxed);
    totals.requests += totals.latency[bucket];
  }
  return totals;
}

Totals Statistics::totals(Direction direction) const {
  Totals totals;
  for (u32 op = 0; op < kOps; ++op) {
    if (direction_of(static_cast<Op>(op)) == direction) {
      totals += counters_[op].totals();
    }
  }
  return totals;
}

}  // namespace sluice::blk
