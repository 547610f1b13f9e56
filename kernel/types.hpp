// The integer names and the strong types that cross every interface.
// Used by everyone; depends on nothing.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace sluice {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;

// A number with a meaning: an address on a bus is not an address in memory, and the compiler says
// so.
template <class Tag>
class Strong {
 public:
  constexpr Strong() = default;
  constexpr explicit Strong(u64 value) : value_(value) {}

  constexpr u64 value() const { return value_; }

  constexpr auto operator<=>(const Strong&) const = default;
  friend constexpr Strong operator+(Strong a, u64 b) { return Strong(a.value_ + b); }
  friend constexpr Strong operator-(Strong a, u64 b) { return Strong(a.value_ - b); }
  friend constexpr u64 operator-(Strong a, Strong b) { return a.value_ - b.value_; }
  constexpr Strong& operator+=(u64 b) {
    value_ += b;
    return *this;
  }

 private:
  u64 value_ = 0;
};

using PhysAddr = Strong<struct PhysAddrTag>;  // where a hart finds it: memory and device registers
using BusAddr = Strong<struct BusAddrTag>;    // where a device finds it: only dma.hpp makes one

constexpr u64 align_up(u64 value, u64 power_of_two) {
  return (value + power_of_two - 1) & ~(power_of_two - 1);
}
constexpr u64 align_down(u64 value, u64 power_of_two) {
  return value & ~(power_of_two - 1);
}

}  // namespace sluice
