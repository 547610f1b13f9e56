// The numbers 0 … count − 1 in an order that looks random, each once before any comes again: as
// fio, which keeps a map of the blocks that it has visited, but without memory or division. Used by
// bench. next() is on the path of every I/O. Reference: Knuth, The Art of Computer Programming,
// volume 2, 3.2.1.2 (full period of a linear congruential sequence).
#pragma once

#include <bit>

#include <sluice/kernel/types.hpp>

namespace sluice::app::bench {

class RandomOrder {
 public:
  // `count` > 0.
  RandomOrder(u64 count, u64 seed)
      : count_(count),
        bits_(static_cast<u32>(std::bit_width(count - 1))),
        mask_(bits_ == 64 ? ~u64{0} : (u64{1} << bits_) - 1),
        half_((bits_ + 1) / 2 + (bits_ == 0 ? 1 : 0)),
        state_(seed),
        increment_(2 * (seed ^ kMultiplier) + 1) {}

  // The sequence has a period of the power of two above count, and the mixing is one to one: at
  // most every second number is passed over.
  u64 next() {
    u64 value;
    do {
      state_ = state_ * kMultiplier + increment_;
      value = state_ & mask_;
      value ^= value >> half_;
      value = value * kMixer & mask_;
    } while (value >= count_);
    return value;
  }
  // Goes on from where a copy of this one has come to.
  void catch_up(const RandomOrder& copy) { state_ = copy.state_; }

 private:
  // Short enough for two instructions each.
  static constexpr u64 kMultiplier = 0x5851f42d;  // 1 modulo 4
  static constexpr u64 kMixer = 0x1e3779b9;       // odd

  u64 count_;
  u32 bits_;
  u64 mask_;
  u32 half_;
  u64 state_;
  u64 increment_;
};

// Marsaglia's xorshift: for coin flips and filler bytes.
class XorShift {
 public:
  explicit XorShift(u64 seed) : state_(seed != 0 ? seed : 1) {}
  u64 next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  u64 state_;
};

}  // namespace sluice::app::bench
