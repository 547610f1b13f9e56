// Which table a disk has, and MBRs with every field hostile.
#include <set>

#include "tests/unit/block/partition_disk.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u8 kExtended = 0x05;
constexpr u8 kData = 0x83;

Bytes empty_disk(u64 sectors = 4096) {
  return Bytes(sectors * 512);
}

// Looks like one of FAT16.
void put_fat_fields(Bytes& disk) {
  put(disk, 11, 512, 2);
  put(disk, 13, 4, 1);
  put(disk, 14, 1, 2);
  put(disk, 16, 2, 1);
  put(disk, 21, 0xf8, 1);
  put(disk, 510, 0xaa55, 2);
}

// Extended at 100 with 1000 blocks; links at 100 and 200, each with its partition 10 behind it.
Bytes two_logical() {
  Bytes disk = empty_disk();
  put_record(disk, 0, 0, {kExtended, 100, 1000});
  put_record(disk, u64{100} * 512, 0, {kData, 10, 50});
  put_record(disk, u64{100} * 512, 1, {kExtended, 100, 100});
  put_record(disk, u64{200} * 512, 0, {kData, 10, 60});
  return disk;
}

}  // namespace

// --- Which table ---

TEST_CASE("a disk of zeroes has no partition table") {
  CHECK(table_of(empty_disk()) == "not found");
}

TEST_CASE("a disk without a whole block has no partition table") {
  CHECK(table_of(Bytes{}) == "not found");
  CHECK(table_of(Bytes(512), 4096) == "not found");
}

TEST_CASE("a disk of one block can have a table of partitions that do not fit") {
  Bytes disk = empty_disk(1);
  put_record(disk, 0, 0, {kData, 1, 1});
  const LogLines log;
  CHECK(table_of(disk) == "mbr");
  CHECK(log.has("vda: partition 1 begins at block 1 of 1: left out"));
}

TEST_CASE("a disk of one or two blocks can have no GPT") {
  for (const u64 sectors : {u64{1}, u64{2}}) {
    Bytes disk = empty_disk(sectors);
    put_record(disk, 0, 0, {0xee, 1, 0xffffffff});
    CHECK(table_of(disk) == (sectors == 1 ? "out of range" : "malformed data"));
  }
}

TEST_CASE("a signature alone is a table without partitions") {
  Bytes disk = empty_disk();
  put(disk, 510, 0xaa55, 2);
  CHECK(table_of(disk) == "mbr");
}

TEST_CASE("a boot sector with code where the records would be is no table") {
  for (u32 slot = 0; slot < 4; ++slot) {
    Bytes disk = empty_disk();
    put_record(disk, 0, 0, {kData, 1, 100, 0x80});
    put_record(disk, 0, slot, {kData, 1, 100, 0x72});
    CHECK(table_of(disk) == "not found");
  }
}

TEST_CASE("a FAT boot sector is no table unless a partition lies behind it") {
  Bytes disk = empty_disk();
  put_fat_fields(disk);
  CHECK(table_of(disk) == "not found");
  put_record(disk, 0, 0, {0x0c, 0, 4096, 0x80});  // the whole disk
  CHECK(table_of(disk) == "not found");
  put_record(disk, 0, 2, {0x0c, 63, 100});
  CHECK(table_of(disk) == "mbr 1:0+4096 3:63+100");
}

TEST_CASE("each field that no FAT volume has makes an empty table of the boot sector") {
  const std::pair<u64, u64> wrong[] = {{11, 0}, {11, 256}, {11, 513}, {13, 0}, {13, 3}, {21, 0xf1}};
  for (const auto& [at, value] : wrong) {
    Bytes disk = empty_disk();
    put_fat_fields(disk);
    put(disk, at, value, at == 11 ? 2 : 1);
    CHECK(table_of(disk) == "mbr");
  }
  for (const u64 at : {u64{14}, u64{16}}) {
    Bytes disk = empty_disk();
    put_fat_fields(disk);
    put(disk, at, 0, 1);
    CHECK(table_of(disk) == "mbr");
  }
}

TEST_CASE("a protective record that does not begin at block 1 is neither GPT nor MBR") {
  for (const u32 first : {0u, 2u}) {
    GptDisk disk;
    disk.set_entry(0, 100, 199);
    disk.seal();
    put_record(disk.bytes, 0, 0, {0xee, first, 2047});
    put_record(disk.bytes, 0, 1, {kData, 100, 100});
    const LogLines log;
    CHECK(table_of(disk.bytes) == "malformed data");
    CHECK(log.has("vda: its MBR is protective (type 0xee)"));
  }
}

