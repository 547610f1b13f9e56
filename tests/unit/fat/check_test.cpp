// What Volume::check finds wrong (fs/fat/check.hpp): each kind of damage, and nothing on what is
// whole.
#include <algorithm>

#include "tests/unit/fat/mounted.hpp"

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

class Collected final : public CheckReport {
 public:
  void problem(std::string_view path, std::string_view what) override {
    lines.push_back(std::string(path) + (path.empty() ? "" : ": ") + std::string(what));
  }
  Names lines;
};

Names problems_of(Mounted& disk) {
  Collected report;
  const Result<u32> count = disk.volume->check(report);
  REQUIRE(count.has_value());
  CHECK(*count == report.lines.size());
  return report.lines;
}

Names problems_of(const ImageBuilder& image) {
  Mounted disk(image.bytes);
  return problems_of(disk);
}

// A volume with a file in the root, and a directory with another.
struct Sample {
  explicit Sample(const Layout& layout) : image(layout) {
    image.add_file(image.root, "A       BIN", pattern(5 * image.cluster_bytes()));  // 2… or 3…
    dir = image.add_dir(image.root, "DIR        ");
    image.add_long_file(dir, u"a long name.bin", "ALONGN~1BIN", pattern(100));
    first = layout.width == Width::Fat32 ? 3 : 2;
  }
  ImageBuilder image;
  Dir dir;
  u32 first;  // cluster of A.BIN
};

const Layout kSmall = fat12(100);

}  // namespace

TEST_CASE("nothing is wrong with a volume that is whole") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    CHECK(problems_of(Sample(layout).image).empty());
  }
}

TEST_CASE("a chain that is damaged is named with its file and the cluster") {
  Sample sample(kSmall);
  ImageBuilder& image = sample.image;
  SECTION("it comes back to itself") {
    image.set_entry(6, 3);
    CHECK(problems_of(image) ==
          Names{"/A.BIN: its chain comes back to cluster 3 after 5 clusters"});
  }
  SECTION("it runs into another") {
    image.add_file(image.root, "B       BIN", pattern(2 * image.cluster_bytes()));
    const u32 own = 9;
    image.set_entry(own, 4);
    CHECK(problems_of(image) ==
          Names{"/B.BIN: its chain runs into another one, at cluster 4 after 1 of its own",
                "1 clusters are in use and belong to no file that was reached, first cluster 10"});
  }
  SECTION("it breaks off at a free cluster") {
    image.set_entry(4, 0);
    CHECK(
        problems_of(image) ==
        Names{"/A.BIN: its chain breaks off after 3 clusters: the entry of cluster 4 is free (0x0)",
              "/A.BIN: its size is 2560 bytes, and its chain, from cluster 2 on, holds 1536",
              "2 clusters are in use and belong to no file that was reached, first cluster 5"});
  }
  SECTION("it goes on at a bad cluster") {
    image.set_entry(4, 0xff7);
    CHECK(problems_of(image)[0] ==
          "/A.BIN: its chain breaks off after 3 clusters: the entry of cluster 4 is bad (0xff7)");
  }
  SECTION("it leaves the volume") {
    image.set_entry(4, 500);
    CHECK(problems_of(image)[0] ==
          "/A.BIN: its chain breaks off after 3 clusters: the entry of cluster 4 is out of range "
          "(0x1f4)");
  }
  SECTION("it is shorter than the file") {
    image.set_entry(5, 0xfff);
    CHECK(problems_of(image) ==
          Names{"/A.BIN: its size is 2560 bytes, and its chain, from cluster 2 on, holds 2048",
                "1 clusters are in use and belong to no file that was reached, first cluster 6"});
  }
  SECTION("it is longer than the file") {
    image.set_entry(6, 50);
    image.set_entry(50, 0xfff);
    CHECK(problems_of(image) ==
          Names{"/A.BIN: its size is 2560 bytes, and its chain, from cluster 2 on, holds 3072"});
  }
  SECTION("it begins nowhere") {
    image.add_short(image.root, "B          ", 0x20, 400, 100);
    CHECK(problems_of(image) ==
          Names{"/B: its first cluster is 0x190, which the volume does not have",
                "/B: its size is 100 bytes, and its chain, from cluster 400 on, holds 0"});
  }
  SECTION("it is of a file without bytes") {
    image.add_short(image.root, "B          ", 0x20, 60, 0);
    image.set_entry(60, 0xfff);
    CHECK(problems_of(image) ==
          Names{"/B: its size is 0 bytes, and its chain, from cluster 60 on, holds 512"});
  }
  SECTION("there is none") {
    image.add_short(image.root, "B          ", 0x20, 0, 100);
    CHECK(problems_of(image) ==
          Names{"/B: its size is 100 bytes, and its chain, from cluster 0 on, holds 0"});
  }
}

