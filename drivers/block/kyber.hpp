// kyber: limits how many requests of each kind the device has at a time, so that the others'
// latency meets its target. Used through scheduler.hpp. Linux: block/kyber-iosched.c;
// docs/schedulers.md.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include <sluice/drivers/block/scheduler.hpp>
#include <sluice/kernel/lock.hpp>

namespace sluice::blk {

class Kyber final : public Scheduler {
 public:
  static constexpr std::string_view kName = "kyber";

  // Write zeroes are kOther, which has no target.
  enum Domain : u32 { kRead, kWrite, kDiscard, kOther };
  static constexpr u32 kDomains = 4;
  static constexpr u32 kTimedDomains = 3;
  static Domain domain_of(Op op);

  struct Tunables {
    std::array<u32, kDomains> max_depth{256, 128, 64, 16};  // requests in flight, at most
    std::array<u32, kDomains> batch{16, 8, 1, 1};           // that one queue sends in a row
    std::array<u64, kTimedDomains> target_ns{2'000'000, 10'000'000, 5'000'000'000};
    u64 window_ns = 100'000'000;      // from one look at the latencies to the next
    u32 enough_samples = 500;         // a domain is judged once it has so many,
    u64 patience_ns = 1'000'000'000;  // or so long after a look found its first
  };

  // The disk outlives it. NoMemory. Task.
  static Result<std::unique_ptr<Kyber>> create(const Disk& disk) {
    return create(disk, Tunables());
  }
  static Result<std::unique_ptr<Kyber>> create(const Disk& disk, const Tunables& tunables);

  std::string_view name() const override { return kName; }
  void insert(HwQueue& queue, List<Bio>& bios) override;
  bool dispatch(HwQueue& queue, List<Bio>& to) override;
  void started(const Request& request) override;
  bool ended(const Request& request, u64 now_ticks) override;
  void drain(List<Bio>& to) override;

  // Any context.
  u32 depth(Domain domain) const { return depth_[domain].load(); }
  u32 in_flight(Domain domain) const { return in_flight_[domain].load(); }

 private:
  // Latencies by quarters of the target: bucket n counts those over n and up to n + 1 quarters, the
  // last one all that are longer. The first kGoodBuckets meet the target.
  static constexpr u32 kBuckets = 8;
  static constexpr u32 kGoodBuckets = 4;
  using Histogram = std::array<std::atomic<u32>, kBuckets>;
  using Counts = std::array<u32, kBuckets>;

  // What a hardware queue holds.
  struct Queue {
    SpinLock lock;  // protects the rest
    std::array<List<Bio>, kDomains> waiting;
    u32 domain = kRead;  // of this batch
    u32 batched = 0;     // what it has sent
  };

  // The latencies of a domain.
  struct Watch {
    u64 quarter_ticks = 1;  // of the target
    Histogram total{};      // from submission to the end
    Histogram device{};     // from when the driver took it
    // Under adjust_lock_:
    std::optional<u64> first_look_ticks;  // that found samples, but too few
    std::optional<u32> total_p99;         // since the last congestion: the bucket
  };
  struct Percentiles {
    u32 device_p90;
    u32 total_p99;
  };

  Kyber(const Disk& disk, const Tunables& tunables);
  bool send(Queue& queue, List<Bio>& to);
  bool has_token(u32 domain);
  bool token_is_free(u32 domain) const { return in_flight_[domain].load() < depth_[domain].load(); }
  std::atomic<u32>& token_word(const Request& request) const;
  bool return_token(const Request& request, u32 domain);
  bool look_at_latencies(u64 now_ticks);
  void adjust(u64 now_ticks);
  std::optional<Percentiles> take_percentiles(Watch& watch, u64 now_ticks) const;
  static void count(Histogram& histogram, u64 quarter_ticks, u64 from_ticks, u64 to_ticks);
  static Counts take_counts(Histogram& histogram);
  static u32 percentile(const Counts& counts, u32 percent);

  const Disk& disk_;
  const Tunables tunables_;
  const u64 window_ticks_;
  const u64 patience_ticks_;
  const u32 queue_count_;
  const u32 words_per_queue_;
  std::unique_ptr<Queue[]> queues_;
  std::unique_ptr<std::atomic<u32>[]> tokens_;  // a bit per tag, queue by queue: it holds a token

  std::array<std::atomic<u32>, kDomains> depth_;
  std::array<std::atomic<u32>, kDomains> in_flight_{};
  std::atomic<u32> held_up_{0};  // a bit per domain: something waits for a token

  std::array<Watch, kTimedDomains> watches_;
  std::atomic<u64> next_look_ticks_;
  SpinLock adjust_lock_;
};

}  // namespace sluice::blk