TEST_CASE("a GPT without a protective MBR does not count") {
  GptDisk disk;
  disk.set_entry(0, 100, 199);
  disk.seal();
  REQUIRE(table_of(disk.bytes) == "gpt 1:100+100");
  Bytes unsigned_mbr = disk.bytes;
  put(unsigned_mbr, 510, 0, 2);
  CHECK(table_of(unsigned_mbr) == "not found");
  Bytes other_type = disk.bytes;
  put_record(other_type, 0, 0, {kData, 300, 50});
  CHECK(table_of(other_type) == "mbr 1:300+50");
}

TEST_CASE("what the disk says of a read that fails is passed on") {
  const World world;
  ByteDevice device(two_logical());
  device.bad_sectors = {0};
  CHECK(table_of(device) == "I/O error");
}

// --- Primary partitions ---

TEST_CASE("records of no blocks are passed over, whatever else they say") {
  Bytes disk = empty_disk();
  put_record(disk, 0, 0, {kData, 100, 0});
  put_record(disk, 0, 1, {kExtended, 100, 0});
  put_record(disk, 0, 3, {0, 200, 30});  // type 0: Linux takes it
  CHECK(table_of(disk) == "mbr 4:200+30");
}

TEST_CASE("partitions beyond the disk are left out and those that exceed it are cut") {
  Bytes disk = empty_disk(1000);
  put_record(disk, 0, 0, {kData, 1000, 1});
  put_record(disk, 0, 1, {kData, 999, 0xffffffff});
  put_record(disk, 0, 2, {kData, 0xffffffff, 0xffffffff});
  put_record(disk, 0, 3, {kData, 900, 99});
  const LogLines log;
  CHECK(table_of(disk) == "mbr 2:999+1 4:900+99");
  CHECK(log.has("vda: partition 1 begins at block 1000 of 1000: left out"));
  CHECK(log.has("vda: partition 2 (4294967295 blocks from 999) is cut at the disk's end"));
  CHECK(log.has("vda: partition 3 begins at block 4294967295 of 1000: left out"));
}

TEST_CASE("overlapping partitions are all there and named") {
  Bytes disk = empty_disk();
  put_record(disk, 0, 0, {kData, 100, 100});
  put_record(disk, 0, 1, {kData, 200, 100});
  put_record(disk, 0, 2, {kData, 299, 2});
  put_record(disk, 0, 3, {kData, 50, 51});
  const LogLines log;
  CHECK(table_of(disk) == "mbr 1:100+100 2:200+100 3:299+2 4:50+51");
  CHECK_FALSE(log.has("partition 2 (100 sectors from 200) overlaps"));
  CHECK(log.has("vda: partition 3 (2 sectors from 299) overlaps partition 2 (100 from 200)"));
  CHECK(log.has("vda: partition 4 (51 sectors from 50) overlaps partition 1 (100 from 100)"));
}

TEST_CASE("blocks of 4096 bytes are eight sectors each") {
  Bytes disk = empty_disk(4096);
  put_record(disk, 0, 0, {kData, 10, 20});
  put_record(disk, 0, 1, {kExtended, 100, 400});
  put_record(disk, u64{100} * 4096, 0, {kData, 1, 7});
  put_record(disk, u64{100} * 4096, 1, {kExtended, 50, 10});
  put_record(disk, u64{150} * 4096, 0, {kData, 2, 1000});
  CHECK(table_of(disk, 4096) == "mbr 1:80+160 5:808+56 6:1216+2880");
}

// --- Logical partitions ---

TEST_CASE("logical partitions are numbered from 5 in the order of the chain") {
  CHECK(table_of(two_logical()) == "mbr 5:110+50 6:210+60");
}

TEST_CASE("logical partitions come behind the primary ones, wherever their slot is") {
  Bytes disk = two_logical();
  put_record(disk, 0, 3, {kData, 2000, 100});
  CHECK(table_of(disk) == "mbr 4:2000+100 5:110+50 6:210+60");
}

TEST_CASE("two extended partitions share the numbers") {
  Bytes disk = two_logical();
  put_record(disk, 0, 2, {0x85, 2000, 100});
  put_record(disk, u64{2000} * 512, 0, {kData, 5, 5});
  CHECK(table_of(disk) == "mbr 5:110+50 6:210+60 7:2005+5");
}

TEST_CASE("a link without a partition is passed over") {
  Bytes disk = two_logical();
  put_record(disk, u64{100} * 512, 0, {0, 0, 0});
  CHECK(table_of(disk) == "mbr 5:210+60");
}

TEST_CASE("a chain that comes back to a link ends there with an error") {
  const std::pair<u32, std::string> cycles[] = {
      {0, "record at block 100: the chain has been there already"},
      {100, "record at block 200: the chain has been there already"}};
  for (const auto& [link, message] : cycles) {
    Bytes disk = two_logical();
    put_record(disk, u64{200} * 512, 1, {kExtended, link, 100});
    const LogLines log;
    CHECK(table_of(disk) == "mbr 5:110+50 6:210+60");
    CHECK(log.has("vda: the logical partitions from 7 on are lost: " + message));
  }
}

