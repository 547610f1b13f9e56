// Tables made by sfdisk, sgdisk and fdisk, sound and damaged, compared with what these tools see.
#include "tests/unit/block/partition_disk.hpp"

#if defined(SLUICE_SFDISK) && defined(SLUICE_SGDISK) && defined(SLUICE_FDISK)

#include <algorithm>

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u64 kMib = 1 << 20;

// Lines for sfdisk: `count` partitions of different sizes, none at a round number.
std::string many(u32 count) {
  std::string script = "label: gpt\n";
  for (u32 i = 0; i < count; ++i) {
    script +=
        "start=" + std::to_string(2048 + i * 61) + ",size=" + std::to_string(1 + i % 60) + "\n";
  }
  return script;
}

// One primary, and an extended partition with `count` logical ones.
std::string logical(u32 count) {
  std::string script = "label: dos\ngrain: 512\nx1 : start=100,size=77\n";
  script += "x3 : start=4096,size=20000,type=" + std::string(count % 2 == 0 ? "5" : "f") + "\n";
  for (u32 i = 0; i < count; ++i) {
    script += "x" + std::to_string(5 + i) + " : start=" + std::to_string(4100 + i * 200) +
              ",size=" + std::to_string(150 + i) + "\n";
  }
  return script;
}

}  // namespace

TEST_CASE("a GPT by sfdisk is read as sfdisk reads it") {
  for (const u32 count : {0u, 1u, 2u, 17u, 128u}) {
    const ToolDisk disk(8 * kMib);
    disk.sfdisk("", many(count));
    const std::string seen = table_of(disk.load());
    CHECK(seen == disk.seen_by_sfdisk());
    CHECK(seen == disk.seen_by_sgdisk());
    CHECK(std::ranges::count(seen, ':') == count);
  }
}

TEST_CASE("a GPT by sgdisk with 256 slots and gaps is read as sgdisk reads it") {
  const ToolDisk disk(8 * kMib);
  disk.run(SLUICE_SGDISK " -S 256 IMAGE");
  disk.run(SLUICE_SGDISK " -a 1 -n 7:3000:3100 -n 3:5000:5100 -n 250:2048:2050 IMAGE");
  CHECK(table_of(disk.load()) == "gpt 3:5000+101 7:3000+101 250:2048+3");
  CHECK(table_of(disk.load()) == disk.seen_by_sgdisk());
}

TEST_CASE("a hybrid MBR by sgdisk does not hide the GPT") {
  const ToolDisk disk(8 * kMib);
  disk.sfdisk("", many(3));
  const std::string before = disk.seen_by_sgdisk();
  disk.run(SLUICE_SGDISK " -h 1:2 IMAGE");
  const Bytes bytes = disk.load();
  REQUIRE(get(bytes, 446 + 16 + 4, 1) != 0);  // there is a second record
  CHECK(table_of(bytes) == before);
}

TEST_CASE("a GPT by fdisk on blocks of 4096 bytes is read as fdisk reads it") {
  const ToolDisk disk(32 * kMib);
  disk.run("printf 'g\\nn\\n\\n\\n+1M\\nn\\n5\\n\\n+3M\\nn\\n\\n\\n\\nw\\n' | " SLUICE_FDISK
           " -b 4096 -w never IMAGE");
  const std::string seen = table_of(disk.load(), 4096);
  CHECK(seen == disk.seen_by_fdisk(4096));
  CHECK(seen.starts_with("gpt 1:2048+2048 2:"));
  CHECK(std::ranges::count(seen, ':') == 3);
  // Its blocks say nothing where a disk has others.
  CHECK(table_of(disk.load(), 512) == "malformed data");
}

TEST_CASE("an MBR by fdisk on blocks of 4096 bytes is read as fdisk reads it") {
  const ToolDisk disk(32 * kMib);
  disk.run(
      "printf 'o\\nn\\np\\n1\\n\\n+1M\\nn\\ne\\n2\\n\\n\\nn\\n\\n+1M\\nn\\n\\n\\nw\\n' "
      "| " SLUICE_FDISK " -b 4096 -w never IMAGE");
  const std::string seen = table_of(disk.load(), 4096);
  CHECK(seen == disk.seen_by_fdisk(4096));
  CHECK(seen.starts_with("mbr 1:2048+2048 5:6144+2048 6:10240+"));
}

