// Byte ranges in whole blocks (fs/fat/block_reader.hpp).
#include "tests/catch.hpp"

#include <algorithm>
#include <random>

#include <sluice/fs/fat/block_reader.hpp>
#include "tests/port/world.hpp"
#include "tests/unit/fat/byte_device.hpp"
#include "tests/unit/fat/image_builder.hpp"

using namespace sluice;
using namespace sluice::fat;
using sluice::test::ByteDevice;
using sluice::test::Bytes;

namespace {

BlockReader reader_of(ByteDevice& device) {
  Result<BlockReader> reader = BlockReader::create(device);
  REQUIRE(reader.has_value());
  return std::move(*reader);
}

}  // namespace

TEST_CASE("only ragged edges need a bounce block") {
  CHECK(RangeRead::bounce_blocks(0, 512, 512) == 0);
  CHECK(RangeRead::bounce_blocks(512, 4096, 512) == 0);
  CHECK(RangeRead::bounce_blocks(1, 511, 512) == 1);
  CHECK(RangeRead::bounce_blocks(0, 511, 512) == 1);
  CHECK(RangeRead::bounce_blocks(1, 510, 512) == 1);
  CHECK(RangeRead::bounce_blocks(1, 512, 512) == 2);
  CHECK(RangeRead::bounce_blocks(0, 513, 512) == 1);
  CHECK(RangeRead::bounce_blocks(511, 513, 512) == 1);
  CHECK(RangeRead::bounce_blocks(511, 514, 512) == 2);
  CHECK(RangeRead::bounce_blocks(512, 512, 4096) == 1);
  CHECK(RangeRead::bounce_blocks(3584, 1024, 4096) == 2);
}

TEST_CASE("a range is one bio of whole blocks, those between its edges straight to the target") {
  Bytes target(3 * 512);
  Bytes bounce(2 * 512);
  RangeRead range;
  range.prepare(512 + 100, target, 512, bounce.data(), nullptr, nullptr);
  const blk::Bio& bio = range.bio();
  CHECK(bio.sector.value() == 1);
  REQUIRE(bio.segments.size() == 3);
  CHECK(bio.segments[0].data == bounce.data());
  CHECK(bio.segments[1].data == target.data() + 412);
  CHECK(bio.segments[1].bytes == 1024);
  CHECK(bio.segments[2].data == bounce.data() + 512);
  CHECK(bio.segments[2].bytes == 512);
}

TEST_CASE("any range is read right on disks of any block size") {
  const test::World world;
  const Bytes contents = test::pattern(64 * 4096);
  std::mt19937 random(1);
  for (const u32 block : {512u, 1024u, 2048u, 4096u, 65536u}) {
    ByteDevice device(contents, block);
    BlockReader reader = reader_of(device);
    for (int i = 0; i < 300; ++i) {
      const u64 from = random() % contents.size();
      const u64 most = std::min<u64>(contents.size() - from, i % 2 == 0 ? 700 : 20000);
      Bytes out(random() % most + 1);
      REQUIRE(reader.read(from, out).has_value());
      REQUIRE((out == test::slice(contents, from, out.size())));
    }
    CHECK(device.senseless == 0);
  }
}

TEST_CASE("a range beyond the disk is refused without asking the disk") {
  const test::World world;
  ByteDevice device(Bytes(8192));
  BlockReader reader = reader_of(device);
  Bytes out(1024);
  CHECK(reader.read(7169, out).error() == Errc::Malformed);
  CHECK(reader.read(8192, out).error() == Errc::Malformed);
  CHECK(reader.read(~u64{0} - 100, out).error() == Errc::Malformed);
  CHECK(reader.window(8192).error() == Errc::Malformed);
  CHECK(reader.window(u64{1} << 60).error() == Errc::Malformed);
  CHECK(device.bios == 0);
  CHECK(reader.read(7168, out).has_value());
}

TEST_CASE("a last block that is not whole is not read") {
  const test::World world;
  ByteDevice device(Bytes(4096 + 512), 4096);
  BlockReader reader = reader_of(device);
  Bytes out(512);
  CHECK(reader.read(3584, out).has_value());
  CHECK(reader.read(4096, out).error() == Errc::Malformed);
  CHECK(reader.window(4096).error() == Errc::Malformed);
  CHECK(reader.window(4000)->size() == 96);
  CHECK(device.senseless == 0);
}

TEST_CASE("a disk that is gone is said to be removed") {
  const test::World world;
  ByteDevice device(Bytes(4096));
  BlockReader reader = reader_of(device);
  device.bytes.clear();
  Bytes out(512);
  CHECK(reader.read(0, out).error() == Errc::Removed);
  CHECK(reader.window(0).error() == Errc::Removed);
}

TEST_CASE("a window is read once while it is in use") {
  const test::World world;
  const Bytes contents = test::pattern(1 << 20);
  ByteDevice device(contents);
  BlockReader reader = reader_of(device);
  for (u64 at = 0; at < 60000; at += 7) {
    const auto window = reader.window(at);
    REQUIRE(window.has_value());
    REQUIRE((*window)[0] == contents[at]);
    REQUIRE((*window).back() == contents[at + window->size() - 1]);
  }
  const usize once = device.bios;
  CHECK(once <= 4);
  for (u64 at = 0; at < 60000; at += 977) {
    REQUIRE(reader.window(at).has_value());
  }
  CHECK(device.bios == once);
  for (u64 at = 0; at < contents.size(); at += 4096) {
    REQUIRE((*reader.window(at))[0] == contents[at]);
  }
  REQUIRE((*reader.window(5))[0] == contents[5]);
}

TEST_CASE("a block that cannot be read takes no other of its window with it") {
  const test::World world;
  const Bytes contents = test::pattern(65536);
  ByteDevice device(contents);
  BlockReader reader = reader_of(device);
  device.bad_sectors = {3};
  CHECK(reader.window(3 * 512 + 5).error() == Errc::Io);
  CHECK((*reader.window(2 * 512))[0] == contents[2 * 512]);
  CHECK((*reader.window(4 * 512))[0] == contents[4 * 512]);
  CHECK(reader.window(3 * 512).error() == Errc::Io);
  device.bad_sectors.clear();
  CHECK((*reader.window(3 * 512))[0] == contents[3 * 512]);
}

TEST_CASE("of a disk that became smaller, what is left can be read, and the rest is malformed") {
  const test::World world;
  ByteDevice device(Bytes(64 * 1024));
  BlockReader reader = reader_of(device);
  device.bytes.resize(40 * 1024);
  Bytes out(512);
  CHECK(reader.read(39 * 1024, out).has_value());
  CHECK(reader.window(39 * 1024).has_value());
  CHECK(reader.read(41 * 1024, out).error() == Errc::Malformed);
  CHECK(reader.window(41 * 1024).error() == Errc::Malformed);
}
