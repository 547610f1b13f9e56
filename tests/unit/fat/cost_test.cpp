// What reading costs (fs/fat/file.hpp, block_reader.hpp): how many bios, and how many bytes in
// them.
#include "tests/unit/fat/mounted.hpp"
#include "tests/unit/fat/sparse_device.hpp"

#include <algorithm>
#include <random>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

constexpr u32 kWindowBytes = 32 * 1024;  // that the table is read in

// Reads that cover so many bytes of the table, wherever they begin.
u32 windows(u32 table_bytes) {
  return table_bytes / kWindowBytes + 2;
}

// A FAT32 volume with one file, /F, of whole clusters that nobody has written: for counting alone.
struct OneFile {
  explicit OneFile(std::vector<u32> clusters, u32 sectors_per_cluster = 1)
      : image(layout_for(clusters, sectors_per_cluster), ImageBuilder::Backing::Sparse) {
    bytes = static_cast<u32>(clusters.size()) * image.cluster_bytes();
    image.chain(clusters);
    image.add_short(image.root, "F          ", 0x20, clusters[0], bytes);
    disk.emplace(image.sparse);
    file.emplace(disk->open("/f"));
    disk->device.reset_counters();
  }

  void read_at(u64 offset, u32 count) {
    buffer.resize(std::max<usize>(buffer.size(), count));
    REQUIRE(file->read(offset, std::span(buffer).first(count)) == count);
  }

  static Layout layout_for(const std::vector<u32>& clusters, u32 sectors_per_cluster) {
    Layout layout = fat32(std::max(70'000u, std::ranges::max(clusters)));
    layout.sectors_per_cluster = sectors_per_cluster;
    return layout;
  }

  ImageBuilder image;
  u32 bytes = 0;
  std::optional<MountedOn<SparseDevice>> disk;
  std::optional<File> file;
  Bytes buffer;
};

// Clusters 100, 100 + step, …
std::vector<u32> spread(u32 count, u32 step) {
  std::vector<u32> clusters;
  for (u32 i = 0; i < count; ++i) {
    clusters.push_back(100 + i * step);
  }
  return clusters;
}

}  // namespace

// F12
TEST_CASE("a contiguous file costs a bio for each read of it, however large the reads are") {
  const u32 read_bytes = GENERATE(4096u, 64u << 10, 1u << 20, 16u << 20);
  OneFile one(spread(16'384, 1), 8);  // 64 MiB
  for (u64 at = 0; at < one.bytes; at += read_bytes) {
    one.read_at(at, read_bytes);
  }
  const u32 table_bytes = 16'384 * 4;
  CHECK(one.disk->device.bios <= one.bytes / read_bytes + windows(table_bytes));
  CHECK(one.disk->device.bytes_read <= one.bytes + windows(table_bytes) * kWindowBytes);
}

// F12
TEST_CASE("a file in pieces costs a bio for each piece, and its part of the table once") {
  const u32 read_bytes = GENERATE(512u, 10'240u, 1u << 20);
  OneFile one(spread(20'480, 3));
  for (u64 at = 0; at < one.bytes; at += read_bytes) {
    one.read_at(at, std::min<u32>(read_bytes, one.bytes - static_cast<u32>(at)));
  }
  // An eighth more, for reading ahead of what does not come in one read.
  const u32 table_bytes = 20'480 * 3 * 4;
  CHECK(one.disk->device.bios <= 20'480 * 9 / 8 + windows(table_bytes));
  CHECK(one.disk->device.bytes_read <= one.bytes / 8 * 9 + windows(table_bytes) * kWindowBytes);
}

// F12
TEST_CASE("a seek in a file of many pieces costs its data alone, once the chain was walked") {
  OneFile one(spread(16'000, 3));
  CHECK(*one.file->count_extents() == 16'000);
  CHECK(one.disk->device.bios <= windows(16'000 * 3 * 4));
  std::mt19937 random(12);
  for (u32 i = 0; i < 500; ++i) {
    const u64 at = i < 250 ? u64{one.bytes} - 512 - u64{i} * 4096 : random() % (one.bytes - 512);
    one.disk->device.reset_counters();
    one.read_at(at, 512);
    REQUIRE(one.disk->device.bios <= 2);
    REQUIRE(one.disk->device.bytes_read <= 2 * 512);
  }
}

// F12
TEST_CASE("a seek costs a short walk at most where a file has more pieces than are kept") {
  constexpr u32 kPieces = 60'000;  // of which every fourth is kept
  OneFile one(spread(kPieces, 2));
  CHECK(*one.file->count_extents() == kPieces);
  std::mt19937 random(12);
  for (u32 i = 0; i < 500; ++i) {
    one.disk->device.reset_counters();
    one.read_at(random() % kPieces * 512, 512);
    REQUIRE(one.disk->device.bios <= 1 + 2);  // four entries lie in two windows at most
    REQUIRE(one.disk->device.bytes_read <= 512 + 2 * kWindowBytes);
  }
}

// F12
TEST_CASE("the first seek to the end reads the table up to there once, and nothing of the file") {
  OneFile one(spread(30'000, 2));
  one.read_at(one.bytes - 512, 512);
  CHECK(one.disk->device.bios <= 1 + windows(30'000 * 2 * 4));
  one.disk->device.reset_counters();
  one.read_at(0, 512);
  CHECK(one.disk->device.bios == 1);
}

// F12
TEST_CASE("a chain in any order costs a read of the table for each piece at most") {
  std::vector<u32> clusters = spread(10'000, 13);
  std::mt19937 random(12);
  std::shuffle(clusters.begin(), clusters.end(), random);
  OneFile one(clusters);
  CHECK(*one.file->count_extents() == 10'000);
  CHECK(one.disk->device.bios <= 10'000);
}

// F12
TEST_CASE("a large directory is read in large parts, and free clusters counted in windows") {
  Layout layout = fat32(100'000);
  layout.sectors_per_cluster = 8;
  ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
  Dir dir = image.add_dir(image.root, "DIR        ", spread(512, 1));  // 2 MiB
  for (u32 i = 2; i < 65'536; ++i) {
    image.put8(image.entry_at(dir, i), 0xe5);
  }
  MountedOn<SparseDevice> disk(image.sparse);
  disk.device.reset_counters();
  CHECK(disk.volume->lookup("/dir/nothing").error() == Errc::NotFound);
  CHECK(disk.device.bios <= (2u << 20) / (16 << 10) + 4);
  CHECK(disk.device.bytes_read <= (2u << 20) + 4 * kWindowBytes);
  disk.device.reset_counters();
  CHECK(disk.volume->table().count_free() == 100'000u - 513);
  CHECK(disk.device.bios <= windows(100'000 * 4));
}

// F12
TEST_CASE("mounting a volume of 32 GiB reads fewer than 16 sectors") {
  Layout layout = fat32(32u << (30 - 12));
  layout.sectors_per_cluster = 8;
  ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
  MountedOn<SparseDevice> disk(image.sparse);
  CHECK(disk.volume->geometry().total_sectors * 512 >= u64{32} << 30);
  CHECK(disk.device.bytes_read < 16 * 512);
}
