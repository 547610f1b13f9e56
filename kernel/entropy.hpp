// Entropy: where seeds come from. A pool that start-up feeds with the device tree's rng-seed and
// drivers with what entropy devices give. Used by whoever wants another run than the last one
// (ram0.seed=random). Any context of any hart.
//
// The pool is ChaCha20 with fast key erasure (D. J. Bernstein, 2017): what comes out says nothing
// of what came out before. It is as hard to guess as what was added, and no harder: nothing here
// estimates or tests that, and before anything was added only the clock tells two boots apart.
// Meant for seeds; nobody has reviewed it for keys.
#pragma once

#include <span>

#include <sluice/kernel/chacha20.hpp>

namespace sluice::entropy {

// Mixes bytes in; none of them can make what comes out easier to guess.
void add(std::span<const std::byte> bytes);
// How many have been, since start.
u64 bytes_added();

// Bytes that differ from call to call.
void fill(std::span<std::byte> to);
u64 seed64();

// Overwrites what nobody needs to know any more, also where the compiler sees that nobody looks.
void wipe(std::span<std::byte> secret);

// The pool without lock or clock: the same calls give the same bytes.
class Pool {
 public:
  void add(std::span<const std::byte> bytes);
  void fill(std::span<std::byte> to);

 private:
  std::array<u32, 8> step(const ChaChaPlace& place);
  ChaChaKey key_{};
};

}  // namespace sluice::entropy
