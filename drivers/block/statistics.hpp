// Statistics of a disk: what went through one hardware queue, by direction, as the request layer
// counts it. Used by CompletionBatch, which adds, and by iostat and lsblk, which read. Any context.
#pragma once

#include <array>
#include <atomic>

#include <sluice/drivers/block/bio.hpp>

namespace sluice::blk {

// Linux: /proc/diskstats has the same four.
enum class Direction : u8 { Read, Write, Discard, Flush };
inline constexpr u32 kDirections = 4;
std::string_view to_string(Direction direction);
constexpr Direction direction_of(Op op) {
  switch (op) {
    case Op::Read:
      return Direction::Read;
    case Op::Write:
      return Direction::Write;
    case Op::Flush:
      return Direction::Flush;
    case Op::Discard:
    case Op::WriteZeroes:
    case Op::SecureErase:
      break;
  }
  return Direction::Discard;
}

// Latencies by powers of two: bucket n counts those of 2^(n−1) to 2^n − 1 ticks of the clock,
// bucket 0 those of none, the last all that are longer.
inline constexpr u32 kLatencyBuckets = 40;
// That of `ticks`, looked for from one on that is mostly near: not every hart has an instruction
// for it.
constexpr u32 latency_bucket(u64 ticks, u32 near = 0) {
  u32 bucket = near;
  while (bucket < kLatencyBuckets - 1 && ticks >> bucket != 0) {
    ++bucket;
  }
  while (bucket > 0 && ticks >> (bucket - 1) == 0) {
    --bucket;
  }
  return bucket;
}

// A copy, or a sum of several queues'. Times in ticks of the clock, summed over requests.
struct Totals {
  u64 requests = 0;  // that ended
  u64 errors = 0;    // of them not with Ok
  u64 bytes = 0;
  u64 merges = 0;                              // bios that joined another's request
  u64 queue_ticks = 0;                         // from submission until the driver took it
  u64 device_ticks = 0;                        // from then until it ended
  std::array<u64, kLatencyBuckets> latency{};  // from submission to the end

  Totals& operator+=(const Totals& other);
};

class Statistics {
 public:
  // Some requests of one operation that ended together; of the same latency bucket.
  struct Ended {
    u64 requests = 0;
    u64 bytes = 0;
    u64 queue_ticks = 0;
    u64 device_ticks = 0;
  };
  void add(Op op, const Ended& ended, u32 bucket) {
    // Several harts may end requests of one queue at the same time.
    Counters& counters = counters_[static_cast<u32>(op)];
    counters.bytes.fetch_add(ended.bytes, std::memory_order_relaxed);
    counters.queue_ticks.fetch_add(ended.queue_ticks, std::memory_order_relaxed);
    counters.device_ticks.fetch_add(ended.device_ticks, std::memory_order_relaxed);
    counters.latency[bucket].fetch_add(ended.requests, std::memory_order_relaxed);
  }
  void add_error(Op op);
  void add_merges(Op op, u64 bios);
  Totals totals(Direction direction) const;

 private:
  // Each request has its place among the latencies, so that their sum is the number of requests.
  struct Counters {
    std::atomic<u64> errors{0};
    std::atomic<u64> bytes{0};
    std::atomic<u64> merges{0};
    std::atomic<u64> queue_ticks{0};
    std::atomic<u64> device_ticks{0};
    std::array<std::atomic<u64>, kLatencyBuckets> latency{};
    Totals totals() const;
  };
  std::array<Counters, kOps> counters_;
};

}  // namespace sluice::blk
