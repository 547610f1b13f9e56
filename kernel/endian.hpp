// Integers of a fixed byte order, as they stand in wire structs, and the one way from bytes to such
// a struct. Used wherever a device, a disk or a device tree is read. Le<T> is aligned like T;
// UnalignedLe<T> and Be<T> have alignment 1.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <sluice/kernel/types.hpp>

namespace sluice {

template <std::unsigned_integral T>
constexpr T swap_unless(std::endian order, T value) {
  return std::endian::native == order ? value : std::byteswap(value);
}

template <std::unsigned_integral T>
class Le {
 public:
  constexpr Le() = default;
  // NOLINTNEXTLINE: meant to convert
  constexpr Le(T value) : raw_(swap_unless(std::endian::little, value)) {}
  constexpr operator T() const { return swap_unless(std::endian::little, raw_); }  // NOLINT

 private:
  T raw_ = 0;
};

// Bytes in a given order, at any address.
template <std::unsigned_integral T, std::endian Order>
class Unaligned {
 public:
  constexpr Unaligned() = default;
  constexpr Unaligned(T value)  // NOLINT: meant to convert
      : raw_(std::bit_cast<std::array<u8, sizeof(T)>>(swap_unless(Order, value))) {}
  constexpr operator T() const {  // NOLINT
    return gather(std::make_index_sequence<sizeof(T)>{});
  }

 private:
  // Byte by byte: an unaligned load is that anyway where harts refuse them, and no byte swap is
  // left.
  template <usize... Index>
  constexpr T gather(std::index_sequence<Index...>) const {
    return static_cast<T>(
        ((u64{raw_[Index]} << 8 * (Order == std::endian::big ? sizeof(T) - 1 - Index : Index)) |
         ...));
  }

  std::array<u8, sizeof(T)> raw_{};
};

template <std::unsigned_integral T>
using UnalignedLe = Unaligned<T, std::endian::little>;
template <std::unsigned_integral T>
using Be = Unaligned<T, std::endian::big>;

using le16 = Le<u16>;
using le32 = Le<u32>;
using le64 = Le<u64>;

// A copy of the T at `offset` bytes, or nothing where the bytes end before it does.
template <class T>
  requires std::is_trivially_copyable_v<T>
std::optional<T> read_object(std::span<const std::byte> bytes, usize offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  T object;
  // The builtin: in a freestanding program the function would be called, for four bytes too.
  __builtin_memcpy(&object, bytes.data() + offset, sizeof(T));
  return object;
}

}  // namespace sluice
