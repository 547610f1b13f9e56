// The block function of ChaCha20: a key and a place in its stream make 64 bytes that nobody without
// the key can tell from chance. Used by the pool of entropy. Pure; any context. Reference: RFC
// 8439, 2.3.
#pragma once

#include <array>

#include <sluice/kernel/types.hpp>

namespace sluice {

using ChaChaKey = std::array<u32, 8>;
using ChaChaPlace = std::array<u32, 4>;  // counter and nonce
using ChaChaBlock = std::array<u32, 16>;

ChaChaBlock chacha20_block(const ChaChaKey& key, const ChaChaPlace& place);

}  // namespace sluice