TEST_CASE("clusters that nobody has are counted, bad ones are none of them") {
  Sample sample(kSmall);
  sample.image.set_entry(80, 81);
  sample.image.set_entry(81, 0xfff);
  sample.image.set_entry(90, 0xff7);
  CHECK(problems_of(sample.image) ==
        Names{"2 clusters are in use and belong to no file that was reached, first cluster 80"});
}

TEST_CASE("directories that are damaged are named") {
  Sample sample(kSmall);
  ImageBuilder& image = sample.image;
  const u32 cluster = sample.dir.chain[0];
  SECTION("one that is its own child") {
    image.add_short(sample.dir, "LOOP       ", 0x10, cluster, 0);
    CHECK(problems_of(image) ==
          Names{"/DIR/LOOP: its chain runs into another one, at cluster 7 after 0 of its own"});
  }
  SECTION("one with a size") {
    image.put32(image.entry_at(image.root, 1) + 28, 512);
    CHECK(problems_of(image) == Names{"/DIR: is a directory with a size, 512 bytes"});
  }
  SECTION("one without a cluster") {
    image.add_short(image.root, "EMPTY      ", 0x10, 0, 0);
    CHECK(problems_of(image) ==
          Names{"/EMPTY: its first cluster is 0x0, which the volume does not have"});
  }
  SECTION("one whose parent is another") {
    image.put16(image.entry_at(sample.dir, 1) + 26, 33);
    CHECK(problems_of(image) == Names{"/DIR/: its entry \"..\" names cluster 33, not 0"});
  }
  SECTION("one that is not itself") {
    image.put16(image.entry_at(sample.dir, 0) + 26, 33);
    CHECK(problems_of(image) == Names{"/DIR/: its entry \".\" names cluster 33, not 7"});
  }
  SECTION("one without dots") {
    const Dir bare = image.add_dir(image.root, "BARE       ");
    image.put8(image.entry_at(bare, 0), 0);
    CHECK(problems_of(image) == Names{"/BARE/: does not begin with the entries \".\" and \"..\""});
  }
  SECTION("one whose dots are files") {
    const u32 slot = GENERATE(0u, 1u);
    image.put8(image.entry_at(sample.dir, slot) + 11, 0x20);
    const std::string name = slot == 0 ? "." : "..";
    CHECK(problems_of(image) ==
          Names{"/DIR/: the entry \"" + name + "\" is not where it belongs, or no directory",
                "/DIR/: does not begin with the entries \".\" and \"..\""});
  }
  SECTION("one that cannot be read") {
    Mounted disk(image.bytes);
    disk.device.bad_sectors = {image.cluster_at(cluster) / 512};
    CHECK(problems_of(disk) ==
          Names{"/DIR/: cannot be read to its end: I/O error",
                "/DIR/: does not begin with the entries \".\" and \"..\"",
                "1 clusters are in use and belong to no file that was reached, first cluster 8"});
  }
  SECTION("one whose chain breaks off is read up to there") {
    image.set_entry(cluster, 0);
    CHECK(
        problems_of(image) ==
        Names{"/DIR: its chain breaks off after 1 clusters: the entry of cluster 7 is free (0x0)"});
  }
}

