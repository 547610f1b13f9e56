// The extent map of a file; see extent_map.hpp.
#include <sluice/fs/fat/extent_map.hpp>

#include <algorithm>
#include <new>

namespace sluice::fat {

namespace {
constexpr u32 kFirstCapacity = 8;
constexpr usize kFirstStep = 32;  // of a search: as far as its first guess is often off
}  // namespace

void ExtentMap::append(const Extent& extent, u32 limit) {
  if (appended_ != 0 && extent.cluster == last_.cluster + last_.count) {
    last_.count += extent.count;
    if (last_is_kept_) {
      extents_[count_ - 1] = last_;
    }
    return;
  }
  last_ = extent;
  last_is_kept_ = false;
  const u32 number = appended_++;
  while (number % stride_ == 0) {
    if (count_ < capacity_ || grow(limit)) {
      extents_[count_++] = extent;
      last_is_kept_ = true;
      return;
    }
    if (count_ == 0) {
      return;  // not even one fits
    }
    thin_out();
  }
}

// Pieces are mostly of about the same size: the search begins where the place would be then, and
// doubles its steps until it has gone past it.
const Extent* ExtentMap::at_or_before(u32 file_cluster) const {
  if (count_ == 0 || extents_[0].file_cluster > file_cluster) {
    return nullptr;
  }
  const Extent* const extents = extents_.get();
  const auto is_behind = [extents, file_cluster](usize index) {
    return extents[index].file_cluster > file_cluster;
  };
  const usize count = count_;
  const usize guess = usize{file_cluster} * count / (usize{last_.file_cluster} + last_.count);
  usize low = std::min(guess, count - 1);  // at or before the place,
  usize high = count;                      // and behind it
  usize step = kFirstStep;
  if (is_behind(low)) {
    do {
      high = low;
      low -= std::min(low, step);
      step *= 2;
    } while (is_behind(low));  // the first is not
  } else {
    for (; step < high - low; step *= 2) {
      if (is_behind(low + step)) {
        high = low + step;
        break;
      }
      low += step;
    }
  }
  while (high - low > 1) {
    const usize middle = low + (high - low) / 2;
    (is_behind(middle) ? high : low) = middle;
  }
  return &extents[low];
}

// Doubles the room, up to the limit; false where that is reached or memory is out.
bool ExtentMap::grow(u32 limit) {
  const u32 capacity = std::min(capacity_ == 0 ? kFirstCapacity : capacity_ * 2, limit);
  if (capacity <= capacity_) {
    return false;
  }
  std::unique_ptr<Extent[]> extents(new (std::nothrow) Extent[capacity]);
  if (!extents) {
    return false;
  }
  std::copy_n(extents_.get(), count_, extents.get());
  extents_ = std::move(extents);
  capacity_ = capacity;
  return true;
}

// Keeps every second of what is kept, from the first on.
void ExtentMap::thin_out() {
  const u32 kept = (count_ + 1) / 2;
  for (u32 i = 1; i < kept; ++i) {
    extents_[i] = extents_[i * 2];
  }
  count_ = kept;
  stride_ *= 2;
}

}  // namespace sluice::fat
