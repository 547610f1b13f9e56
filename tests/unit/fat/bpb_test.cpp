// The boot sector (fs/fat/bpb.hpp): what mounts, as which type, and why the rest does not.
#include "tests/unit/fat/mounted.hpp"

#include <cstring>
#include <functional>

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

// The geometry that an image's boot sector gives.
Geometry geometry_of(const ImageBuilder& image) {
  Notes notes;
  const std::span<const std::byte, 512> sector(image.bytes.data(), 512);
  const auto geometry = parse_boot_sector(sector, image.bytes.size(), "vda", notes);
  if (!geometry) {
    throw std::runtime_error(std::string(geometry.error().reason.view()));
  }
  return *geometry;
}

// The error after one change to the boot sector of a FAT16 or FAT32 volume.
std::string error_after(const Layout& layout, const std::function<void(ImageBuilder&)>& change) {
  ImageBuilder image(layout);
  change(image);
  return mount_error(image.bytes);
}

std::string note_after(const Layout& layout, const std::function<void(ImageBuilder&)>& change) {
  ImageBuilder image(layout);
  change(image);
  Mounted disk(image.bytes);
  REQUIRE(disk.volume->notes().size() == 1);
  return std::string(disk.volume->notes()[0].view());
}

// An MBR with one partition of a type.
ImageBuilder partitioned(u32 type, u32 first_sector) {
  ImageBuilder image(fat12());
  std::fill_n(image.bytes.begin(), 512, std::byte{});
  image.put8(0, 0xfa);
  image.put8(446 + 16, 0x80);
  image.put8(446 + 16 + 4, type);
  image.put32(446 + 16 + 8, first_sector);
  image.put32(446 + 16 + 12, 4096);
  image.put16(510, 0xaa55);
  return image;
}

}  // namespace

// F4: every geometry is in geometry_test.cpp.
TEST_CASE("the number of clusters alone makes the type, on both sides of the limits") {
  CHECK(geometry_of(ImageBuilder(fat12(1))).type == Type::Fat12);
  CHECK(geometry_of(ImageBuilder(fat12(4084))).type == Type::Fat12);
  CHECK(geometry_of(ImageBuilder(fat16(4085))).type == Type::Fat16);
  CHECK(geometry_of(ImageBuilder(fat16(65524))).type == Type::Fat16);
  CHECK(geometry_of(ImageBuilder(fat32(65525))).type == Type::Fat32);
}

// F4
TEST_CASE("a sector less or more at the limit changes the type only with a whole cluster") {
  Layout layout = fat16(4085);
  layout.sectors_per_cluster = 4;
  ImageBuilder image(layout);
  CHECK(geometry_of(image).type == Type::Fat16);
  CHECK(geometry_of(image).clusters == 4085);
  image.put16(19, static_cast<u32>(image.bytes.size() / 512) - 1);
  CHECK(geometry_of(image).type == Type::Fat12);
  CHECK(geometry_of(image).clusters == 4084);
  image.put16(19, static_cast<u32>(image.bytes.size() / 512) + 3);
  CHECK(geometry_of(image).clusters == 4085);
}

// F4
TEST_CASE("the text in the boot sector says nothing about the type") {
  ImageBuilder image(fat12());
  const std::string_view text = "FAT32   ";
  for (u32 i = 0; i < 8; ++i) {
    image.put8(54 + i, static_cast<u8>(text[i]));
  }
  CHECK(geometry_of(image).type == Type::Fat12);
}

