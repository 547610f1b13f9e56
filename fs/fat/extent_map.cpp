// The extent map of a file; see extent_map.hpp.
#include <sluice/fs/fat/extent_map.hpp>

#include <algorithm>
#include <new>

namespace sluice::fat {

namespace {
constexpr u32 kFirstCapacity = 8;
}

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

const Extent* ExtentMap::at_or_before(u32 file_cluster) const {
  const Extent* begin = extents_.get();
  const Extent* after =
      std::upper_bound(begin, begin + count_, file_cluster,
                       [](u32 place, const Extent& extent) { return place < extent.file_cluster; });
  return after == begin ? nullptr : after - 1;
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
