// GPTs with every field hostile: what is damaged is never believed, and the backup stands in for
// it.
#include "tests/unit/block/partition_disk.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

const std::string kTable = "gpt 1:100+100 2:200+1 9:300+51";

GptDisk three() {
  GptDisk disk;
  disk.set_entry(0, 100, 199);
  disk.set_entry(1, 200, 200);
  disk.set_entry(8, 300, 350);
  disk.seal();
  return disk;
}

// Both halves with a field spoilt and the CRCs right.
void check_refused(GptDisk::Field field, u64 value, const std::string& message,
                   const std::string& error = "malformed data") {
  GptDisk disk = three();
  disk.set(field, value);
  disk.seal();
  const LogLines log;
  INFO(field << " = " << value);
  CHECK(table_of(disk.bytes) == error);
  CHECK(log.has("vda: GPT at block 1: " + message));
  CHECK(log.has("vda: GPT at block 2047: " + message));
}

}  // namespace

TEST_CASE("a GPT is read slot by slot") {
  const LogLines log;
  CHECK(table_of(three().bytes) == kTable);
  CHECK(log.text().empty());
}

TEST_CASE("a GPT on blocks of 4096 bytes counts in these") {
  GptDisk disk(GptDisk::Shape{.blocks = 512, .block_bytes = 4096});
  disk.set_entry(0, 10, 19);
  disk.set_entry(127, 20, 20);
  disk.seal();
  CHECK(table_of(disk.bytes, 4096) == "gpt 1:80+80 128:160+8");
  disk.bytes[disk.first_array()] ^= std::byte{1};
  CHECK(table_of(disk.bytes, 4096) == "gpt 1:80+80 128:160+8");
}

TEST_CASE("entries may be larger than 128 bytes") {
  for (const u32 entry_bytes : {256u, 512u, 1024u}) {
    GptDisk disk(GptDisk::Shape{.entries = 100, .entry_bytes = entry_bytes});
    disk.set_entry(0, 500, 599);
    disk.set_entry(99, 600, 600);
    disk.seal();
    CHECK(table_of(disk.bytes) == "gpt 1:500+100 100:600+1");
  }
}

TEST_CASE("a header may be longer than what is known of it, and its CRC covers all of it") {
  GptDisk disk = three();
  disk.set(GptDisk::kHeaderBytes, 512);
  for (const u64 header : {disk.first_header(), disk.last_header()}) {
    put(disk.bytes, header + 511, 0x77, 1);
  }
  disk.seal();
  const LogLines log;
  CHECK(table_of(disk.bytes) == kTable);
  CHECK(log.text().empty());
  put(disk.bytes, disk.first_header() + 511, 0x78, 1);
  CHECK(table_of(disk.bytes) == kTable);
  CHECK(log.has("HeaderCRC32 is"));
}

TEST_CASE("the backup is used where the first header or its entries are damaged") {
  for (const u64 at : {512ul, 512ul + 16, 512ul + 60, 512ul + 88, 1024ul + 40, 1024ul + 16383}) {
    GptDisk disk = three();
    disk.bytes[at] ^= std::byte{0x10};
    const LogLines log;
    INFO("byte " << at);
    CHECK(table_of(disk.bytes) == kTable);
    CHECK(log.has("vda: its GPT is damaged; the backup at block 2047 is used"));
  }
}

TEST_CASE("the backup is used where the first header or its entries cannot be read") {
  const GptDisk disk = three();
  for (const u64 sector : {u64{1}, u64{33}}) {
    const World world;
    ByteDevice device(disk.bytes);
    device.bad_sectors = {sector};
    const LogLines log;
    CHECK(table_of(device) == kTable);
    CHECK(log.has("vda: GPT at block 1: cannot read block " + std::to_string(sector == 1 ? 1 : 2) +
                  ": I/O error"));
  }
}

TEST_CASE("nothing is read of a GPT whose halves are both damaged") {
  const GptDisk disk = three();
  for (const u64 first : {disk.first_header(), disk.first_array()}) {
    for (const u64 last : {disk.last_header(), disk.last_array()}) {
      Bytes bytes = disk.bytes;
      bytes[first] ^= std::byte{1};
      bytes[last] ^= std::byte{1};
      CHECK(table_of(bytes) == "malformed data");
    }
  }
}

TEST_CASE("a damaged backup does not matter where the first half is sound") {
  GptDisk disk = three();
  disk.bytes[disk.last_header()] ^= std::byte{1};
  disk.bytes[disk.last_array()] ^= std::byte{1};
  CHECK(table_of(disk.bytes) == kTable);
}

TEST_CASE("the place of the backup is not believed from a damaged header") {
  // A sound GPT that somebody placed in a file, at block 1000, its array at 1001.
  GptDisk disk = three();
  Bytes& bytes = disk.bytes;
  std::copy_n(bytes.begin() + 512, 512, bytes.begin() + 1000 * 512);
  std::copy_n(bytes.begin() + 1024, 16384, bytes.begin() + 1001 * 512);
  put(bytes, 512 + GptDisk::kAlternateLba, 1000, 8);
  const LogLines log;
  CHECK(table_of(bytes) == kTable);
  CHECK(log.has("the backup at block 2047 is used"));
  CHECK_FALSE(log.has("block 1000"));
}

