// Good FAT volumes; see fat_bases.hpp.
#include "fat_bases.hpp"

namespace sluice::fuzz {
namespace {

using test::Dir;
using test::ImageBuilder;

constexpr u32 kUsedClusters = 100;

// What does not belong to clusters in use is zeroes, and needs no memory.
FatBase base_of(ImageBuilder image, u32 used_clusters) {
  const usize end = image.cluster_at(2 + used_clusters);
  const u64 zero_bytes = image.bytes.size() - end;
  image.bytes.resize(end);
  return {.image = std::move(image), .zero_bytes = zero_bytes, .stored_clusters = used_clusters};
}

// A label, long and short names, a file in so many pieces that it takes two batches to read, one
// without a cluster, a directory of two clusters, and directories in each other.
FatBase populated(const test::Layout& layout) {
  ImageBuilder image(layout);
  const u32 cluster_bytes = image.cluster_bytes();
  image.add_short(image.root, "FUZZ       ", 0x08, 0, 0);
  image.add_long_file(image.root, u"A long name.txt", "ALONGN~1TXT",
                      test::pattern(2 * cluster_bytes + 300));
  std::vector<u32> pieces;
  for (u32 cluster = 20; cluster < kUsedClusters; cluster += 2) {
    pieces.push_back(cluster);
  }
  image.add_file(image.root, "PIECES  BIN", test::pattern(pieces.size() * cluster_bytes - 99),
                 pieces);
  image.add_short(image.root, "EMPTY   TXT", 0x20, 0, 0);
  Dir wide = image.add_dir(image.root, "WIDE       ", {10, 12});
  for (char letter = 'A'; letter <= 'P'; ++letter) {
    image.add_short(wide, letter + std::string("       TXT"), 0x20, 0, 0);
  }
  Dir deep = image.add_dir(image.root, "DEEP       ");
  Dir deeper = image.add_dir(deep, "DEEPER     ");
  image.add_long_file(deeper, u"\u00fc\u00f6\u00e4 \U0001f600.text", "UOA~1   TEX",
                      test::pattern(77));
  return base_of(std::move(image), kUsedClusters);
}

// Clusters of 512 KiB: all but a directory's first bytes is zeroes.
FatBase huge() {
  constexpr u32 kClusters = 8200, kSectorsPerCluster = 128, kSectorBytes = 4096;
  constexpr u32 kFirst = 10, kFileClusters = 8190;
  ImageBuilder image({.width = test::Width::Fat16,
                      .clusters = kClusters,
                      .sector_bytes = kSectorBytes,
                      .fats = 1,
                      .root_entries = 128});
  Dir dir = image.add_dir(image.root, "DIR        ", {2});
  image.add_short(dir, "NOTHING TXT", 0x20, 0, 0);
  image.add_short(image.root, "HUGE    BIN", 0x20, kFirst,
                  kFileClusters * (kSectorsPerCluster * kSectorBytes) - 1);
  for (u32 i = 0; i < kFileClusters; ++i) {
    image.set_entry(kFirst + i, i + 1 < kFileClusters ? kFirst + i + 1 : image.end_mark());
  }
  const u32 data_sector = static_cast<u32>(image.cluster_at(2) / kSectorBytes);
  FatBase base = base_of(std::move(image), 1);
  base.zero_bytes += u64{kClusters} * (kSectorsPerCluster - 1) * kSectorBytes;
  base.image.put8(13, kSectorsPerCluster);
  base.image.put16(19, 0);
  base.image.put32(32, data_sector + kClusters * kSectorsPerCluster);
  return base;
}

// Of 33 sectors of 4096 bytes, where the reader keeps 32. FSInfo says how many clusters are free,
// or all of the table would be counted each time.
FatBase with_large_table() {
  constexpr u32 kClusters = 33'000;
  test::Layout layout = test::fat32(kClusters);
  layout.fats = 1;
  FatBase base = populated(layout);
  base.image.put32(512 + 488, kClusters - 500);
  return base;
}

std::vector<FatBase> make_bases() {
  std::vector<FatBase> bases;
  bases.push_back(populated(test::fat12(120)));
  bases.push_back(populated(test::fat16()));
  test::Layout small = test::fat32(120);  // as mkfs.fat -F 32 makes it of a small disk
  small.reserved_sectors = 3;
  bases.push_back(populated(small));
  test::Layout clusters_of_two = test::fat12(120);
  clusters_of_two.sectors_per_cluster = 2;
  bases.push_back(populated(clusters_of_two));
  bases.push_back(huge());
  bases.push_back(with_large_table());
  return bases;
}

}  // namespace

std::span<const FatBase> fat_bases() {
  static const std::vector<FatBase> bases = make_bases();
  return bases;
}

}  // namespace sluice::fuzz
