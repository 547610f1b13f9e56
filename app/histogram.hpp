// How long I/Os took: counts per tick up to a bound, and above it per part of a power of two.
// Used by bench. add() is on the path of every I/O; the rest is for the report. Any context.
#pragma once

#include <array>
#include <span>

#include <sluice/kernel/types.hpp>

namespace sluice::app::bench {

class Histogram {
 public:
  void add(u64 ticks) {
    if (!add_exact(ticks)) {
      add_coarse(ticks);
    }
  }
  // The same for the usual ones alone (6.5 ms at 10 MHz); false: it is none of those. Finding a
  // power of two costs more than all else here, on harts without an instruction for it.
  bool add_exact(u64 ticks) {
    if (ticks >= kExact) [[unlikely]] {
      return false;
    }
    ++exact_[ticks];
    return true;
  }
  // What another one counted.
  Histogram& operator+=(const Histogram& other);

  u64 count() const;
  u64 minimum() const;
  u64 maximum() const;
  u64 sum() const;
  u64 mean_thousandths() const;  // of a tick
  u64 deviation() const;         // the standard one, in ticks
  // The smallest value with at least `part` of 100 000 of all values at or below it; a value above
  // the exact ones is the middle of its bucket.
  u64 percentile(u32 part) const;
  // The same for several ascending parts, in one go.
  void percentiles(std::span<const u32> parts, std::span<u64> values) const;

 private:
  static constexpr u32 kExactBits = 16;
  static constexpr u64 kExact = u64{1} << kExactBits;
  static constexpr u32 kSubBits = 5;  // 32 buckets for each power of two: within 3 %
  static constexpr usize kCoarse = (64 - kExactBits) << kSubBits;

  void add_coarse(u64 ticks);
  static usize coarse_index(u64 ticks);
  static u64 coarse_value(usize index);
  // Calls visit(value, count) for every bucket that is not empty, ascending, until it says true.
  template <class Visit>
  void visit_buckets(Visit visit) const;

  u64 coarse_sum_ = 0;
  u64 coarse_minimum_ = ~u64{0};
  u64 coarse_maximum_ = 0;
  std::array<u32, kExact> exact_{};
  std::array<u32, kCoarse> coarse_{};
};

}  // namespace sluice::app::bench