TEST_CASE("an extended partition at block 0 does not make logical ones of the primary ones") {
  Bytes disk = empty_disk();
  put_record(disk, 0, 0, {kData, 100, 100});
  put_record(disk, 0, 1, {kExtended, 0, 4096});
  const LogLines log;
  CHECK(table_of(disk) == "mbr 1:100+100");
  CHECK(log.has("record at block 0: the chain has been there already"));
}

TEST_CASE("the chain ends where a link lies beyond the disk, and what was read stays") {
  for (const u32 link : {3996u, 0xffffffffu}) {
    Bytes disk = two_logical();
    put_record(disk, u64{200} * 512, 1, {kExtended, link, 100});
    const LogLines log;
    CHECK(table_of(disk) == "mbr 5:110+50 6:210+60");
    CHECK(log.has("record at block " + std::to_string(u64{100} + link) + ": out of range"));
  }
}

TEST_CASE("the chain ends where a link cannot be read, and what was read stays") {
  const World world;
  ByteDevice device(two_logical());
  device.bad_sectors = {200};
  const LogLines log;
  CHECK(table_of(device) == "mbr 5:110+50");
  CHECK(log.has("partitions from 6 on are lost: record at block 200: I/O error"));
}

TEST_CASE("the chain ends where a link is not signed, and what was read stays") {
  Bytes disk = two_logical();
  put(disk, u64{200} * 512 + 510, 0x1234, 2);
  const LogLines log;
  CHECK(table_of(disk) == "mbr 5:110+50");
  CHECK(log.has("record at block 200: it does not end with 0x55 0xaa"));
}

TEST_CASE("a chain without partitions ends after a bounded number of links") {
  Bytes disk = empty_disk();
  put_record(disk, 0, 0, {kExtended, 10, 4000});
  for (u32 link = 0; link < 1000; ++link) {
    put_record(disk, u64{10 + link} * 512, 0, {kExtended, link + 1, 1});
  }
  const World world;
  ByteDevice device(disk);
  const LogLines log;
  CHECK(table_of(device) == "mbr");
  CHECK(log.has("the chain is too long"));
  CHECK(device.bios == 128);
}

TEST_CASE("a chain with more partitions than there is room for ends in an error") {
  Bytes disk = empty_disk(8192);
  put_record(disk, 0, 0, {kExtended, 10, 8000});
  for (u32 link = 0; link < 1000; ++link) {
    put_record(disk, u64{10 + link} * 512, 0, {kData, 4000, 1});
    put_record(disk, u64{10 + link} * 512, 1, {kExtended, link + 1, 1});
  }
  const LogLines log;
  const std::string seen = table_of(disk);
  CHECK(seen.starts_with("mbr 5:4010+1 6:4011+1 "));
  CHECK(seen.ends_with(" 131:4136+1"));
  CHECK(log.has("the chain is too long"));
}

TEST_CASE("numbers of logical partitions stay where one of them lies beyond the disk") {
  Bytes disk = two_logical();
  put_record(disk, u64{100} * 512, 0, {kData, 5000, 10});
  const LogLines log;
  CHECK(table_of(disk) == "mbr 6:210+60");
  CHECK(log.has("vda: partition 5 begins at block 5100 of 4096: left out"));
}

TEST_CASE("the last two slots of a link count only where they lie inside it") {
  Bytes disk = two_logical();
  put_record(disk, u64{200} * 512, 2, {kData, 80, 20});  // inside: 200 + 100
  put_record(disk, u64{200} * 512, 3, {kData, 80, 21});
  CHECK(table_of(disk) == "mbr 5:110+50 6:210+60 7:280+20");
  put_record(disk, 0, 0, {kExtended, 100, 150});  // now the extended one ends before
  CHECK(table_of(disk) == "mbr 5:110+50 6:210+60");
}

TEST_CASE("no table makes the log overflow") {
  Bytes disk = empty_disk();
  put_record(disk, 0, 0, {kExtended, 10, 4000});
  for (u32 link = 0; link < 100; ++link) {
    put_record(disk, u64{10 + link} * 512, 0, {kData, 0xffff, 1});
    put_record(disk, u64{10 + link} * 512, 1, {kExtended, link + 1, link < 99 ? 1u : 0u});
  }
  const LogLines log;
  CHECK(table_of(disk) == "mbr");
  const std::string text = log.text();
  CHECK(std::ranges::count(text, '\n') == 17);
  CHECK(log.has("vda: there is more to say about its partitions, which is not listed"));
}
