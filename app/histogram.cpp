// Statistics over the buckets.
#include "histogram.hpp"

#include <algorithm>
#include <bit>

#include "quantity.hpp"

namespace sluice::app::bench {
namespace {

u64 square_root(u64 value) {
  u64 root = 0;
  for (u64 bit = u64{1} << 31; bit != 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= value) {
      root += bit;
    }
  }
  return root;
}

}  // namespace

void Histogram::add_coarse(u64 ticks) {
  coarse_sum_ += ticks;
  coarse_minimum_ = std::min(coarse_minimum_, ticks);
  coarse_maximum_ = std::max(coarse_maximum_, ticks);
  ++coarse_[coarse_index(ticks)];
}

Histogram& Histogram::operator+=(const Histogram& other) {
  coarse_sum_ += other.coarse_sum_;
  coarse_minimum_ = std::min(coarse_minimum_, other.coarse_minimum_);
  coarse_maximum_ = std::max(coarse_maximum_, other.coarse_maximum_);
  for (usize i = 0; i < kExact; ++i) {
    exact_[i] += other.exact_[i];
  }
  for (usize i = 0; i < kCoarse; ++i) {
    coarse_[i] += other.coarse_[i];
  }
  return *this;
}

// The highest bit and the kSubBits below it.
usize Histogram::coarse_index(u64 ticks) {
  const u32 power = static_cast<u32>(std::bit_width(ticks)) - 1;
  const u64 sub = ticks >> (power - kSubBits) & ((1u << kSubBits) - 1);
  return (usize{power - kExactBits} << kSubBits) + sub;
}

u64 Histogram::coarse_value(usize index) {
  const u32 power = static_cast<u32>(index >> kSubBits) + kExactBits;
  const u64 sub = index & ((1u << kSubBits) - 1);
  const u64 width = u64{1} << (power - kSubBits);
  return (u64{1} << power) + sub * width + width / 2;
}

template <class Visit>
void Histogram::visit_buckets(Visit visit) const {
  for (usize i = 0; i < kExact; ++i) {
    if (exact_[i] != 0 && visit(u64{i}, u64{exact_[i]})) {
      return;
    }
  }
  for (usize i = 0; i < kCoarse; ++i) {
    if (coarse_[i] != 0 &&
        visit(std::clamp(coarse_value(i), coarse_minimum_, coarse_maximum_), u64{coarse_[i]})) {
      return;
    }
  }
}

u64 Histogram::count() const {
  u64 count = 0;
  visit_buckets([&count](u64, u64 here) {
    count += here;
    return false;
  });
  return count;
}

u64 Histogram::sum() const {
  u64 sum = coarse_sum_;
  for (usize i = 0; i < kExact; ++i) {
    sum += i * exact_[i];
  }
  return sum;
}

u64 Histogram::minimum() const {
  u64 minimum = 0;
  visit_buckets([&](u64 value, u64) {
    minimum = value < kExact ? value : coarse_minimum_;
    return true;
  });
  return minimum;
}

u64 Histogram::maximum() const {
  u64 maximum = coarse_maximum_;
  for (usize i = 0; maximum == 0 && i < kExact; ++i) {
    maximum = exact_[kExact - 1 - i] != 0 ? kExact - 1 - i : 0;
  }
  return maximum;
}

u64 Histogram::mean_thousandths() const {
  const u64 all = count();
  return all == 0 ? 0 : scale(sum(), 1000, all);
}

u64 Histogram::deviation() const {
  const u64 all = count();
  if (all == 0) {
    return 0;
  }
  const u64 mean = sum() / all;
  u64 variance = 0;  // each bucket's part of it, so that no sum of squares overflows
  visit_buckets([&](u64 value, u64 here) {
    const u64 distance = std::min(value > mean ? value - mean : mean - value, u64{0xffff'ffff});
    const u64 part = scale(distance * distance, here, all);
    variance = variance + part < variance ? ~u64{0} : variance + part;
    return false;
  });
  return square_root(variance);
}

u64 Histogram::percentile(u32 part) const {
  u64 value = 0;
  percentiles({&part, 1}, {&value, 1});
  return value;
}

void Histogram::percentiles(std::span<const u32> parts, std::span<u64> values) const {
  const u64 all = count();
  u64 seen = 0;
  usize at = 0;
  std::ranges::fill(values, 0);
  visit_buckets([&](u64 value, u64 here) {
    seen += here;
    for (; at < parts.size() && seen >= (all * parts[at] + 99'999) / 100'000; ++at) {
      values[at] = value;
    }
    return at == parts.size();
  });
}

}  // namespace sluice::app::bench
