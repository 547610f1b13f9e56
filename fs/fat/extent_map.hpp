// The extent map of a file: which run of clusters holds a place in it.
// Used by File, which appends runs in order while it walks the chain. It holds at most kMaxExtents,
// and fewer where memory is short: then it keeps every second, fourth, … run, and File walks on
// from the one before.
#pragma once

#include <memory>

#include <sluice/kernel/types.hpp>

namespace sluice::fat {

// Clusters that follow each other on the disk and in the file.
struct Extent {
  u32 file_cluster = 0;  // place in the file, from 0
  u32 cluster = 0;       // place on the disk
  u32 count = 0;

  bool contains(u32 place) const { return place >= file_cluster && place - file_cluster < count; }
  // What of it is behind a place that it contains, and that place.
  Extent from(u32 place) const {
    const u32 skip = place - file_cluster;
    return {place, cluster + skip, count - skip};
  }
};

class ExtentMap {
 public:
  static constexpr u32 kMaxExtents = 16384;  // 192 KiB

  // Appends the run that follows those appended before, or more of the last one. Never fails: where
  // there is no room it forgets others. Task.
  void append(const Extent& extent, u32 limit = kMaxExtents);

  // The run that contains the place, or the last kept one before it. Null where none is:
  // nothing was appended, or there was no memory for the first. Any context.
  const Extent* at_or_before(u32 file_cluster) const;

  u32 runs() const { return appended_; }
  u32 kept() const { return count_; }

 private:
  bool grow(u32 limit);
  void thin_out();

  std::unique_ptr<Extent[]> extents_;
  u32 count_ = 0;
  u32 capacity_ = 0;
  u32 appended_ = 0;
  Extent last_{};  // appended
  bool last_is_kept_ = false;
  u32 stride_ = 1;  // every so many-th run is kept
};

}  // namespace sluice::fat
