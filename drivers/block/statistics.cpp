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

// Several harts may end requests of one queue at the same time.
void Statistics::add(Direction direction, const Ended& ended, u32 latency_bucket) {
  Counters& counters = counters_[static_cast<u32>(direction)];
  counters.requests.fetch_add(ended.requests, std::memory_order_relaxed);
  counters.bytes.fetch_add(ended.bytes, std::memory_order_relaxed);
  counters.queue_ticks.fetch_add(ended.queue_ticks, std::memory_order_relaxed);
  counters.device_ticks.fetch_add(ended.device_ticks, std::memory_order_relaxed);
  counters.latency[latency_bucket].fetch_add(ended.requests, std::memory_order_relaxed);
}

void Statistics::add_error(Direction direction) {
  counters_[static_cast<u32>(direction)].errors.fetch_add(1, std::memory_order_relaxed);
}

void Statistics::add_merges(Direction direction, u64 bios) {
  counters_[static_cast<u32>(direction)].merges.fetch_add(bios, std::memory_order_relaxed);
}

Totals Statistics::totals(Direction direction) const {
  const Counters& counters = counters_[static_cast<u32>(direction)];
  Totals totals;
  totals.requests = counters.requests.load(std::memory_order_relaxed);
  totals.errors = counters.errors.load(std::memory_order_relaxed);
  totals.bytes = counters.bytes.load(std::memory_order_relaxed);
  totals.merges = counters.merges.load(std::memory_order_relaxed);
  totals.queue_ticks = counters.queue_ticks.load(std::memory_order_relaxed);
  totals.device_ticks = counters.device_ticks.load(std::memory_order_relaxed);
  for (u32 bucket = 0; bucket < kLatencyBuckets; ++bucket) {
    totals.latency[bucket] = counters.latency[bucket].load(std::memory_order_relaxed);
  }
  return totals;
}

}  // namespace sluice::blk
