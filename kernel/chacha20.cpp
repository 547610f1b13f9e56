// ChaCha20's rounds, in loops: what is done once per seed may be small instead of fast.
#include <sluice/kernel/chacha20.hpp>

#include <algorithm>
#include <bit>

namespace sluice {
namespace {

constexpr u32 kDoubleRounds = 10;
constexpr std::array<u32, 4> kConstants{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

// 2.1
void quarter_round(u32& a, u32& b, u32& c, u32& d) {
  a += b;
  d = std::rotl(d ^ a, 16);
  c += d;
  b = std::rotl(b ^ c, 12);
  a += b;
  d = std::rotl(d ^ a, 8);
  c += d;
  b = std::rotl(b ^ c, 7);
}

}  // namespace

ChaChaBlock chacha20_block(const ChaChaKey& key, const ChaChaPlace& place) {
  ChaChaBlock start;
  std::ranges::copy(kConstants, start.begin());
  std::ranges::copy(key, start.begin() + 4);
  std::ranges::copy(place, start.begin() + 12);
  ChaChaBlock block = start;
  for (u32 round = 0; round < 2 * kDoubleRounds; ++round) {
    // Of the square of four by four: its columns, then its diagonals.
    const u32 slant = round % 2;
    for (u32 i = 0; i < 4; ++i) {
      quarter_round(block[i], block[4 + (i + slant) % 4], block[8 + (i + 2 * slant) % 4],
                    block[12 + (i + 3 * slant) % 4]);
    }
  }
  for (usize i = 0; i < block.size(); ++i) {
    block[i] += start[i];
  }
  return block;
}

}  // namespace sluice
