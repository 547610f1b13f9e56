// Integers of a fixed byte order, and the way from bytes to a wire struct.
#include "tests/catch.hpp"

#include <array>
#include <bit>
#include <cstring>

#include <sluice/kernel/endian.hpp>

using namespace sluice;

namespace {

template <class T>
std::array<u8, sizeof(T)> bytes_of(T value) {
  return std::bit_cast<std::array<u8, sizeof(T)>>(value);
}

struct Wire {
  UnalignedLe<u16> first;
  Be<u32> second;
  UnalignedLe<u64> third;
};
static_assert(sizeof(Wire) == 14 && alignof(Wire) == 1);
static_assert(sizeof(le32) == 4 && alignof(le32) == 4);
static_assert(sizeof(le64) == 8 && alignof(le64) == 8);

}  // namespace

TEST_CASE("endian: little-endian integers have their low byte first") {
  CHECK(bytes_of(le16(0x1234)) == std::array<u8, 2>{0x34, 0x12});
  CHECK(bytes_of(le32(0x12345678)) == std::array<u8, 4>{0x78, 0x56, 0x34, 0x12});
  CHECK(bytes_of(UnalignedLe<u64>(0x0102030405060708)) ==
        std::array<u8, 8>{8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(u32{le32(0x12345678)} == 0x12345678);
}

TEST_CASE("endian: big-endian integers have their high byte first") {
  CHECK(bytes_of(Be<u16>(0x1234)) == std::array<u8, 2>{0x12, 0x34});
  CHECK(bytes_of(Be<u32>(0xd00dfeed)) == std::array<u8, 4>{0xd0, 0x0d, 0xfe, 0xed});
  CHECK(u64{Be<u64>(0x0102030405060708)} == 0x0102030405060708);
}

TEST_CASE("endian: a struct is copied from any place in the bytes, if it lies inside them") {
  std::array<std::byte, 20> bytes{};
  for (usize i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i);
  }
  const std::optional<Wire> wire = read_object<Wire>(bytes, 3);
  REQUIRE(wire);
  CHECK(u16{wire->first} == 0x0403);
  CHECK(u32{wire->second} == 0x05060708);
  CHECK(u64{wire->third} == 0x100f0e0d0c0b0a09);
  CHECK(read_object<Wire>(bytes, 6));
  CHECK_FALSE(read_object<Wire>(bytes, 7));
  CHECK_FALSE(read_object<Wire>(bytes, 20));
  CHECK_FALSE(read_object<Wire>(bytes, 21));
  CHECK_FALSE(read_object<Wire>(bytes, ~usize{0}));
  CHECK_FALSE(read_object<u8>(std::span<const std::byte>{}));
}
