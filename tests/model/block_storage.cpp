// A disk's sectors and its cache.
#include "block_storage.hpp"

#include <algorithm>

namespace referee {

Disk::Sector Disk::read(std::uint64_t sector) const {
  if (const auto found = cache_.find(sector); found != cache_.end()) {
    return found->second.bytes;
  }
  if (const auto found = sectors_.find(sector); found != sectors_.end()) {
    return found->second;
  }
  Sector bytes{};
  for (std::uint32_t i = 0; fill != nullptr && i < kSectorBytes; ++i) {
    bytes[i] = fill(sector, i);
  }
  return bytes;
}

void Disk::write(std::uint64_t sector, const Sector& bytes) {
  cache_.erase(sector);
  sectors_[sector] = bytes;
}

void Disk::load(std::span<const std::byte> image) {
  for (std::uint64_t sector = 0; !image.empty(); ++sector) {
    const auto piece = image.first(std::min<std::size_t>(image.size(), kSectorBytes));
    Sector bytes{};
    std::copy(piece.begin(), piece.end(), bytes.begin());
    write(sector, bytes);
    image = image.subspan(piece.size());
  }
}

void Disk::flush(std::uint64_t order) {
  std::erase_if(cache_, [this, order](const auto& entry) {
    const auto& [sector, cached] = entry;
    if (cached.order >= order) {
      return false;
    }
    sectors_[sector] = cached.bytes;
    return true;
  });
}

std::size_t Disk::written() const {
  const auto only_cached = std::count_if(cache_.begin(), cache_.end(), [this](const auto& entry) {
    return !sectors_.contains(entry.first);
  });
  return sectors_.size() + static_cast<std::size_t>(only_cached);
}

}  // namespace referee