TEST_CASE("each field out of its range is refused, with its value in the log") {
  check_refused(GptDisk::kHeaderBytes, 91, "HeaderSize is 91, not 92 to 512");
  check_refused(GptDisk::kHeaderBytes, 513, "HeaderSize is 513, not 92 to 512");
  check_refused(GptDisk::kHeaderBytes, 0xffffffff, "HeaderSize is 4294967295");
  check_refused(GptDisk::kMyLba, 5, "MyLBA is 5");
  check_refused(GptDisk::kFirstUsable, 2048, "usable blocks are 2048 to 2014 of 2048");
  check_refused(GptDisk::kLastUsable, 2048, "usable blocks are 34 to 2048 of 2048");
  check_refused(GptDisk::kLastUsable, ~u64{0}, "usable blocks are 34 to 18446744073709551615");
  check_refused(GptDisk::kLastUsable, 33, "usable blocks are 34 to 33");
  check_refused(GptDisk::kEntryBytes, 0, "SizeOfPartitionEntry is 0");
  check_refused(GptDisk::kEntryBytes, 64, "SizeOfPartitionEntry is 64");
  check_refused(GptDisk::kEntryBytes, 127, "SizeOfPartitionEntry is 127");
  check_refused(GptDisk::kEntryBytes, 384, "SizeOfPartitionEntry is 384");
  check_refused(GptDisk::kEntryBytes, 1u << 31, "128 entries of 2147483648 bytes");
  check_refused(GptDisk::kEntries, 0, "0 entries of 128 bytes");
  check_refused(GptDisk::kEntries, 1025, "1025 entries of 128 bytes");
  check_refused(GptDisk::kEntries, 0xffffffff, "4294967295 entries of 128 bytes");
  for (const u64 lba : {u64{2048}, u64{2017}, ~u64{0}, ~u64{0} - 30, u64{1} << 61}) {
    check_refused(GptDisk::kEntriesLba, lba,
                  "cannot read block " + std::to_string(lba) + ": out of range", "out of range");
  }
}

TEST_CASE("every bit of the first header flipped leaves the table as it is, from the backup") {
  const GptDisk disk = three();
  for (u64 bit = 0; bit < 92 * 8; ++bit) {
    Bytes bytes = disk.bytes;
    bytes[512 + bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const LogLines log;
    const std::string seen = table_of(bytes);
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    REQUIRE(seen == kTable);
    REQUIRE(log.has("the backup at block 2047 is used"));
  }
}

TEST_CASE("every byte of the first header flipped leaves no table where there is no backup") {
  GptDisk disk = three();
  disk.bytes[disk.last_header()] = std::byte{0};
  for (u64 byte = 0; byte < 92; ++byte) {
    Bytes bytes = disk.bytes;
    bytes[512 + byte] ^= std::byte{0xff};
    INFO("byte " << byte);
    REQUIRE(table_of(bytes) == "malformed data");
  }
}

TEST_CASE("entries that do not lie within the disk are left out and named") {
  GptDisk disk = three();
  disk.set_entry(2, 2000, 1999);
  disk.set_entry(3, 100, 2048);
  disk.set_entry(4, 2048, 2048);
  disk.set_entry(5, 0, ~u64{0});
  disk.set_entry(6, ~u64{0}, 0);
  disk.set_entry(7, 2047, 2047);
  disk.seal();
  const LogLines log;
  CHECK(table_of(disk.bytes) == "gpt 1:100+100 2:200+1 8:2047+1 9:300+51");
  CHECK(log.has("vda: partition 3, blocks 2000 to 1999, does not lie within the 2048 of the disk"));
  CHECK(log.has("vda: partition 4, blocks 100 to 2048, does not lie"));
  CHECK(log.has("vda: partition 6, blocks 0 to 18446744073709551615, does not lie"));
  CHECK(log.has("vda: partition 7, blocks 18446744073709551615 to 0, does not lie"));
}

TEST_CASE("overlapping entries are all there and named") {
  GptDisk disk = three();
  disk.set_entry(20, 150, 320);
  disk.seal();
  const LogLines log;
  CHECK(table_of(disk.bytes) == kTable + " 21:150+171");
  CHECK(log.has("vda: partition 21 (171 sectors from 150) overlaps partition 1 (100 from 100)"));
}

TEST_CASE("the most entries that are read are 1024, and 128 of them are partitions") {
  GptDisk disk(GptDisk::Shape{.blocks = 4096, .entries = 1024});
  disk.set_entry(1023, 3000, 3009);
  disk.seal();
  CHECK(table_of(disk.bytes) == "gpt 1024:3000+10");
  for (u32 slot = 100; slot < 300; ++slot) {
    disk.set_entry(slot, 1000 + slot, 1000 + slot);
  }
  disk.seal();
  const LogLines log;
  const std::string seen = table_of(disk.bytes);
  CHECK(seen.starts_with("gpt 101:1100+1 "));
  CHECK(seen.ends_with(" 228:1227+1"));
  CHECK(log.has("vda: has more than 128 partitions; those from 229 on are left out"));
}

TEST_CASE("a table is read without more requests than it has parts") {
  const World world;
  ByteDevice device(three().bytes);
  CHECK(table_of(device) == kTable);
  CHECK(device.bios == 3);  // MBR, header, entries
  CHECK(device.bytes_read == 512 + 512 + 16384);
}