TEST_CASE("an MBR with one to four primary partitions by sfdisk is read as sfdisk reads it") {
  std::string script = "label: dos\n";
  for (u32 count = 0; count <= 4; ++count) {
    const ToolDisk disk(8 * kMib);
    disk.sfdisk("", script);
    const std::string seen = table_of(disk.load());
    CHECK(seen == disk.seen_by_sfdisk());
    CHECK(std::ranges::count(seen, ':') == count);
    script += "size=" + std::to_string(100 + count) + (count == 1 ? ",bootable" : "") + "\n";
  }
}

TEST_CASE("an MBR with one to twelve logical partitions by sfdisk is read as sfdisk reads it") {
  for (u32 count = 1; count <= 12; ++count) {
    const ToolDisk disk(16 * kMib);
    disk.sfdisk("", logical(count));
    const std::string seen = table_of(disk.load());
    CHECK(seen == disk.seen_by_sfdisk());
    CHECK(std::ranges::count(seen, ':') == count + 1);
  }
}

TEST_CASE("a chain that leads backwards, as sfdisk makes it in a gap, is read as sfdisk reads it") {
  const ToolDisk disk(16 * kMib);
  disk.sfdisk("", logical(4));
  disk.run(SLUICE_SFDISK " -q --delete IMAGE 6");
  disk.sfdisk("--append", "start=4320,size=20\n");
  const std::string seen = table_of(disk.load());
  CHECK(seen == "mbr 1:100+77 5:4100+150 6:4500+152 7:4700+153 8:4320+20");
  CHECK(seen == disk.seen_by_sfdisk());
}

TEST_CASE(
    "a GPT by sfdisk whose first half is damaged is read from the backup, as sgdisk reads it") {
  const ToolDisk disk(8 * kMib);
  disk.sfdisk("", many(5));
  const Bytes sound = disk.load();
  const std::string before = table_of(sound);
  const auto damaged = [&](u64 from, u64 to) {
    Bytes bytes = sound;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(from),
              bytes.begin() + static_cast<std::ptrdiff_t>(to), std::byte{0});
    const LogLines log;
    CHECK(table_of(bytes) == before);
    CHECK(log.has("vda: its GPT is damaged; the backup at block 16383 is used"));
    disk.save(bytes);
  };
  damaged(512, 1024);  // the header
  CHECK(disk.seen_by_sgdisk() == before);
  damaged(1024 + 128, 1024 + 256);  // an entry
  damaged(512, 1024 + 128 * 128);   // both
  CHECK(disk.seen_by_sgdisk() == before);
}

TEST_CASE("a GPT by sfdisk on a disk that has grown is read, also from its backup") {
  const ToolDisk disk(8 * kMib);
  disk.sfdisk("", many(5));
  Bytes bytes = disk.load();
  const std::string before = table_of(bytes);
  bytes.resize(12 * kMib);
  CHECK(table_of(bytes) == before);
  bytes[1024] ^= std::byte{1};  // an entry: the header still tells where the backup is
  const LogLines log;
  CHECK(table_of(bytes) == before);
  CHECK(log.has("the backup at block 16383 is used"));
}

TEST_CASE("a GPT by sfdisk on a disk that was cut short is refused") {
  const ToolDisk disk(8 * kMib);
  disk.sfdisk("", many(5));
  Bytes bytes = disk.load();
  bytes.resize(4 * kMib);
  const LogLines log;
  CHECK(table_of(bytes) == "malformed data");
  CHECK(log.has("GPT at block 1: usable blocks are 2048 to 16350 of 8192"));
}

#if defined(SLUICE_MKFS_FAT)

TEST_CASE("a FAT volume that fills the whole disk has no partitions") {
  for (const char* const options :
       {"-F 12 -s 64", "-F 16 -s 4", "-F 32 -s 1", "-F 16 -s 4 --mbr=y", "-F 32 -s 1 --mbr=y"}) {
    const ToolDisk disk(40 * kMib);
    disk.run(std::string(SLUICE_MKFS_FAT " ") + options + " IMAGE");
    CHECK(table_of(disk.load()) == "not found");
  }
}

TEST_CASE("a table made over the rest of a FAT volume counts") {
  const ToolDisk disk(8 * kMib);
  disk.run(SLUICE_MKFS_FAT " -F 16 -s 1 IMAGE");
  disk.sfdisk("--wipe never", "label: dos\nsize=1000\n");
  REQUIRE(get(disk.load(), 11, 2) == 512);  // BPB_BytsPerSec is still there
  CHECK(table_of(disk.load()) == "mbr 1:2048+1000");
}

#endif
#endif
