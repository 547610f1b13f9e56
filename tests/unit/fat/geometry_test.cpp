// Every geometry: numbers of clusters on both sides of each limit, with every size of sector and
// cluster, one FAT and several, on disks with small and large blocks. The largest volume has 34 GB.
// Which type a volume is (fs/fat/bpb.hpp): FAT32 where BPB_FATSz16 is 0, else what the count says.
#include "tests/unit/fat/mounted.hpp"
#include "tests/unit/fat/sparse_device.hpp"

#include <cstring>
#include <map>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// --- What the files hold: every eight bytes say of which file and from where in it they are ------

constexpr u64 kMark = 0x00fa'7000'0000'0000;

u64 word(u32 file, u64 offset) {
  return u64{file} << 56 | kMark | offset;
}

// The first `bytes` of a file, made once for all volumes.
std::span<const std::byte> payload(u32 file, usize bytes) {
  static std::map<u32, Bytes> made;
  Bytes& contents = made[file];
  const usize before = contents.size();
  if (before < bytes) {
    contents.resize(align_up(bytes, 8));
    for (usize at = before; at < contents.size(); at += 8) {
      const u64 here = word(file, at);
      std::memcpy(&contents[at], &here, 8);
    }
  }
  return std::span(contents).first(bytes);
}

// Nothing where `got` is what the file holds from `offset` on, else what is there instead.
std::string difference(std::span<const std::byte> got, u32 file, usize offset) {
  const std::span<const std::byte> wanted = payload(file, offset + got.size()).subspan(offset);
  if (got.empty() || std::memcmp(got.data(), wanted.data(), got.size()) == 0) {
    return "";
  }
  const auto first = std::ranges::mismatch(got, wanted).in1 - got.begin();
  usize at = align_down(offset + static_cast<usize>(first), 8);
  at += at < offset ? 8 : 0;
  std::string text = "file " + std::to_string(file) + ", byte " + std::to_string(at) + ": ";
  if (at - offset + 8 > got.size()) {
    return text + "other bytes";
  }
  u64 here = 0;
  std::memcpy(&here, &got[at - offset], 8);
  return text + "file " + std::to_string(here >> 56) + ", byte " +
         std::to_string(here & 0xffff'ffff) + ((here & kMark) == kMark ? "" : " (no payload)");
}

// --- What each volume holds ----------------------------------------------------------------------

struct Stored {
  std::string path;
  u32 file;
  u32 bytes;
  u32 extents;
};

struct Tree {
  std::vector<Stored> files;
  std::vector<u32> used;  // clusters
};

// Files at both ends, in pieces all over the volume, and in a subdirectory; in a volume of a
// cluster or two what fits.
class Planter {
 public:
  explicit Planter(ImageBuilder& image) : image_(image) {
    tree_.used = image.root.chain;
    const u32 cluster_bytes = image.cluster_bytes();
    const u32 first = image.root.fixed_root ? 2 : 3;
    const u32 middle = image.layout().clusters / 2;
    const u32 last = image.layout().clusters + 1;
    add(image.root, "/", "EMPTY", 0, {}, 0);
    if (last == first) {
      add(image.root, "/", "ONLY", cluster_bytes - 1, {last}, 1);
    }
    if (last <= first) {
      return;
    }
    add(image.root, "/", "FIRST", 2 * cluster_bytes - 5, {first, first + 1}, 1);
    if (image.layout().fats == 1) {
      add(image.root, "/", "LAST", cluster_bytes, {last}, 1);
    } else {  // where the table leads to the last cluster, and not the directory
      add(image.root, "/", "LAST", 2 * cluster_bytes, {middle + 10, last}, 2);
    }
    add(image.root, "/", "PIECES", 6 * cluster_bytes - cluster_bytes / 2 - 1,
        {last - 1, first + 2, middle, middle + 1, last - 3, first + 4}, 5);
    Dir sub = image.add_dir(image.root, "SUB        ", {last - 5});
    tree_.used.push_back(last - 5);
    add(sub, "/SUB/", "INNER", cluster_bytes - 3, {middle + 4}, 1);
  }

  const Tree& tree() const { return tree_; }

 private:
  void add(Dir& dir, const std::string& folder, const std::string& name, u32 bytes,
           const std::vector<u32>& clusters, u32 extents) {
    const u32 file = static_cast<u32>(tree_.files.size()) + 1;
    const std::span<const std::byte> contents = payload(file, bytes);
    image_.add_file(dir, name + std::string(11 - name.size(), ' '),
                    Bytes(contents.begin(), contents.end()), clusters);
    tree_.files.push_back({folder + name, file, bytes, extents});
    tree_.used.insert(tree_.used.end(), clusters.begin(), clusters.end());
  }

  ImageBuilder& image_;
  Tree tree_;
};

// --- Reading it ----------------------------------------------------------------------------------

void check_file(MountedOn<SparseDevice>& disk, const Stored& stored) {
  static Bytes buffer;
  const u32 cluster_bytes = disk.volume->geometry().cluster_bytes;
  buffer.resize(std::max<usize>(buffer.size(), 6 * cluster_bytes));
  File file = disk.open(stored.path);
  REQUIRE(file.size_bytes() == stored.bytes);

  const auto read = [&](u64 offset, usize bytes) {
    const std::span<std::byte> out = std::span(buffer).first(bytes);
    std::memset(out.data(), 0xee, out.size());
    const usize expected = offset < stored.bytes ? std::min(bytes, stored.bytes - offset) : 0;
    REQUIRE(file.read(offset, out) == expected);
    REQUIRE(difference(out.first(expected), stored.file, offset) == "");
  };
  read(0, 6 * cluster_bytes);
  read(1, 3);
  read(cluster_bytes - 1, 2);
  read(cluster_bytes / 2 + 1, cluster_bytes + 7);
  read(3 * cluster_bytes + 511, 777);
  read(5 * cluster_bytes - 13, 2 * cluster_bytes);
  read(stored.bytes - std::min(stored.bytes, 1u), 100);
  REQUIRE(*file.count_extents() == stored.extents);
}

void check_notes(const Volume& volume) {
  const Geometry& geometry = volume.geometry();
  if (geometry.type != Type::Fat32 || geometry.clusters >= 65525) {
    REQUIRE(volume.notes().empty());
    return;
  }
  REQUIRE(volume.notes().size() == 1);  // the specification would have it another type
  REQUIRE_THAT(std::string(volume.notes()[0].view()),
               ContainsSubstring(std::to_string(geometry.clusters) + " clusters"));
}

Type type_of(Width width) {
  return width == Width::Fat12 ? Type::Fat12 : width == Width::Fat16 ? Type::Fat16 : Type::Fat32;
}

void check_volume(const ImageBuilder& image, const Tree& tree, u32 block_bytes) {
  const Layout& layout = image.layout();
  MountedOn<SparseDevice> disk(image.sparse, block_bytes);
  const Geometry& geometry = disk.volume->geometry();
  INFO(to_string(type_of(layout.width))
       << ", " << layout.clusters << " clusters of " << layout.sectors_per_cluster << " sectors of "
       << layout.sector_bytes << " bytes, " << layout.fats << " FATs, blocks of " << block_bytes);
  REQUIRE(geometry.type == type_of(layout.width));
  REQUIRE(geometry.clusters == layout.clusters);
  REQUIRE(geometry.sector_bytes == layout.sector_bytes);
  REQUIRE(geometry.cluster_bytes == image.cluster_bytes());
  REQUIRE(geometry.fats == layout.fats);
  check_notes(*disk.volume);
  for (const Stored& stored : tree.files) {
    check_file(disk, stored);
  }
  if (layout.sectors_per_cluster == 1) {  // the table is no other for larger ones
    REQUIRE(disk.volume->table().count_free() == layout.clusters - tree.used.size());
  }
  REQUIRE(disk.device.senseless == 0);
}

// Clusters of every size, one FAT and two, blocks smaller and larger than the sectors.
void check_every_cluster_size(Layout layout) {
  for (layout.sectors_per_cluster = 1; layout.sectors_per_cluster <= 128;
       layout.sectors_per_cluster *= 2) {
    for (layout.fats = 1; layout.fats <= 2; ++layout.fats) {
      // With the second FAT, as much behind the last cluster as makes none.
      layout.spare_sectors = layout.fats == 1 ? 0 : layout.sectors_per_cluster - 1;
      ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
      const Tree tree = Planter(image).tree();
      check_volume(image, tree, 512);
      image.sparse.resize(align_up(image.sparse.size(), 4096));
      check_volume(image, tree, 4096);
    }
  }
}

u32 any_sector_size() {
  return GENERATE(512u, 1024u, 2048u, 4096u);
}

}  // namespace

