// Volumes as an Atari ST's TOS and mkfs.fat -A make them: no jump of a PC, no 0x55 0xaa, a serial
// number in the OEM name, two sectors a cluster, and on hard disks sectors of more than 512 bytes
// rather than larger clusters. References: Atari Hard Disk File Systems Reference Guide, "Boot
// sector"; mkfs.fat(8), -A.
#include "tests/unit/fat/mounted.hpp"
#include "tests/unit/fat/sparse_device.hpp"

using namespace sluice;
using namespace sluice::fat;
using namespace sluice::test;

namespace {

Layout floppy() {
  Layout layout = fat12(711);  // 720 KiB
  layout.sectors_per_cluster = 2;
  layout.root_entries = 112;
  layout.spare_fat_sectors = 2;  // TOS makes five of three
  return layout;
}

Layout hard_disk(u32 sector_bytes) {
  Layout layout = fat16(6000);
  layout.sector_bytes = sector_bytes;
  layout.sectors_per_cluster = 2;
  return layout;
}

// TOS knows no field behind the first 16 bits of BPB_HiddSec: from there on the sector is code,
// which begins with the branch at its start; if it is bootable, its words add up to 0x1234.
void make_atari(ImageBuilder& image, u32 code_word, bool bootable) {
  image.put8(0, 0x60);  // BRA.S
  image.put8(1, 0x1c);
  image.put_text(2, "Loader");
  image.put8(8, 0x6d);  // serial number
  image.put8(9, 0xca);
  image.put8(10, 0x29);
  const auto put_word = [&](usize at, u32 value) {  // the highest byte first
    image.put8(at, value >> 8);
    image.put8(at + 1, value & 0xff);
  };
  for (usize at = 30; at < 512; at += 2) {
    put_word(at, code_word);
  }
  if (bootable) {
    put_word(510, 0);
    u32 sum = 0;
    for (usize at = 0; at < 512; at += 2) {
      sum += static_cast<u32>(image.sparse.at(at)) << 8 | static_cast<u32>(image.sparse.at(at + 1));
    }
    put_word(510, (0x1234 - sum) & 0xffff);
  }
}

}  // namespace

// F14
TEST_CASE("a volume of an Atari is read, and its boot code taken for no field") {
  const Layout layout =
      GENERATE(floppy(), hard_disk(512), hard_disk(1024), hard_disk(2048), hard_disk(4096));
  const u32 code_word = GENERATE(0u, 0x4e71u, 0xffffu);
  const bool bootable = GENERATE(false, true);
  ImageBuilder image(layout, ImageBuilder::Backing::Sparse);
  make_atari(image, code_word, bootable);
  const Bytes contents = pattern(50'000);
  image.add_short(image.root, "ST DISK    ", 0x08, 0, 0);
  Dir folder = image.add_dir(image.root, "AUTO       ");
  image.add_file(folder, "PROGRAM PRG", contents);
  image.add_file(image.root, "DESKTOP INF", text_bytes("#a000000"));
  image.sparse.resize(align_up(image.sparse.size(), 4096));
  for (const u32 block_bytes : {512u, 4096u}) {
    MountedOn<SparseDevice> disk(image.sparse, block_bytes);
    const Result<VolumeInfo> info = disk.volume->info();
    REQUIRE(info.has_value());
    CHECK(info->type == (layout.width == Width::Fat12 ? Type::Fat12 : Type::Fat16));
    CHECK(info->sector_bytes == layout.sector_bytes);
    CHECK(info->cluster_bytes == 2 * layout.sector_bytes);
    CHECK(info->clusters == layout.clusters);
    CHECK(info->label.view() == "ST DISK");
    CHECK(info->serial == 0);
    CHECK_FALSE(info->dirty);
    CHECK(disk.list("/") == Names{"AUTO/", "DESKTOP.INF"});
    CHECK((disk.read("/auto/program.prg") == contents));
    CHECK((disk.read("/desktop.inf") == text_bytes("#a000000")));
    REQUIRE(disk.volume->notes().size() == 1);
    CHECK(disk.volume->notes()[0].view() == "the boot sector does not end with 0x55 0xaa");
  }
}

// F14
TEST_CASE("an Atari's sectors of 8192 bytes or more are refused by their size") {
  ImageBuilder image(floppy());
  image.put16(11, 8192);
  CHECK(mount_error(image.bytes) ==
        "vda holds no FAT volume: BPB_BytsPerSec is 8192, not 512, 1024, 2048 or 4096");
}
