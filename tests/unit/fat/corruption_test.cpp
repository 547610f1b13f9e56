// Damage, random or sector by sector: whatever stands on a disk, a volume is read to an end or an
// error, soon.
#include "tests/unit/fat/mounted.hpp"

#include <random>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

// Reads all there is: directories, files, info; bounded, since directories can contain each other.
class Visitor {
 public:
  explicit Visitor(Volume& volume) : volume_(volume) {}

  void visit(const Entry& entry, int depth) {
    Result<Directory> directory = volume_.open_directory(entry);
    Entry found;
    while (directory && left_ > 0) {
      const Result<bool> more = directory->next(found);
      if (!more || !*more) {
        break;
      }
      --left_;
      if (found.is_directory()) {
        if (depth < 6) {
          visit(found, depth + 1);
        }
      } else {
        read(found);
      }
    }
  }

  u64 bytes = 0;

 private:
  void read(const Entry& entry) {
    Result<File> file = volume_.open(entry);
    REQUIRE(file.has_value());
    for (u64 at = 0; at < 40'000; at += buffer_.size()) {
      const Result<usize> count = file->read(at, buffer_);
      if (!count || *count == 0) {
        break;
      }
      bytes += *count;
    }
    (void)file->read(entry.size_bytes / 2, std::span(buffer_).first(700));
  }

  Volume& volume_;
  Bytes buffer_ = Bytes(4000);
  int left_ = 300;
};

u64 read_everything(ByteDevice& device) {
  const Volume::MountResult volume = Volume::mount(device);
  if (!volume) {
    CHECK_FALSE(volume.error().reason.empty());
    return 0;
  }
  Visitor visitor(**volume);
  visitor.visit((*volume)->root(), 0);
  (void)(*volume)->info();
  (void)(*volume)->lookup("/docs/a long name in a directory/leaf");
  return visitor.bytes;
}

struct SmallTree {
  ImageBuilder image;
  std::vector<usize> entries;  // where the directories' entries stand
};

SmallTree small_tree(const Layout& layout) {
  ImageBuilder image(layout);
  image.add_short(image.root, "LABEL      ", 0x08, 0, 0);
  Dir docs = image.add_dir(image.root, "DOCS       ");
  image.add_long_file(docs, u"some text with a long name.txt", "SOMETE~1TXT", pattern(1500));
  image.add_slots(docs, u"a long name in a directory", "ALONGN~1   ");
  Dir deep = image.add_dir(docs, "ALONGN~1   ");
  image.add_file(deep, "LEAF       ", pattern(3000));
  for (u32 i = 0; i < 20; ++i) {
    image.add_file(deep, "F" + std::to_string(10 + i) + "        ", pattern(300 + i * 100));
  }
  std::vector<u32> scattered = image.take_free(40);
  std::mt19937 random(1);
  std::shuffle(scattered.begin(), scattered.end(), random);
  image.add_file(image.root, "BIG     BIN", pattern(20'000), scattered);
  SmallTree tree{.image = image, .entries = {}};
  for (const Dir* dir : {&image.root, &docs, &deep}) {
    for (usize i = 0; i <= dir->used && i < 30; ++i) {
      tree.entries.push_back(image.entry_at(*dir, i % dir->used));
    }
  }
  return tree;
}

// `rounds` times: damages up to eight places, reads everything, mends them.
void damage(const Layout& layout, u32 seed, int rounds) {
  const SmallTree tree = small_tree(layout);
  const ImageBuilder& image = tree.image;
  const World world;
  ByteDevice device(image.bytes);
  const u64 undamaged = read_everything(device);
  CHECK(undamaged == 49'500);
  const usize bios = device.bios;

  std::mt19937 random(seed);
  const usize in_use = std::min<usize>(image.cluster_at(2) + 140 * 512, image.bytes.size());
  for (int round = 0; round < rounds; ++round) {
    std::vector<usize> places;
    for (u64 i = random() % 8 + 1; i > 0; --i) {
      // The boot sector, the first copy of the table, a directory, or anywhere.
      const u64 where = random() % 10;
      const usize place = where == 0  ? random() % 90
                          : where < 5 ? image.fat_at() + random() % 400
                          : where < 9 ? tree.entries[random() % tree.entries.size()] + random() % 32
                                      : random() % in_use;
      places.push_back(place);
      device.bytes[place] = random() % 3 == 0 ? std::byte{0xff} : static_cast<std::byte>(random());
    }
    device.reset_counters();
    (void)read_everything(device);
    INFO("seed " << seed << " round " << round);
    REQUIRE(device.senseless == 0);
    REQUIRE(device.bios < bios * 20 + 2000);
    for (const usize place : places) {
      device.bytes[place] = image.bytes[place];
    }
  }
  device.reset_counters();
  CHECK(read_everything(device) == undamaged);
}

}  // namespace

TEST_CASE("a damaged FAT12 volume is read to an end or an error") {
  damage(fat12(200), 12, 1000);
}
TEST_CASE("a damaged FAT16 volume is read to an end or an error") {
  damage(fat16(), 16, 1000);
}
TEST_CASE("a damaged FAT32 volume is read to an end or an error") {
  damage(fat32(300), 32, 1000);
}

// --- Sectors that cannot be read -----------------------------------------------------------------

namespace {

// Reads everything while the sectors that `bad` names cannot be read; how many bios that took.
template <class Bad>
usize bios_without(ByteDevice& device, u64 sectors, const Bad& bad) {
  device.bad_sectors.clear();
  for (u64 sector = 0; sector < sectors; ++sector) {
    if (bad(sector)) {
      device.bad_sectors.insert(sector);
    }
  }
  device.reset_counters();
  (void)read_everything(device);
  CHECK(device.senseless == 0);
  return device.bios;
}

}  // namespace

// F13
TEST_CASE("a sector that cannot be read, wherever it is, is soon passed over or an error") {
  const Layout layout = GENERATE(fat12(200), fat16(), fat32(300));
  const ImageBuilder image = small_tree(layout).image;
  const World world;
  ByteDevice device(image.bytes);
  const u64 sectors = image.cluster_at(2) / 512 + 140;  // all in use
  const auto none = [](u64) { return false; };
  const usize bios = bios_without(device, sectors, none);
  for (u64 sector = 0; sector < sectors; ++sector) {
    INFO("sector " << sector);
    // A window of the table that holds the sector is read in blocks: 64 of them, each tried twice.
    REQUIRE(bios_without(device, sectors, [&](u64 it) { return it == sector; }) < bios + 128);
  }
  CHECK(bios_without(device, sectors, none) == bios);
}

// F13
TEST_CASE("a disk of which most sectors cannot be read is given up soon") {
  const Layout layout = GENERATE(fat12(200), fat16(), fat32(300));
  const ImageBuilder image = small_tree(layout).image;
  const World world;
  ByteDevice device(image.bytes);
  const u64 sectors = image.bytes.size() / 512;
  const usize bios = bios_without(device, sectors, [](u64) { return false; });
  std::mt19937 random(13);
  for (const u32 every : {1u, 2u, 3u, 10u, 100u}) {
    INFO("one of " << every);
    CHECK(bios_without(device, sectors, [&](u64 it) { return it != 0 && random() % every == 0; }) <
          bios * 4 + 100);
  }
  const u64 data = image.cluster_at(2) / 512;
  CHECK(bios_without(device, sectors, [&](u64 it) { return it >= data; }) < bios);
  CHECK(bios_without(device, sectors, [&](u64 it) { return it != 0 && it < data; }) < bios);
  CHECK(bios_without(device, sectors, [](u64 it) { return it == 0; }) < 10);  // or of a backup
}