// F4: the limits are 4085 and 65525 clusters, wherever they come from.
TEST_CASE("FAT12 has at most 4084 clusters, of every size") {
  Layout layout = fat12(GENERATE(1u, 4084u));
  layout.sector_bytes = any_sector_size();
  check_every_cluster_size(layout);
}

TEST_CASE("FAT16 has 4085 to 65524 clusters, of every size") {
  Layout layout = fat16(GENERATE(4085u, 4086u, 4087u, 65524u));
  layout.sector_bytes = any_sector_size();
  check_every_cluster_size(layout);
}

TEST_CASE("FAT32 has 65525 clusters or more, of every size") {
  Layout layout = fat32(GENERATE(65525u, 65526u, 65529u));
  layout.sector_bytes = any_sector_size();
  check_every_cluster_size(layout);
}

TEST_CASE("FAT32 has fewer clusters where BPB_FATSz16 is 0, and that is noted") {
  Layout layout = fat32(GENERATE(1u, 4084u, 4085u, 4086u, 4087u, 65524u));
  layout.sector_bytes = any_sector_size();
  check_every_cluster_size(layout);
}

TEST_CASE("more clusters than FAT16 can number are refused where BPB_FATSz16 is not 0") {
  Layout layout = fat16(GENERATE(65525u, 65526u, 65529u));
  layout.sector_bytes = any_sector_size();
  const World world;
  for (layout.sectors_per_cluster = 1; layout.sectors_per_cluster <= 128;
       layout.sectors_per_cluster *= 2) {
    const ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
    SparseDevice disk(image.sparse);
    const Volume::MountResult volume = Volume::mount(disk);
    REQUIRE_FALSE(volume.has_value());
    CHECK(volume.error().code == Errc::Malformed);
    CHECK_THAT(std::string(volume.error().reason.view()),
               ContainsSubstring("BPB_FATSz16 is ") &&
                   ContainsSubstring(" on a volume of " + std::to_string(layout.clusters) +
                                     " clusters, which FAT32 alone can hold"));
    CHECK(disk.senseless == 0);
  }
}

