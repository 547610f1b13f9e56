// Mounted volumes: paths and what fsinfo shows (fs/fat/volume.hpp). Boot sectors: bpb_test.cpp.
#include "tests/unit/fat/mounted.hpp"

#include <cstring>

#include <sluice/kernel/command_line.hpp>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

// A tree on a volume of any type.
ImageBuilder tree(const Layout& layout) {
  ImageBuilder image(layout);
  Dir docs = image.add_dir(image.root, "DOCS       ");
  image.add_long_file(docs, u"Read Me.txt", "README~1TXT", text_bytes("read me"));
  image.add_slots(docs, u"Größe", "GR_E~1     ");
  Dir deep = image.add_dir(docs, "GR_E~1     ");
  image.add_file(deep, "LEAF       ", text_bytes("leaf"));
  image.add_file(image.root, "TOP     TXT", text_bytes("top"));
  return image;
}

Errc lookup_error(Mounted& disk, std::string_view path) {
  const Result<Entry> found = disk.volume->lookup(path);
  REQUIRE_FALSE(found.has_value());
  return found.error();
}

VolumeInfo info_of(Mounted& disk) {
  const Result<VolumeInfo> info = disk.volume->info();
  REQUIRE(info.has_value());
  return *info;
}

std::string label_of(const ImageBuilder& image) {
  Mounted disk(image.bytes);
  return std::string(info_of(disk).label.view());
}

}  // namespace

TEST_CASE("paths are looked up in any case, by the long or the short name") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    Mounted disk(tree(layout).bytes);
    for (const char* path :
         {"/docs/Read Me.txt", "/DOCS/READ ME.TXT", "docs/readme~1.txt", "//docs///read me.TXT"}) {
      CHECK((disk.read(path) == text_bytes("read me")));
    }
    CHECK((disk.read("/docs/GRÖßE/leaf") == text_bytes("leaf")));
    CHECK((disk.read("/docs/gr_e~1/LEAF") == text_bytes("leaf")));
  }
}

TEST_CASE("an empty path and slashes are the root, slashes behind a directory are ignored") {
  Mounted disk(tree(fat16()).bytes);
  CHECK(disk.entry("").is_root);
  CHECK(disk.entry("///").is_root);
  CHECK(disk.entry("/").is_directory());
  CHECK(disk.entry("/docs//").is_directory());
}

TEST_CASE("a path that leads nowhere says why") {
  Mounted disk(tree(fat16()).bytes);
  CHECK(lookup_error(disk, "/nothing") == Errc::NotFound);
  CHECK(lookup_error(disk, "/docs/nothing/more") == Errc::NotFound);
  CHECK(lookup_error(disk, "/top.txt/") == Errc::NotADirectory);
  CHECK(lookup_error(disk, "/top.txt/more") == Errc::NotADirectory);
  CHECK(lookup_error(disk, "/docs/..") == Errc::NotFound);
  CHECK(lookup_error(disk, "/.") == Errc::NotFound);
  CHECK(lookup_error(disk, "/docs/read") == Errc::NotFound);
  CHECK(lookup_error(disk, std::string(5000, 'x')) == Errc::NotFound);
  CHECK(lookup_error(disk, "/\xff\xfe") == Errc::NotFound);
}

TEST_CASE("a directory is no file and a file no directory") {
  Mounted disk(tree(fat16()).bytes);
  CHECK(disk.volume->open(disk.entry("/docs")).error() == Errc::IsADirectory);
  CHECK(disk.volume->open(disk.volume->root()).error() == Errc::IsADirectory);
  CHECK(disk.volume->open_directory(disk.entry("/top.txt")).error() == Errc::NotADirectory);
}

TEST_CASE("info tells the geometry, the serial number and the free clusters") {
  Layout layout = fat16();
  layout.sectors_per_cluster = 4;
  Mounted disk(tree(layout).bytes);
  const VolumeInfo info = info_of(disk);
  CHECK(to_string(info.type) == "FAT16");
  CHECK(info.sector_bytes == 512);
  CHECK(info.cluster_bytes == 2048);
  CHECK(info.clusters == 4085);
  CHECK(info.free_clusters == 4085 - 5);
  CHECK_FALSE(info.free_clusters_from_fsinfo);
  CHECK_FALSE(info.dirty);
  CHECK_FALSE(info.error);
  const std::array<char, 9> serial = info.serial_text();
  CHECK(std::string_view(serial.data(), serial.size()) == "2826-F9B3");
  CHECK(disk.volume->notes().empty());
}