TEST_CASE(
    "volumes of every sector and cluster size give back a file, on disks of every block size") {
  const Bytes contents = pattern(300'000);
  for (const u32 sector : {512u, 1024u, 2048u, 4096u}) {
    for (const u32 per_cluster : {1u, 2u, 8u, 64u, 128u}) {
      for (const u32 fats : {1u, 2u, 3u}) {
        Layout layout = fat12(4 + 300'000 / (sector * per_cluster) + 1);
        layout.sector_bytes = sector;
        layout.sectors_per_cluster = per_cluster;
        layout.fats = fats;
        layout.root_entries = 33;  // not whole sectors
        layout.reserved_sectors = fats;
        ImageBuilder image(layout);
        image.add_file(image.root, "FILE    BIN", contents);
        image.bytes.resize(align_up(image.bytes.size(), 4096));
        for (const u32 block : {512u, 4096u}) {
          Mounted disk(image.bytes, block);
          REQUIRE(disk.volume->geometry().cluster_bytes == sector * per_cluster);
          REQUIRE((disk.read("/file.bin") == contents));
        }
      }
    }
  }
}

TEST_CASE(
    "where Linux has another type than the count of clusters, Linux's is taken, with a note") {
  const u32 root_entries = GENERATE(0u, 16u);  // Linux leaves room for them on FAT32, too
  Layout layout = fat32(200);
  layout.root_entries = root_entries;
  ImageBuilder image(layout);
  image.add_file(image.root, "A       TXT", text_bytes("a"));
  Mounted disk(image.bytes);
  CHECK(disk.volume->geometry().type == Type::Fat32);
  CHECK((disk.read("/a.txt") == text_bytes("a")));
  REQUIRE(disk.volume->notes().size() == 1);
  CHECK(disk.volume->notes()[0].view() ==
        "read as FAT32, as Linux does, because BPB_FATSz16 is 0; by its 200 clusters it is FAT12");
}

TEST_CASE("more clusters than FAT16 can have are FAT16 as far as its table goes, with notes") {
  ImageBuilder image(fat16());
  image.put32(32, 100'000);
  image.put16(19, 0);
  image.bytes.resize(100'000 * 512);
  Mounted disk(image.bytes);
  CHECK(disk.volume->geometry().type == Type::Fat16);
  CHECK(disk.volume->geometry().clusters == 4094);
  REQUIRE(disk.volume->notes().size() == 2);
  CHECK(disk.volume->notes()[0].view() ==
        "read as FAT16, as Linux does, because BPB_FATSz16 is 16; by its 99935 clusters it is "
        "FAT32");
  CHECK(disk.volume->notes()[1].view() == "the table has entries for 4094 of the 99935 clusters");
}

// --- The backup boot sector ----------------------------------------------------------------------

namespace {

// A FAT32 volume with a file, and a copy of its boot sector in sector 6.
ImageBuilder with_backup(u32 sector_bytes = 512) {
  Layout layout = fat32(65525);
  layout.sector_bytes = sector_bytes;
  ImageBuilder image(layout);
  image.add_file(image.root, "A       TXT", text_bytes("a"));
  image.put16(50, 6);
  std::copy_n(image.bytes.begin(), 512, image.bytes.begin() + 6 * sector_bytes);
  return image;
}

constexpr std::string_view kReadByBackup = "read by its backup boot sector, sector 6: ";

}  // namespace

TEST_CASE("a FAT32 volume whose boot sector is bad is read by the backup, with a note") {
  const u32 sector_bytes = GENERATE(512u, 1024u, 2048u, 4096u);
  const bool zeroed = GENERATE(false, true);
  ImageBuilder image = with_backup(sector_bytes);
  if (zeroed) {
    std::fill_n(image.bytes.begin(), 512, std::byte{});
  } else {
    image.put8(13, 3);
  }
  Mounted disk(image.bytes);
  CHECK((disk.read("/a.txt") == text_bytes("a")));
  REQUIRE(disk.volume->notes().size() == 1);
  CHECK(disk.volume->notes()[0].view() ==
        std::string(kReadByBackup) +
            (zeroed ? "vda is empty, or holds no FAT volume: its first sector is all zeroes"
                    : "vda holds no FAT volume: BPB_SecPerClus is 3, not a power of two from 1 to "
                      "128"));
}

TEST_CASE("a FAT32 volume whose boot sector cannot be read is read by the backup") {
  const World world;
  ByteDevice disk(with_backup().bytes);
  disk.bad_sectors = {0};
  const Volume::MountResult volume = Volume::mount(disk);
  REQUIRE(volume.has_value());
  CHECK((*volume)->notes()[0].view() ==
        std::string(kReadByBackup) + "vda: the boot sector cannot be read");
}

TEST_CASE("what is no backup of this volume's boot sector is not believed") {
  SECTION("the disk says that it holds something else") {
    ImageBuilder image = with_backup();
    std::fill_n(image.bytes.begin(), 512, std::byte{});
    std::memcpy(&image.bytes[3], "EXFAT   ", 8);
    CHECK(mount_error(image.bytes) == "vda holds an exFAT volume, not FAT12, FAT16 or FAT32");
  }
  SECTION("it says that it belongs elsewhere") {
    ImageBuilder image = with_backup();
    image.put16(6 * 512 + 50, 7);
    image.put16(11, 0);
    CHECK(mount_error(image.bytes) ==
          "vda holds no FAT volume: BPB_BytsPerSec is 0, not 512, 1024, 2048 or 4096");
  }
  SECTION("it makes no sense either") {
    ImageBuilder image = with_backup();
    image.put8(6 * 512 + 13, 0);
    image.put16(11, 0);
    CHECK(mount_error(image.bytes) ==
          "vda holds no FAT volume: BPB_BytsPerSec is 0, not 512, 1024, 2048 or 4096");
  }
}

TEST_CASE("a disk that is empty, partitioned or formatted otherwise is said to be that") {
  CHECK(mount_error(Bytes(65536)) ==
        "vda is empty, or holds no FAT volume: its first sector is all zeroes");
  CHECK(mount_error(partitioned(0x0c, 2048).bytes) ==
        "vda is partitioned: its first partition (type 0x0c) begins at sector 2048");
  CHECK(mount_error(partitioned(0xee, 1).bytes) ==
        "vda is partitioned: it holds a GUID partition table (GPT)");
  CHECK(error_after(fat12(), [](ImageBuilder& image) {
          std::memcpy(&image.bytes[3], "NTFS    ", 8);
          image.put8(16, 0);
        }) == "vda holds an NTFS volume, not FAT12, FAT16 or FAT32");
  CHECK(error_after(fat12(), [](ImageBuilder& image) {
          std::memcpy(&image.bytes[3], "EXFAT   ", 8);
          std::fill_n(image.bytes.begin() + 11, 53, std::byte{});
        }) == "vda holds an exFAT volume, not FAT12, FAT16 or FAT32");
}

TEST_CASE("a table that is no partition table is not taken for one") {
  ImageBuilder image = partitioned(0x0c, 2048);
  image.put8(446 + 32, 0x12);  // status of another entry
  CHECK(mount_error(image.bytes) ==
        "vda holds no FAT volume: BPB_BytsPerSec is 0, not 512, 1024, 2048 or 4096");
  image = partitioned(0x0c, 2048);
  image.put16(510, 0);
  CHECK(mount_error(image.bytes) ==
        "vda holds no FAT volume: BPB_BytsPerSec is 0, not 512, 1024, 2048 or 4096");
}

TEST_CASE("a FAT volume with a partition table in its boot sector mounts") {
  ImageBuilder image(fat12());
  image.put8(446, 0x80);
  image.put8(446 + 4, 1);
  image.put32(446 + 12, 100);
  CHECK(mount_error(image.bytes) == "mounts");
}

TEST_CASE("a disk smaller than a sector or a block, or unreadable, is said to be that") {
  CHECK(mount_error({}) == "vda: the disk has no sectors, or is gone");
  const World world;
  ByteDevice small(Bytes(512), 4096);
  CHECK(Volume::mount(small).error().reason.view() ==
        "vda: the disk is smaller than one of its blocks");
  ByteDevice broken(ImageBuilder(fat12()).bytes);
  broken.bad_sectors = {0};
  const Volume::MountResult result = Volume::mount(broken);
  CHECK(result.error().code == Errc::Io);
  CHECK(result.error().reason.view() == "vda: the boot sector cannot be read");
}

// F10
TEST_CASE("a field that makes no sense is named with its value") {
  struct Case {
    Layout layout;
    std::function<void(ImageBuilder&)> change;
    std::string reason;
  };
  const std::vector<Case> cases{
      {fat12(), [](auto& i) { i.put16(11, 0); },
       "BPB_BytsPerSec is 0, not 512, 1024, 2048 or 4096"},
      {fat12(), [](auto& i) { i.put16(11, 513); },
       "BPB_BytsPerSec is 513, not 512, 1024, 2048 or 4096"},
      {fat12(), [](auto& i) { i.put16(11, 256); },
       "BPB_BytsPerSec is 256, not 512, 1024, 2048 or 4096"},
      {fat12(), [](auto& i) { i.put16(11, 8192); },
       "BPB_BytsPerSec is 8192, not 512, 1024, 2048 or 4096"},
      {fat12(), [](auto& i) { i.put8(13, 0); },
       "BPB_SecPerClus is 0, not a power of two from 1 to 128"},
      {fat12(), [](auto& i) { i.put8(13, 3); },
       "BPB_SecPerClus is 3, not a power of two from 1 to 128"},
      {fat12(), [](auto& i) { i.put16(14, 0); },
       "BPB_RsvdSecCnt is 0, but the boot sector itself is one"},
      {fat12(), [](auto& i) { i.put8(16, 0); }, "BPB_NumFATs is 0"},
      {fat12(), [](auto& i) { i.put16(17, 0); }, "BPB_RootEntCnt is 0 on a FAT12 volume"},
      {fat12(), [](auto& i) { i.put16(19, 0); }, "BPB_TotSec16 and BPB_TotSec32 are both 0"},
      {fat12(),
       [](auto& i) {
         i.put16(22, 0);
         i.put32(36, 0);
       },
       "BPB_FATSz16 and BPB_FATSz32 are both 0"},
      {fat12(), [](auto& i) { i.put16(19, 7); },
       "its 7 sectors (BPB_TotSec) end before its data would begin, at sector 7: 2 tables "
       "(BPB_NumFATs) of 1 sectors (BPB_FATSz)"},
      {fat12(),
       [](auto& i) {
         i.put16(19, 0);
         i.put32(32, 0xffffffff);
         i.put16(22, 0xffff);
         i.put8(16, 0xff);
       },
       "its data would begin at byte 8556252160, but the disk has 54784 bytes"},
      {fat12(),
       [](auto& i) {
         i.put16(19, 8);
         i.put8(13, 128);
       },
       "BPB_TotSec is 8, which makes 0 clusters"},
      {fat16(), [](auto& i) { i.put32(32, 100'000), i.put16(19, 0), i.put16(22, 300); },
       "BPB_FATSz16 is 300 on a volume of 76798 clusters, which FAT32 alone can hold"},
      {fat32(), [](auto& i) { i.put16(42, 0x100); },
       "BPB_FSVer is 0x0100, a version of FAT32 that nobody has defined"},
      {fat32(), [](auto& i) { i.put16(40, 0x82); }, "BPB_ExtFlags is 0x0082: table 2 of 2"},
      {fat32(), [](auto& i) { i.put32(44, 0); },
       "BPB_RootClus is 0, but the clusters are 2 to 65526"},
      {fat32(), [](auto& i) { i.put32(44, 65527); },
       "BPB_RootClus is 65527, but the clusters are 2 to 65526"},
      {fat32(), [](auto& i) { i.put32(36, 0xffffffff); },
       "its 66581 sectors (BPB_TotSec) end before its data would begin, at sector 8589934622: 2 "
       "tables (BPB_NumFATs) of 4294967295 sectors (BPB_FATSz)"},
      {fat32(), [](auto& i) { i.put32(32, 0xffffffff); },
       "BPB_TotSec is 4294967295, which makes 4294966239 clusters"},
  };
  for (const Case& one : cases) {
    CHECK(error_after(one.layout, one.change) == "vda holds no FAT volume: " + one.reason);
  }
}

TEST_CASE("what is odd but harmless is a note") {
  CHECK(note_after(fat12(), [](auto& i) { i.put8(21, 0x12); }) ==
        "BPB_Media is 0x12, not 0xf0 or 0xf8 to 0xff");
  CHECK(note_after(fat12(), [](auto& i) { i.put16(510, 0); }) ==
        "the boot sector does not end with 0x55 0xaa");
  CHECK(note_after(fat12(), [](auto& i) { i.bytes.resize(i.bytes.size() - 1024); }) ==
        "the volume has 54784 bytes, but the disk has only 53760");
  CHECK(note_after(fat32(), [](auto& i) { i.put16(48, 32); }) ==
        "BPB_FSInfo is 32, beyond the 32 reserved sectors");
  CHECK(note_after(fat32(), [](auto& i) { i.put16(50, 32); }) ==
        "BPB_BkBootSec is 32, beyond the 32 reserved sectors");
}

// F10
TEST_CASE("clusters without an entry in the table do not exist") {
  CHECK(note_after(fat12(1000), [](auto& i) {
          i.put16(19, 4000 + 1 + 6 + 4);  // tables of 3 sectors: 1024 entries
          i.bytes.resize((4000 + 1 + 6 + 4) * 512);
        }) == "the table has entries for 1022 of the 4000 clusters");
}

TEST_CASE("the copy of the table that the boot sector names is read") {
  ImageBuilder image(fat32());
  const Bytes contents = pattern(1000);
  image.add_file(image.root, "A          ", contents, {100, 7});
  image.set_entry_of_copy(0, 100, 0);
  image.put16(40, 0x81);  // no mirroring, copy 1
  {
    Mounted disk(image.bytes);
    CHECK((disk.read("/a") == contents));
  }
  image.put16(40, 0x01);  // mirroring: the number means nothing
  Mounted disk(image.bytes);
  CHECK(disk.read("/a").error() == Errc::Malformed);
}
