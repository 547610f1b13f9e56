// How much a FAT reader may read: a bound that follows from the volume's size, for each operation.
// Used by fat_volume.cpp and fat_tree.cpp.
#pragma once

#include <algorithm>

#include <sluice/fs/fat/bpb.hpp>

#include "require.hpp"
#include "tests/unit/fat/byte_device.hpp"

namespace sluice::fuzz {

class FatBudget {
 public:
  explicit FatBudget(const test::ByteDevice& device) : device_(device) {}

  // Before there is a geometry, nothing but the boot sector is read.
  void set_geometry(const fat::Geometry& geometry) { geometry_ = geometry; }

  // What an operation may cost, in bios: a walk along a chain, or over the whole table …
  u64 walk() const {
    const u64 table_bytes = (u64{geometry_.clusters} + 2) * 4;
    const u64 windows = table_bytes / kWindowBytes + 2;
    // As many as the reader keeps are each read once, unless there are sectors that cannot be.
    // Otherwise each step may be another one, and a cycle is found after three times its length.
    return windows <= 4 && device_.bad_sectors.empty() ? windows
                                                       : windows + 4 * u64{geometry_.clusters};
  }
  // … all of a directory, opened and read …
  u64 directory() const {
    constexpr u64 kMostBytes = 2 * 1024 * 1024, kReadBytes = 16 * 1024;
    const u64 clusters = std::max<u64>(kMostBytes / geometry_.cluster_bytes, 1) + 1;
    const u64 reads =
        std::min<u64>(clusters, geometry_.clusters) * (geometry_.cluster_bytes / kReadBytes + 1);
    return 2 * walk() + std::max<u64>(reads, kMostBytes / kReadBytes);
  }
  // … so many bytes of a file.
  u64 file(u64 bytes) const { return walk() + bytes / geometry_.cluster_bytes + 2; }
  // … and a check: both tables side by side, each cluster of a directory once, and a look into the
  // table for each entry of theirs.
  u64 check() const {
    constexpr u64 kPieceBytes = 16 * 1024;
    const u64 table_bytes = u64{geometry_.fat_sectors} * geometry_.sector_bytes;
    const u64 clusters = geometry_.clusters;
    const u64 entries = (clusters * geometry_.cluster_bytes + geometry_.root_entries * 32) / 32;
    const u64 looks = walk() <= 4 ? walk() : 4 * clusters + entries;
    return 2 * geometry_.fats * (table_bytes / kPieceBytes + 1) +
           clusters * (geometry_.cluster_bytes / kPieceBytes + 1) + directory() + 3 * walk() +
           looks + 4;
  }

  // An operation has ended that may have submitted so many bios. A read that fails may be tried
  // once more.
  void spend(u64 bios) {
    allowed_bios_ += 2 * bios;
    const u64 bio_bytes = kWindowBytes + 2 * u64{device_.limits().logical_block_bytes};
    require(device_.bios <= allowed_bios_, "there are more reads than the volume can need");
    require(device_.bytes_read <= allowed_bios_ * bio_bytes,
            "more bytes are read than the volume can need");
    // What is gone refuses reads itself.
    require(device_.senseless == 0 || device_.disk_bytes() == 0,
            "a read makes no sense on this disk");
  }

 private:
  static constexpr u64 kWindowBytes = 32 * 1024;

  const test::ByteDevice& device_;
  fat::Geometry geometry_;
  u64 allowed_bios_ = 0;
};

}  // namespace sluice::fuzz