TEST_CASE("FAT32's free clusters come from FSInfo, if it can be believed") {
  ImageBuilder image(fat32());
  const auto free_after = [&](u32 count) {
    image.put32(512 + 488, count);
    Mounted disk(image.bytes);
    const VolumeInfo info = info_of(disk);
    return std::tuple(info.free_clusters, info.free_clusters_from_fsinfo,
                      disk.volume->notes().size());
  };
  CHECK(free_after(1234) == std::tuple(1234u, true, 0u));
  CHECK(free_after(0) == std::tuple(0u, true, 0u));
  CHECK(free_after(65525) == std::tuple(65525u, true, 0u));
  CHECK(free_after(0xffff'ffff) == std::tuple(65524u, false, 0u));
  CHECK(free_after(65526) == std::tuple(65524u, false, 1u));
  image.put32(512, 0);
  CHECK(free_after(1234) == std::tuple(65524u, false, 1u));
  image.put16(48, 0xffff);  // no FSInfo at all
  CHECK(free_after(1234) == std::tuple(65524u, false, 0u));
}

// F7, F9
TEST_CASE("the label is the root directory's, else the boot sector's, else none") {
  ImageBuilder image(fat16());
  CHECK(label_of(image).empty());  // "NO NAME"
  std::memcpy(&image.bytes[43], "BOOT LABEL ", 11);
  CHECK(label_of(image) == "BOOT LABEL");
  image.put8(38, 0x28);  // a serial number only
  CHECK(label_of(image).empty());
  image.add_slots(image.root, u"no label", "NOLABEL    ");
  image.add_short(image.root, "NOLABEL    ", 0x20, 0, 0);
  image.add_short(image.root, "\xe5LD LABEL  ", 0x08, 0, 0);
  image.add_short(image.root, "\x05 ROOT LABE", 0x08, 0, 0);
  CHECK(label_of(image) == "σ ROOT LABE");
}

// F9
TEST_CASE(
    "0xe5 in front of a label means deleted in the directory, and a letter in the boot sector") {
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    ImageBuilder image(layout);
    const usize boot_label = layout.width == Width::Fat32 ? 71 : 43;
    image.put_text(boot_label, "\xe5TIKETT    ");
    CHECK(label_of(image) == "σTIKETT");
    image.put_text(boot_label, "\x05TIKETT    ");
    CHECK(label_of(image) == "σTIKETT");
    image.add_short(image.root, "\xe5\xe5\xe5\xe5\xe5\xe5\xe5\xe5\xe5\xe5\xe5", 0x08, 0, 0);
    image.add_short(image.root, "\xe5NOTHER    ", 0x08, 0, 0);
    CHECK(label_of(image) == "σTIKETT");
    image.add_short(image.root, "\x05\xe5\x05 REAL   ", 0x08, 0, 0);
    image.add_short(image.root, "SECOND     ", 0x08, 0, 0);
    CHECK(label_of(image) == "σσ_ REAL");
  }
}

TEST_CASE("a volume is dirty or has errors where the boot sector or the table says so") {
  const auto state_of = [](const ImageBuilder& image) {
    Mounted disk(image.bytes);
    const VolumeInfo info = info_of(disk);
    return std::pair(info.dirty, info.error);
  };
  for (const Layout& layout : {fat12(), fat16(), fat32(300)}) {
    ImageBuilder image(layout);
    const usize state = layout.width == Width::Fat32 ? 65 : 37;
    CHECK(state_of(image) == std::pair(false, false));
    image.put8(state, 1);
    CHECK(state_of(image) == std::pair(true, false));
    image.put8(state, 2);
    CHECK(state_of(image) == std::pair(false, true));
  }
  ImageBuilder image(fat16());
  image.set_entry(1, 0x7fff);
  CHECK(state_of(image) == std::pair(true, false));
  image.set_entry(1, 0xbfff);
  CHECK(state_of(image) == std::pair(false, true));
  ImageBuilder large(fat32(300));
  large.set_entry(1, 0x07ff'ffff);
  CHECK(state_of(large) == std::pair(true, false));
  large.set_entry(1, 0x0bff'ffff);
  CHECK(state_of(large) == std::pair(false, true));
  ImageBuilder small(fat12());
  small.set_entry(1, 0);  // FAT12 has no such bits
  CHECK(state_of(small) == std::pair(false, false));
}

TEST_CASE("what info cannot read is a note, and the rest is told") {
  ImageBuilder image(fat32());
  std::memcpy(&image.bytes[71], "BOOT LABEL ", 11);
  image.put32(512 + 488, 77);
  image.set_entry(2, 2);  // the root directory is a cycle
  Mounted disk(image.bytes);
  disk.device.bad_sectors = {1};
  CHECK(info_of(disk).free_clusters == 65524);
  CHECK(info_of(disk).label.view() == "BOOT LABEL");
  REQUIRE(disk.volume->notes().size() == 2);  // each once
  CHECK(disk.volume->notes()[0].view() == "the root directory cannot be read: malformed data");
  CHECK(disk.volume->notes()[1].view() == "sector 1 (BPB_FSInfo) cannot be read: I/O error");
}

TEST_CASE("short names and labels are of code page 437, or 850 where the command line says so") {
  const auto [words, name, label] =
      GENERATE(table<std::string, std::string, std::string>({{"", "¢.TXT", "╨"},
                                                             {"codepage=437", "¢.TXT", "╨"},
                                                             {"codepage=850", "ø.TXT", "ð"},
                                                             {"codepage=500", "¢.TXT", "╨"},
                                                             {"codepage=x", "¢.TXT", "╨"}}));
  ImageBuilder image(fat12());
  image.add_short(image.root, "\x9b       TXT", 0x20, 0, 0);
  image.add_short(image.root, "\xd0          ", 0x08, 0, 0);
  image.add_short(image.root, "\x9d       TXT", 0x20, 0, 0, 0x18);  // ¥, and Ø in lower case
  command_line::set(words);
  Mounted disk(image.bytes);
  CHECK(disk.list("/")[0] == name);
  CHECK(disk.volume->info()->label.view() == label);
  CHECK(disk.list("/")[1] == (words == "codepage=850" ? "ø.txt" : "¥.txt"));
  command_line::set({});
}
