// Copies between the device and the runs of bytes that a chain's segments make.
#include "personality.hpp"

#include <algorithm>

namespace referee {
namespace {

std::uint64_t total(const Chain& chain, bool device_writable) {
  std::uint64_t bytes = 0;
  for (const Segment& segment : chain.segments) {
    bytes += segment.device_writable == device_writable ? segment.bytes : 0;
  }
  return bytes;
}

// Calls copy(memory of the segment, position in [0, bytes)) for each piece of [offset, offset +
// bytes) of the chain's readable or writable run.
template <class Copy>
bool for_each_piece(const Chain& chain, Memory& memory, bool device_writable, std::uint64_t offset,
                    std::uint64_t bytes, Copy copy) {
  std::uint64_t done = 0;
  for (const Segment& segment : chain.segments) {
    if (segment.device_writable != device_writable) {
      continue;
    }
    if (offset >= segment.bytes) {
      offset -= segment.bytes;
      continue;
    }
    const std::uint64_t piece = std::min<std::uint64_t>(segment.bytes - offset, bytes - done);
    if (piece == 0) {
      break;
    }
    const std::span<std::byte> lent = memory.at(segment.bus + offset, piece);
    if (lent.empty()) {
      return false;
    }
    copy(lent, done);
    done += piece;
    offset = 0;
  }
  return done == bytes;
}

}  // namespace

std::uint64_t Chain::readable_bytes() const {
  return total(*this, false);
}
std::uint64_t Chain::writable_bytes() const {
  return total(*this, true);
}

bool copy_from_driver(const Chain& chain, Memory& memory, std::uint64_t offset,
                      std::span<std::byte> to) {
  return for_each_piece(chain, memory, false, offset, to.size(),
                        [to](std::span<std::byte> lent, std::uint64_t position) {
                          std::copy(lent.begin(), lent.end(), to.subspan(position).begin());
                        });
}

bool copy_to_driver(const Chain& chain, Memory& memory, std::uint64_t offset,
                    std::span<const std::byte> from) {
  return for_each_piece(chain, memory, true, offset, from.size(),
                        [from](std::span<std::byte> lent, std::uint64_t position) {
                          const auto piece = from.subspan(position, lent.size());
                          std::copy(piece.begin(), piece.end(), lent.begin());
                        });
}

}  // namespace referee
