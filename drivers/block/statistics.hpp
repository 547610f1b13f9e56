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
      break;
  }
  return Direction::Discard;
}

// Latencies by powers of two: bucket n counts those of 2^(n−1) to 2^n − 1 ticks of the clock,
// bucket 0 those of none, the last all that are longer.
inline constexpr u32 kLatencyBuckets = 40;
constexpr u32 latency_bucket(u64 ticks) {
  if (ticks >> (kLatencyBuckets - 2) != 0) {
    return kLatencyBuckets - 1;
  }
  // The width in bits, by halves: there is no instruction for it on every hart.
  u32 bucket = ticks != 0 ? 1 : 0;
#pragma GCC unroll 6
  for (u32 half = 32; half > 0; half /= 2) {
    if (ticks >> half != 0) {
      bucket += half;
      ticks >>= half;
    }
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
  // Some requests of one direction that ended together; of the same latency bucket.
  struct Ended {
    u64 requests = 0;
    u64 bytes = 0;
    u64 queue_ticks = 0;
    u64 device_ticks = 0;
  };
  void add(Direction direction, const Ended& ended, u32 latency_bucket);
  void add_error(Direction direction);
  void add_merges(Direction direction, u64 bios);
  Totals totals(Direction direction) const;

 private:
  struct Counters {
    std::atomic<u64> requests{0};
    std::atomic<u64> errors{0};
    std::atomic<u64> bytes{0};
    std::atomic<u64> merges{0};
    std::atomic<u64> queue_ticks{0};
    std::atomic<u64> device_ticks{0};
    std::array<std::atomic<u64>, kLatencyBuckets> latency{};
  };
  std::array<Counters, kDirections> counters_;
};

}  // namespace sluice::blk
