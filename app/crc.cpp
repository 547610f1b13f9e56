// The CRC, eight bytes at a time: one table per place in the eight bytes says what a byte there
// adds to the remainder.
#include "crc.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace sluice::app {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr u32 kPolynomial = 0x04c11db7;
constexpr usize kSlices = 8;

constexpr u32 reverse_bytes(u32 value) {
  return value << 24 | (value & 0xff00) << 8 | (value >> 8 & 0xff00) | value >> 24;
}

using Table = std::array<u32, 256>;

// tables[k][b]: the remainder, in reverse byte order, of byte b with k bytes of zeroes behind it.
std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (u32 byte = 0; byte < 256; ++byte) {
    u32 remainder = byte << 24;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = remainder << 1 ^ ((remainder >> 31) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = reverse_bytes(remainder);
  }
  for (usize k = 1; k < kSlices; ++k) {
    for (u32 byte = 0; byte < 256; ++byte) {
      const u32 before = tables[k - 1][byte];
      tables[k][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

// Made at start-up: an image of which that many bytes need not be loaded is worth the moment.
const std::array<Table, kSlices> kTables = make_tables();

u32 add_byte(u32 crc, u32 byte) {
  return crc >> 8 ^ kTables[0][(crc ^ byte) & 0xff];
}

// `words` 64-bit words at an aligned address.
u32 add_words(u32 crc, const std::byte* data, usize words) {
  for (; words > 0; --words, data += 8) {
    u64 word;
    std::memcpy(&word, __builtin_assume_aligned(data, 8), 8);
    word ^= crc;
    crc = kTables[7][word & 0xff] ^ kTables[6][word >> 8 & 0xff] ^ kTables[5][word >> 16 & 0xff] ^
          kTables[4][word >> 24 & 0xff] ^ kTables[3][word >> 32 & 0xff] ^
          kTables[2][word >> 40 & 0xff] ^ kTables[1][word >> 48 & 0xff] ^ kTables[0][word >> 56];
  }
  return crc;
}

}  // namespace

void PosixCrc::add(std::span<const std::byte> data) {
  u32 crc = register_;
  usize at = 0;
  for (; at < data.size() && reinterpret_cast<std::uintptr_t>(data.data() + at) % 8 != 0; ++at) {
    crc = add_byte(crc, std::to_integer<u32>(data[at]));
  }
  const usize words = (data.size() - at) / 8;
  crc = add_words(crc, data.data() + at, words);
  for (at += words * 8; at < data.size(); ++at) {
    crc = add_byte(crc, std::to_integer<u32>(data[at]));
  }
  register_ = crc;
  bytes_ += data.size();
}

u32 PosixCrc::value() const {
  u32 crc = register_;
  for (u64 rest = bytes_; rest != 0; rest >>= 8) {
    crc = add_byte(crc, static_cast<u32>(rest & 0xff));
  }
  return ~reverse_bytes(crc);
}

}  // namespace sluice::app
