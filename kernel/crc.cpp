// The CRCs, a byte at a time: a kilobyte of table for each is what they are worth here. See
// crc.hpp.
#include <sluice/kernel/crc.hpp>

#include <array>

namespace sluice {

namespace {

// Polynomials with their bits in reverse order.
constexpr u32 kIeee = 0xedb88320;
constexpr u32 kCastagnoli = 0x82f63b78;

// By byte: what it adds to the remainder.
using Table = std::array<u32, 256>;

constexpr Table make_table(u32 polynomial) {
  Table table{};
  for (u32 byte = 0; byte < 256; ++byte) {
    u32 remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? polynomial : 0);
    }
    table[byte] = remainder;
  }
  return table;
}

template <u32 Polynomial>
u32 add(u32 crc, std::span<const std::byte> data) {
  static constexpr Table kTable = make_table(Polynomial);
  for (const std::byte byte : data) {
    crc = crc >> 8 ^ kTable[(crc ^ std::to_integer<u32>(byte)) & 0xff];
  }
  return crc;
}

}  // namespace

u32 crc32(std::span<const std::byte> data, u32 before) {
  return ~add<kIeee>(~before, data);
}

u32 crc32c(std::span<const std::byte> data, u32 before) {
  return ~add<kCastagnoli>(~before, data);
}

}  // namespace sluice