TEST_CASE("names that are wrong are named") {
  Sample sample(kSmall);
  ImageBuilder& image = sample.image;
  SECTION("with characters that a name does not have") {
    const std::string_view name = GENERATE("A*      TXT", "A B     TXT", " AB     TXT",
                                           "A\x01      TXT", "        TXT", "           ");
    image.add_short(image.root, name, 0x20, 0, 0);
    const Names found = problems_of(image);
    REQUIRE(found.size() == 1);
    CHECK(found[0].ends_with(": its short name holds characters that cannot be in one"));
  }
  SECTION("but not those of OS/2's attributes, or of another alphabet") {
    image.add_short(image.root, "EA DATA  SF", 0x20, 0, 0);
    image.add_short(image.root, "\x05\x80\x90     TXT", 0x20, 0, 0);
    CHECK(problems_of(image).empty());
  }
  SECTION("twice in one directory") {
    image.add_short(image.root, "TWICE   TXT", 0x20, 0, 0);
    image.add_short(image.root, "TWICE   TXT", 0x20, 0, 0);
    image.add_short(sample.dir, "TWICE   TXT", 0x20, 0, 0);
    CHECK(problems_of(image) == Names{"/TWICE.TXT: several entries have this short name"});
  }
  SECTION("long ones that belong to no short one") {
    image.add_slots(image.root, u"an orphan that is long", "ORPHAN~1TXT");
    image.add_short(image.root, "OTHER   TXT", 0x20, 0, 0);
    image.add_slots(image.root, u"deleted", "DELETE~1TXT");
    image.add_short(image.root,
                    "\xe5"
                    "LETE~1TXT ",
                    0x20, 0, 0);
    image.add_slots(image.root, u"at the end", "ATTHEE~1   ");
    CHECK(problems_of(image) ==
          Names{"/: 2 slots of a long name before OTHER.TXT belong to no name",
                "/: 1 slots of a long name before an entry that has none belong to no name",
                "/: 1 slots of a long name before the end belong to no name"});
  }
  SECTION("a slot with a cluster") {
    image.put16(image.entry_at(sample.dir, 2) + 26, 33);
    CHECK(problems_of(image) ==
          Names{"/DIR/: a slot of a long name has a cluster, or other attributes"});
  }
  SECTION("a slot with attributes that nobody has defined") {
    image.put8(image.entry_at(sample.dir, 2) + 11, 0x4f);
    CHECK(problems_of(image) ==
          Names{"/DIR/: a slot of a long name has a cluster, or other attributes"});
  }
  SECTION("none at all, says a mark") {
    image.put8(image.entry_at(sample.dir, 0) + 12, 0x20);
    image.put8(image.entry_at(image.root, 0) + 12, 0x38);
    CHECK(problems_of(image) == Names{"/a.bin: is marked as having no short name",
                                      "/DIR/.: is marked as having no short name"});
  }
  SECTION("an orphan in front of a whole one") {
    image.add_slots(image.root, u"an orphan", "ORPHAN~1TXT");
    image.add_long_file(image.root, u"whole name", "WHOLEN~1   ", {});
    CHECK(problems_of(image) ==
          Names{"/: 2 slots of a long name before WHOLEN~1 belong to no name"});
  }
}

TEST_CASE("a volume that is damaged as a whole is said to be") {
  Layout layout = fat32(300);
  Sample sample(layout);
  ImageBuilder& image = sample.image;
  SECTION("tables that differ") {
    image.set_entry_of_copy(1, 5, 77);
    CHECK(problems_of(image) ==
          Names{"table 1 differs from table 0, first in the entry of cluster 5"});
  }
  SECTION("but tables that are not mirrored may") {
    image.set_entry_of_copy(1, 5, 77);
    image.put16(40, 0x80);
    CHECK(problems_of(image).empty());
  }
  SECTION("a wrong count of free clusters") {
    image.put32(512 + 488, 17);
    const Names found = problems_of(image);
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("FSInfo counts 17 free clusters, the table 29"));
  }
  SECTION("no FSInfo") {
    image.put32(512, 0);
    CHECK(problems_of(image) == Names{"sector 1 (BPB_FSInfo) is no FSInfo sector"});
  }
  SECTION("an FSInfo sector that cannot be read") {
    Mounted disk(image.bytes);
    disk.device.bad_sectors = {1};
    CHECK(problems_of(disk) == Names{"sector 1 (BPB_FSInfo) cannot be read: I/O error"});
  }
  SECTION("FSInfo and backup behind the reserved sectors") {
    image.put16(48, 32);
    image.put16(50, 33);
    CHECK(problems_of(image) == Names{"BPB_FSInfo is 32, beyond the 32 reserved sectors",
                                      "BPB_BkBootSec is 33, beyond the 32 reserved sectors"});
  }
  SECTION("cut off by the end of the disk") {
    const usize whole = image.bytes.size();
    image.bytes.resize(whole - 512);
    CHECK(problems_of(image) ==
          Names{"the volume has " + std::to_string(whole) + " bytes, but the disk has only " +
                std::to_string(whole - 512)});
  }
  SECTION("more clusters than its table has entries for") {
    image.put32(36, 2);
    CHECK(problems_of(image)[0] == "the table has entries for 254 of the 302 clusters");
  }
  SECTION("but what is only odd is no damage") {
    image.put8(21, 0);
    image.put16(510, 0);
    Mounted disk(image.bytes);
    CHECK(disk.volume->notes().size() == 3);  // and it has few clusters for FAT32
    CHECK(problems_of(disk).empty());
  }
  SECTION("marked as dirty, or as having had errors") {
    image.put8(65, 3);
    CHECK(problems_of(image) ==
          Names{"it is marked as not unmounted cleanly", "it is marked as having had I/O errors"});
  }
  SECTION("a backup that is another boot sector") {
    image.put16(50, 6);
    std::copy_n(image.bytes.begin(), 512, image.bytes.begin() + 6 * 512);
    image.put8(6 * 512 + 65, 1);  // the state is its own
    CHECK(problems_of(image).empty());
    image.put8(6 * 512 + 13, 4);
    CHECK(problems_of(image) ==
          Names{"the boot sector and its backup, sector 6, differ, first in byte 13"});
  }
  SECTION("labels that differ") {
    std::copy_n(text_bytes("ONE        ").begin(), 11, image.bytes.begin() + 71);
    image.add_short(image.root, "TWO        ", 0x08, 0, 0);
    CHECK(problems_of(image) ==
          Names{"the label of the boot sector is not that of the root directory"});
  }
  SECTION("a label that no label can be") {
    image.add_short(image.root, "A*B        ", 0x08, 0, 0);
    CHECK(problems_of(image) ==
          Names{"/A*B: its short name holds characters that cannot be in one"});
  }
  SECTION("a label that was a file") {
    const u32 cluster = GENERATE(0u, 200u);
    image.add_short(image.root, "A B        ", 0x08, cluster, cluster == 0 ? 1 : 0);
    CHECK(problems_of(image) == Names{"/A B: is a label with clusters or bytes, or a directory"});
  }
  SECTION("a label that was an empty file, or is a directory, too") {
    image.add_short(image.root, "A B        ", 0x18, 0, 0);
    CHECK(problems_of(image) == Names{"/A B: is a label with clusters or bytes, or a directory"});
  }
  SECTION("a label that begins with a blank") {
    image.add_short(image.root, " AB        ", 0x08, 0, 0);
    CHECK(problems_of(image) ==
          Names{"/ AB: its short name holds characters that cannot be in one"});
  }
  SECTION("a first cluster of more than 28 bits") {
    image.put16(image.entry_at(image.root, 0) + 20, 0x1000);
    CHECK(problems_of(image)[0] ==
          "/A.BIN: its first cluster is 0x10000003, which the volume does not have");
  }
  SECTION("tables that do not begin as tables do") {
    image.set_entry(0, 0x0fff'f0f8);
    CHECK(problems_of(image) ==
          Names{"entry 0 of the table is 0xffff0f8, which does not begin one"});
  }
  SECTION("a table that cannot be read") {
    Mounted disk(image.bytes);
    disk.device.bad_sectors = {image.fat_at(0) / 512};
    CHECK(problems_of(disk).size() >= 3);  // and no end without the error
  }
}

