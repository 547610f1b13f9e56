// The file allocation table and the walk along a chain (fs/fat/table.hpp).
#include "tests/unit/fat/mounted.hpp"

#include <random>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;
using Step = ChainWalk::Step;

namespace {

Geometry with_clusters(Type type, u32 clusters) {
  Geometry geometry;
  geometry.type = type;
  geometry.clusters = clusters;
  return geometry;
}

// The clusters of a chain as the walk gives them, and how it ended; "" where it took too long.
struct Walked {
  std::vector<u32> clusters;
  Step end = Step::Run;
  Link link;
};
Walked walk(Mounted& disk, u32 first, u32 limit = ~0u, usize bound = 100'000) {
  Walked walked;
  ChainWalk chain(disk.volume->table(), first);
  while (walked.clusters.size() <= bound) {
    const Result<Step> step = chain.advance(limit);
    REQUIRE(step.has_value());
    if (*step != Step::Run) {
      walked.end = *step;
      walked.link = chain.link();
      REQUIRE(chain.clusters() == walked.clusters.size());
      return walked;
    }
    REQUIRE(chain.index() == walked.clusters.size());
    REQUIRE(chain.run().count > 0);
    REQUIRE(chain.run().count <= limit);
    for (u32 i = 0; i < chain.run().count; ++i) {
      walked.clusters.push_back(chain.run().cluster + i);
    }
  }
  FAIL("the walk does not end");
  return walked;
}

}  // namespace

