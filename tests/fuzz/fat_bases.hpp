// Good FAT volumes, for a fuzzer to damage: one of each type, one whose table is larger than what
// the reader keeps of it, and one with a file of almost 4 GiB. Used by fat_volume.cpp.
#pragma once

#include <span>

#include "tests/unit/fat/image_builder.hpp"

namespace sluice::fuzz {

struct FatBase {
  test::ImageBuilder image;  // its bytes end behind the clusters in use
  u64 zero_bytes = 0;        // that follow them on the disk
  u32 stored_clusters = 0;   // from cluster 2 on, those that are within the bytes
};

// Made at the first call.
std::span<const FatBase> fat_bases();

}  // namespace sluice::fuzz
