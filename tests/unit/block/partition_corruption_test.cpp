// Tables damaged at random, with fixed seeds: never a crash, a read outside the disk, an endless
// chain, or a partition that is not on the disk; and of a GPT never a wrong partition.
#include <random>

#include "tests/unit/block/partition_disk.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Reads the table and checks what always holds.
std::string read_and_check(ByteDevice& device, usize most_bios) {
  device.reset_counters();
  const Result<blk::PartitionTable> table = blk::PartitionTable::read(device);
  REQUIRE(device.senseless == 0);
  REQUIRE(device.bios <= most_bios);
  if (!table) {
    return std::string(to_string(table.error()));
  }
  u32 last_number = 0;
  for (const blk::PartitionEntry& entry : table->entries()) {
    REQUIRE(entry.number > last_number);
    REQUIRE(entry.sectors > 0);
    REQUIRE(entry.first.value() < device.sectors());
    REQUIRE(entry.sectors <= device.sectors() - entry.first.value());
    REQUIRE(entry.sectors % (device.limits().logical_block_bytes / 512) == 0);
    last_number = entry.number;
  }
  return table_of(device);
}

// Flips or sets a few bytes of the given ranges.
struct Range {
  u64 from;
  u64 bytes;
};
void damage(Bytes& bytes, std::mt19937& random, const std::vector<Range>& ranges) {
  for (u64 count = 1 + random() % 6; count > 0; --count) {
    const Range& range = ranges[random() % ranges.size()];
    std::byte& byte = bytes[range.from + random() % range.bytes];
    switch (random() % 4) {
      case 0:
        byte = std::byte{0};
        break;
      case 1:
        byte = std::byte{0xff};
        break;
      case 2:
        byte ^= static_cast<std::byte>(1u << random() % 8);
        break;
      default:
        byte = static_cast<std::byte>(random());
    }
  }
}

GptDisk sound_gpt() {
  GptDisk disk(GptDisk::Shape{.entries = 16});
  for (u32 slot = 0; slot < 12; ++slot) {
    disk.set_entry(slot, 100 + slot * 100, 150 + slot * 100);
  }
  disk.seal();
  return disk;
}

Bytes sound_chain(u32 block) {
  Bytes disk(u64{2048} * block);
  put_record(disk, 0, 0, {0x83, 10, 90});
  put_record(disk, 0, 1, {0x05, 100, 1800});
  for (u32 link = 0; link < 8; ++link) {
    const u64 at = u64{100 + link * 100} * block;
    put_record(disk, at, 0, {0x83, 10, 80});
    put_record(disk, at, 1, {0x05, (link + 1) * 100, link < 7 ? 100u : 0u});
  }
  return disk;
}

}  // namespace

TEST_CASE("a GPT damaged at random is read right, from one half, or not at all") {
  const GptDisk disk = sound_gpt();
  const World world;
  ByteDevice device(disk.bytes);
  const std::string sound = read_and_check(device, 5);
  std::mt19937 random(20);
  u32 right = 0;
  for (u32 round = 0; round < 3000; ++round) {
    device.bytes = disk.bytes;
    damage(device.bytes, random,
           {{disk.first_header(), 92},
            {disk.first_array(), disk.array_bytes()},
            {disk.last_header(), 92},
            {disk.last_array(), disk.array_bytes()}});
    const std::string seen = read_and_check(device, 5);
    INFO("round " << round);
    REQUIRE((seen == sound || seen == "malformed data"));
    right += seen == sound;
  }
  CHECK(right > 500);
  CHECK(right < 2500);
}

TEST_CASE("a GPT damaged at random with its CRCs made right again stays within the disk") {
  const GptDisk sound = sound_gpt();
  const World world;
  std::mt19937 random(21);
  for (u32 round = 0; round < 1500; ++round) {
    GptDisk disk = sound;
    damage(
        disk.bytes, random,
        {{disk.first_header() + 12, 80}, {disk.first_array(), 64}, {disk.last_header() + 12, 80}});
    disk.seal();
    ByteDevice device(disk.bytes);
    INFO("round " << round);
    read_and_check(device, 7);
  }
}

TEST_CASE("an MBR with a chain damaged at random stays within the disk") {
  for (const auto& [block, rounds] : {std::pair(512u, 1500u), std::pair(4096u, 300u)}) {
    const Bytes sound = sound_chain(block);
    std::vector<Range> ranges{{446, 64}, {510, 2}};
    for (u32 link = 0; link < 8; ++link) {
      ranges.push_back({u64{100 + link * 100} * block + 446, 34});
    }
    const World world;
    ByteDevice device(sound, block);
    std::mt19937 random(22);
    for (u32 round = 0; round < rounds; ++round) {
      device.bytes = sound;
      damage(device.bytes, random, ranges);
      INFO("blocks of " << block << ", round " << round);
      read_and_check(device, 130);
    }
  }
}

TEST_CASE("disks of random bytes that are signed stay within the disk") {
  const World world;
  std::mt19937 random(23);
  for (u32 round = 0; round < 300; ++round) {
    Bytes bytes(u64{256} * 512);
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(random());
    }
    for (u64 block = 0; block < 256; ++block) {
      for (u32 slot = 0; slot < 4; ++slot) {
        const u8 type = random() % 2 == 0 ? 0x05 : 0x83;
        put_record(bytes, block * 512, slot,
                   {type, static_cast<u32>(random() % 300), static_cast<u32>(random() % 300)});
      }
    }
    ByteDevice device(bytes);
    INFO("round " << round);
    read_and_check(device, 130);
  }
}
