// The pool: a key that every call replaces. Each block of ChaCha20 is half the next key, half
// output.
#include <sluice/kernel/entropy.hpp>

#include <algorithm>
#include <cstring>

#include <sluice/kernel/lock.hpp>
#include <sluice_port.hpp>

namespace sluice::entropy {
namespace {

constexpr usize kLockedBytes = 256;  // made at most while the lock is held

struct Shared {
  SpinLock lock;  // protects the others
  Pool pool;
  u64 bytes_added = 0;
};
constinit Shared shared;

std::span<std::byte> as_bytes(auto& object) {
  return std::as_writable_bytes(std::span(&object, 1));
}

}  // namespace

void wipe(std::span<std::byte> secret) {
  for (std::byte& byte : secret) {
    *const_cast<volatile std::byte*>(&byte) = std::byte{0};
  }
}

// --- Pool ----------------------------------------------------------------------------------------

std::array<u32, 8> Pool::step(const ChaChaPlace& place) {
  ChaChaBlock block = chacha20_block(key_, place);
  std::array<u32, 8> output;
  std::copy_n(block.begin(), key_.size(), key_.begin());
  std::copy_n(block.begin() + key_.size(), output.size(), output.begin());
  wipe(as_bytes(block));
  return output;
}

// What is added chooses the place in the stream, not the key, so that who chooses it does not know
// where it leads.
void Pool::add(std::span<const std::byte> bytes) {
  const u64 count = bytes.size();
  ChaChaPlace place;
  while (!bytes.empty()) {
    place = {};
    const usize piece = std::min(bytes.size(), sizeof(place));
    std::memcpy(place.data(), bytes.data(), piece);
    step(place);
    bytes = bytes.subspan(piece);
  }
  wipe(as_bytes(place));
  // Else zeroes at the end would not count.
  step({static_cast<u32>(count), static_cast<u32>(count >> 32), 0, 0});
}

void Pool::fill(std::span<std::byte> to) {
  while (!to.empty()) {
    std::array<u32, 8> output = step({});
    const usize piece = std::min(to.size(), sizeof(output));
    std::memcpy(to.data(), output.data(), piece);
    wipe(as_bytes(output));
    to = to.subspan(piece);
  }
}

// --- The pool of the machine ---------------------------------------------------------------------

void add(std::span<const std::byte> bytes) {
  const LockGuard guard(shared.lock);
  shared.pool.add(bytes);
  shared.bytes_added += bytes.size();
}

u64 bytes_added() {
  const LockGuard guard(shared.lock);
  return shared.bytes_added;
}

void fill(std::span<std::byte> to) {
  while (!to.empty()) {
    const std::span<std::byte> piece = to.first(std::min(to.size(), kLockedBytes));
    u64 now = port::ticks();
    const LockGuard guard(shared.lock);
    shared.pool.add(as_bytes(now));
    shared.pool.fill(piece);
    to = to.subspan(piece.size());
  }
}

u64 seed64() {
  u64 seed = 0;
  fill(as_bytes(seed));
  return seed;
}

}  // namespace sluice::entropy