// F2, F4: what no cluster has as its number, on volumes just as large as their type allows.
TEST_CASE("an entry means a cluster before anything else, else what its value says") {
  using Kind = Link::Kind;
  const Geometry small12 = with_clusters(Type::Fat12, 100);
  CHECK(interpret(small12, 0).kind == Kind::Free);
  CHECK(interpret(small12, 1).kind == Kind::Reserved);
  CHECK(interpret(small12, 2).kind == Kind::Next);
  CHECK(interpret(small12, 101).kind == Kind::Next);
  CHECK(interpret(small12, 102).kind == Kind::OutOfRange);
  CHECK(interpret(small12, 0xfef).kind == Kind::OutOfRange);
  CHECK(interpret(small12, 0xff0).kind == Kind::Reserved);
  CHECK(interpret(small12, 0xff6).kind == Kind::Reserved);
  CHECK(interpret(small12, 0xff7).kind == Kind::Bad);
  CHECK(interpret(small12, 0xff8).kind == Kind::End);
  CHECK(interpret(small12, 0xfff).kind == Kind::End);
  CHECK(interpret(small12, 0x1000).kind == Kind::OutOfRange);
  // The largest volumes have clusters 0xff5 and 0xfff5.
  CHECK(interpret(with_clusters(Type::Fat12, 4084), 0xff5).kind == Kind::Next);
  CHECK(interpret(with_clusters(Type::Fat12, 4084), 0xff6).kind == Kind::Reserved);
  CHECK(interpret(with_clusters(Type::Fat16, 65524), 0xfff5).kind == Kind::Next);
  CHECK(interpret(with_clusters(Type::Fat16, 65524), 0xfff7).kind == Kind::Bad);
  const Geometry fat32 = with_clusters(Type::Fat32, 70'000);
  CHECK(interpret(fat32, 0xfff7).kind == Kind::Next);
  CHECK(interpret(fat32, 0x0fff'fff7).kind == Kind::Bad);
  CHECK(interpret(fat32, 0x0fff'fff8).kind == Kind::End);
}

TEST_CASE("every entry of every width reads as it was written, across all borders") {
  for (const Layout& layout : {fat12(4084), fat16(9000), fat32(9000)}) {
    ImageBuilder image(layout);
    std::mt19937 random(7);
    std::vector<u32> values;
    for (u32 cluster = 0; cluster < layout.clusters + 2; ++cluster) {
      // The upper four bits of a FAT32 entry are set, and mean nothing.
      values.push_back(cluster == 2 ? image.end_mark()
                                    : static_cast<u32>(random()) & image.end_mark());
      image.set_entry(cluster,
                      layout.width == Width::Fat32 ? values.back() | 0xa000'0000 : values.back());
    }
    Mounted disk(image.bytes);
    Table& table = disk.volume->table();
    for (u32 cluster = 0; cluster < layout.clusters + 2; ++cluster) {
      REQUIRE(table.value(cluster) == values[cluster]);
    }
    CHECK(table.value(layout.clusters + 2).error() == Errc::Malformed);
    CHECK(table.link(layout.clusters + 2)->kind == Link::Kind::OutOfRange);
    CHECK(table.link(1)->kind == Link::Kind::OutOfRange);
  }
}

// F3
TEST_CASE(
    "an entry of FAT12 that lies in two sectors or two windows of the disk reads as written") {
  const u32 reserved = GENERATE(1u, 60u, 63u);  // 60, 63: the table goes on in the next window
  const bool sector_by_sector = GENERATE(false, true);
  Layout layout = fat12(4084);
  layout.reserved_sectors = reserved;
  ImageBuilder image(layout);
  const auto value_of = [](u32 cluster) { return cluster * 0x9d & 0xfff; };  // all of them differ
  for (u32 cluster = 2; cluster < 4086; ++cluster) {
    image.set_entry(cluster, value_of(cluster));
  }
  Mounted disk(image.bytes);
  if (sector_by_sector) {  // a window that cannot be read as a whole is read in blocks
    disk.device.bad_sectors = {0, 127};
  }
  for (const u32 step : {1u, 2u, 341u, 4083u}) {
    for (u32 i = 0; i < 4084; ++i) {
      const u32 cluster = 2 + i * step % 4084;
      REQUIRE(disk.volume->table().value(cluster) == value_of(cluster));
    }
  }
}

TEST_CASE("a chain is walked run by run in its order") {
  for (const Layout& layout : {fat12(4084), fat16(9000), fat32(20'000)}) {
    ImageBuilder image(layout);
    std::vector<u32> clusters;
    for (u32 i = 100; i < 3900; ++i) {
      clusters.push_back(i);
    }
    for (u32 i = 10; i < 90; i += 2) {
      clusters.push_back(i);
    }
    clusters.push_back(layout.clusters + 1);  // the last one
    image.chain(clusters);
    Mounted disk(image.bytes);
    for (const u32 limit : {~0u, 1u, 7u, 3800u}) {
      const Walked walked = walk(disk, 100, limit);
      REQUIRE(walked.clusters == clusters);
      REQUIRE(walked.end == Step::End);
    }
    ChainWalk chain(disk.volume->table(), 100);
    REQUIRE(*chain.advance() == Step::Run);
    CHECK(chain.run().count == 3800);
  }
}

// F2
TEST_CASE("a walk stops at whatever is no link, and says what it is") {
  struct Case {
    u32 value;
    Link::Kind kind;
  };
  for (const Case& one : {Case{0, Link::Kind::Free},
                          {1, Link::Kind::Reserved},
                          {102, Link::Kind::OutOfRange},
                          {0xff7, Link::Kind::Bad},
                          {0xff0, Link::Kind::Reserved}}) {
    ImageBuilder image(fat12(100));
    image.chain(std::vector<u32>{5, 6, 9});
    image.set_entry(9, one.value);
    Mounted disk(image.bytes);
    const Walked walked = walk(disk, 5);
    CHECK(walked.clusters == std::vector<u32>{5, 6, 9});
    CHECK(walked.end == Step::Broken);
    CHECK(walked.link.kind == one.kind);
    CHECK(walked.link.value == one.value);
  }
}

TEST_CASE("the run of the last cluster does not leave the table") {
  ImageBuilder image(fat16(5000));
  image.set_entry(5000, 5001);
  image.set_entry(5001, 5002);  // there is none
  Mounted disk(image.bytes);
  const Walked walked = walk(disk, 5000);
  CHECK(walked.clusters == std::vector<u32>{5000, 5001});
  CHECK(walked.end == Step::Broken);
  CHECK(walked.link.kind == Link::Kind::OutOfRange);
}

// F2
TEST_CASE("a walk that begins at no cluster is broken at once") {
  Mounted disk(ImageBuilder(fat12(100)).bytes);
  for (const u32 first : {0u, 1u, 102u, 0xff7u, 0xffffu, ~0u}) {
    const Walked walked = walk(disk, first);
    CHECK(walked.clusters.empty());
    CHECK(walked.end == Step::Broken);
  }
}

// F1
TEST_CASE("a cycle of any length and entry is found after at most three times its chain") {
  for (const u32 tail : {0u, 1u, 2u, 5u, 31u, 64u}) {
    for (const u32 length : {1u, 2u, 3u, 8u, 33u, 100u}) {
      for (const bool scattered : {false, true}) {
        ImageBuilder image(fat12(600));
        std::vector<u32> clusters;
        for (u32 i = 0; i < tail + length; ++i) {
          clusters.push_back(scattered ? 2 + (i * 7) % 599 : 10 + i);
        }
        image.chain(clusters);
        image.set_entry(clusters.back(), clusters[tail]);
        Mounted disk(image.bytes);
        const Walked walked = walk(disk, clusters[0], ~0u, 3 * (tail + length) + 3);
        REQUIRE(walked.end == Step::Cycle);
      }
    }
  }
}

TEST_CASE("free clusters are counted over the whole table and no further") {
  for (const Layout& layout : {fat12(4084), fat16(8190), fat32(65600)}) {
    ImageBuilder image(layout);
    const u32 root = layout.width == Width::Fat32 ? 1 : 0;
    std::vector<u32> used;
    for (u32 cluster = 3; cluster < layout.clusters; cluster += 5) {
      used.push_back(cluster);
    }
    image.chain(used);
    if (layout.width == Width::Fat32) {
      image.set_entry(4, 0xf000'0000);  // free: the upper bits do not count
    }
    Mounted disk(image.bytes);
    CHECK(disk.volume->table().count_free() == layout.clusters - used.size() - root);
  }
}
