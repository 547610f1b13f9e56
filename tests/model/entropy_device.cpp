// Judging and filling the buffers of an entropy device.
// Reference: virtio 1.2, 5.4.6.
#include "entropy_device.hpp"

#include <algorithm>
#include <string>

#include "rules.hpp"

namespace referee {

void EntropyDevice::inspect(const Chain& chain, const Negotiated&, Memory&, Judge& judge) {
  if (chain.readable_bytes() != 0) {
    judge.broken(rule::rng_readable, std::to_string(chain.readable_bytes()) + " bytes");
  } else if (chain.writable_bytes() == 0) {
    judge.broken(rule::rng_no_room);
  }
}

std::uint32_t EntropyDevice::execute(const Chain& chain, const Negotiated&, Memory& memory) {
  const std::uint64_t asked = chain.writable_bytes();
  std::vector<std::byte> bytes(std::min<std::uint64_t>(asked, most_bytes));
  std::generate(bytes.begin(), bytes.end(), [this] { return next(); });
  copy_to_driver(chain, memory, 0, bytes);
  given_.insert(given_.end(), bytes.begin(), bytes.end());
  requests_.push_back({asked, static_cast<std::uint32_t>(bytes.size())});
  return lies.value_or(requests_.back().given_bytes);
}

// A linear congruential generator's upper bits: not for secrets, but the same in every run.
std::byte EntropyDevice::next() {
  state_ = state_ * 6364136223846793005 + 1442695040888963407;
  return static_cast<std::byte>(state_ >> 56);
}

}  // namespace referee