TEST_CASE("entry 0 of a table is of its width") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    ImageBuilder image(layout);
    const u32 highest = layout.width == Width::Fat12   ? 0xfff
                        : layout.width == Width::Fat16 ? 0xffff
                                                       : 0x0fff'ffff;
    image.set_entry(0, highest & ~0xfu);
    CHECK(problems_of(image).empty());
    image.set_entry(0, highest >> 1);
    CHECK(problems_of(image).size() == 1);
  }
}

TEST_CASE("a root directory that ends within a sector is told") {
  ImageBuilder image(fat16());
  image.put16(17, 511);
  CHECK(problems_of(image) == Names{"BPB_RootEntCnt is 511"});
  ImageBuilder fat32_image(fat32(300));
  fat32_image.put16(17, 16);
  CHECK(problems_of(fat32_image)[0] == "BPB_RootEntCnt is 16");
}

// F1
TEST_CASE("a volume of nothing but cross-links and cycles is checked in bounded I/O") {
  ImageBuilder image(fat16());
  for (u32 i = 0; i < 400; ++i) {
    std::string name = "F0000000   ";
    name.replace(1, 4, std::to_string(1000 + i));
    image.add_short(image.root, name, i % 2 == 0 ? 0x20 : 0x10, 2 + i % 50, 1'000'000);
  }
  for (u32 cluster = 2; cluster < 4087; ++cluster) {
    image.set_entry(cluster, cluster == 4086 ? 2 : cluster + 1);
  }
  Mounted disk(image.bytes);
  CHECK(problems_of(disk).size() >= 400);
  CHECK(disk.device.bytes_read < 4 * image.bytes.size());
}

// F1
TEST_CASE(
    "directories whose chains run into one another are each read as far as they are their own") {
  ImageBuilder image(fat16());
  std::vector<u32> shared;
  for (u32 cluster = 1000; cluster < 1128; ++cluster) {
    shared.push_back(cluster);
  }
  const Dir first = image.add_dir(image.root, "FIRST      ", shared);
  for (usize i = 2; i < shared.size() * 16; ++i) {
    image.put8(image.entry_at(first, i), 0xe5);
  }
  for (u32 i = 0; i < 300; ++i) {
    std::string name = "D0000      ";
    name.replace(1, 4, std::to_string(1000 + i));
    const Dir dir = image.add_dir(image.root, name, {2000 + i});
    for (usize entry = 2; entry < 16; ++entry) {
      image.put8(image.entry_at(dir, entry), 0xe5);
    }
    image.set_entry(2000 + i, 1000);
  }
  Mounted disk(image.bytes);
  const Names found = problems_of(disk);
  REQUIRE(found.size() == 300);
  CHECK(found[0] == "/D1000: its chain runs into another one, at cluster 1000 after 1 of its own");
  CHECK(disk.device.bytes_read < 2 * image.bytes.size());
}
