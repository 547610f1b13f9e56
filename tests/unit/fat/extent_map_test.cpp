// The extent map of a file (fs/fat/extent_map.hpp).
#include "tests/catch.hpp"

#include <sluice/fs/fat/extent_map.hpp>

using namespace sluice;
using namespace sluice::fat;

namespace {

// Runs of 1, 2, 3, 1, 2, 3, … clusters.
Extent run(u32 number) {
  const u32 rounds = number / 3;
  constexpr u32 kBefore[]{0, 1, 3};
  return {.file_cluster = rounds * 6 + kBefore[number % 3],
          .cluster = 1000 + number * 10,
          .count = number % 3 + 1};
}

}  // namespace

TEST_CASE("an empty extent map knows no place") {
  const ExtentMap map;
  CHECK(map.at_or_before(0) == nullptr);
  CHECK(map.at_or_before(~0u) == nullptr);
}

TEST_CASE("every place is found in the run that contains it") {
  ExtentMap map;
  for (u32 i = 0; i < 1000; ++i) {
    map.append(run(i));
  }
  CHECK(map.kept() == 1000);
  for (u32 i = 0; i < 1000; ++i) {
    for (u32 k = 0; k < run(i).count; ++k) {
      const Extent* found = map.at_or_before(run(i).file_cluster + k);
      REQUIRE(found != nullptr);
      REQUIRE(found->cluster == run(i).cluster);
      REQUIRE(found->contains(run(i).file_cluster + k));
    }
  }
  CHECK_FALSE(map.at_or_before(5000)->contains(5000));
}

TEST_CASE("a full extent map keeps the first run and evenly spread others") {
  for (const u32 limit : {1u, 2u, 3u, 7u, 16u}) {
    ExtentMap map;
    for (u32 i = 0; i < 200; ++i) {
      map.append(run(i), limit);
      REQUIRE(map.kept() <= limit);
      REQUIRE(map.kept() * 2 + 1 >= std::min(limit, i + 1));
    }
    u32 stride = 1;  // every so many-th is kept: the least power of two with which they fit
    while ((200 + stride - 1) / stride > limit) {
      stride *= 2;
    }
    for (u32 i = 0; i < 200; ++i) {
      const Extent* found = map.at_or_before(run(i).file_cluster);
      REQUIRE(found != nullptr);
      REQUIRE(found->cluster == run(i / stride * stride).cluster);
      REQUIRE(found->file_cluster == run(i / stride * stride).file_cluster);
    }
    CHECK(map.at_or_before(0)->cluster == run(0).cluster);
  }
}

TEST_CASE("a run that comes in parts is one run") {
  for (const u32 limit : {100u, 4u}) {
    ExtentMap map;
    for (u32 i = 0; i < 30; ++i) {
      map.append({.file_cluster = i * 10, .cluster = 1000 + i * 50, .count = 3}, limit);
      map.append({.file_cluster = i * 10 + 3, .cluster = 1003 + i * 50, .count = 7}, limit);
    }
    CHECK(map.runs() == 30);
    for (u32 place = 0; place < 300; ++place) {
      const Extent* found = map.at_or_before(place);
      REQUIRE(found != nullptr);
      REQUIRE(found->count == 10);
      const u32 stride = limit == 4 ? 80 : 10;  // 30 runs: every eighth is kept, or every one
      REQUIRE(found->file_cluster == place / stride * stride);
    }
  }
}

TEST_CASE("an extent map without memory for the first run knows no place before the second") {
  ExtentMap map;
  map.append(run(0), 0);  // there is room for none
  map.append(run(1));
  map.append(run(2));
  CHECK(map.at_or_before(0) == nullptr);
  CHECK(map.at_or_before(run(1).file_cluster)->cluster == run(1).cluster);
  CHECK(map.at_or_before(run(2).file_cluster)->cluster == run(2).cluster);
}