TEST_CASE("of three or four FATs the active one is read, whatever the others hold") {
  Layout layout = GENERATE(fat12(4084), fat16(65524), fat32(65525), fat32(4084));
  layout.fats = GENERATE(3u, 4u);
  layout.sector_bytes = GENERATE(512u, 4096u);
  layout.sectors_per_cluster = GENERATE(1u, 8u);
  for (u32 active = 0; active < (layout.width == Width::Fat32 ? layout.fats : 1); ++active) {
    ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
    const Tree tree = Planter(image).tree();
    if (layout.width == Width::Fat32) {
      // Without the flag that mirroring is off, the number says nothing.
      image.put16(40, active == 0 ? layout.fats - 1 : 0x80 | active);
    }
    for (u32 copy = 0; copy < layout.fats; ++copy) {
      for (usize i = 0; copy != active && i < tree.used.size(); ++i) {
        image.set_entry_of_copy(copy, tree.used[i], i % 2 == 0 ? 0 : image.end_mark());
      }
    }
    check_volume(image, tree, 512);
    image.sparse.resize(align_up(image.sparse.size(), 4096));
    check_volume(image, tree, 4096);
  }
}

TEST_CASE("tables, root directory and data that begin beyond 4 GiB are found there") {
  Layout layout = GENERATE(fat12(4084), fat16(4085), fat32(65525));
  layout.sector_bytes = 4096;
  layout.sectors_per_cluster = GENERATE(1u, 128u);
  if (layout.width == Width::Fat32) {
    layout.fats = 2;
    layout.spare_fat_sectors = 1'100'000;
  } else {
    layout.fats = 17;
    layout.spare_fat_sectors = 65'000;
  }
  ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
  REQUIRE(image.cluster_at(2) > u64{1} << 32);
  if (layout.width == Width::Fat32) {
    image.put16(40, 0x81);
    REQUIRE(image.fat_at(1) > u64{1} << 32);
  }
  const Tree tree = Planter(image).tree();
  for (const u32 cluster : tree.used) {
    image.set_entry_of_copy(layout.width == Width::Fat32 ? 0 : 1, cluster, 0);
  }
  check_volume(image, tree, 512);
  check_volume(image, tree, 4096);
}
