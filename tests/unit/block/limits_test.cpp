// Limits beyond the simple ones of merge_test.cpp: boundaries, blocks of 4096 bytes, several limits
// at once, and bios and devices that want no merging.
#include <sluice/drivers/block/merge.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

struct Piece {
  u64 sector;
  u64 bytes;
  bool operator==(const Piece&) const = default;
};
using Pieces = std::vector<Piece>;

Pieces requests(const TestDevice& device) {
  Pieces pieces;
  for (const auto& seen : device.seen) {
    pieces.push_back({seen.sector, seen.bytes});
  }
  return pieces;
}

// What one write becomes, whose bytes are on the disk afterwards.
Pieces written(const blk::Limits& limits, u64 sector, const std::vector<u32>& lengths) {
  TestDisk disk({.sectors = 8192, .limits = limits});
  TestBio bio(Op::Write, sector, lengths);
  bio.fill(7);
  disk.disk.submit(bio.bio);
  disk.device.complete_all();
  CHECK(bio.ended(Status::Ok));
  const auto content = bio.content();
  CHECK(std::equal(content.begin(), content.end(), disk.device.memory.data() + sector * 512));
  return requests(disk.device);
}

// --- Boundaries ---

TEST_CASE("no request crosses a boundary") {
  const blk::Limits limits{.boundary_bytes = 4096};
  CHECK(written(limits, 0, {4096}) == Pieces{{0, 4096}});
  CHECK(written(limits, 7, {512}) == Pieces{{7, 512}});
  CHECK(written(limits, 7, {1024}) == Pieces{{7, 512}, {8, 512}});
  CHECK(written(limits, 4, {12288}) == Pieces{{4, 2048}, {8, 4096}, {16, 4096}, {24, 2048}});
  CHECK(written(limits, 6, {1000, 1000, 1072}) == Pieces{{6, 1024}, {8, 2048}});
}

TEST_CASE("the smaller of boundary and most bytes decides") {
  CHECK(written({.max_bytes = 1024, .boundary_bytes = 4096}, 6, {4096}) ==
        Pieces{{6, 1024}, {8, 1024}, {10, 1024}, {12, 1024}});
  CHECK(written({.max_bytes = 8192, .boundary_bytes = 2048}, 1, {4096}) ==
        Pieces{{1, 1536}, {4, 2048}, {8, 512}});
}

TEST_CASE("neighbours on both sides of a boundary do not merge") {
  TestDisk disk({.sectors = 8192, .limits = {.boundary_bytes = 4096}});
  TestBio bios[4] = {
      {Op::Read, 6, {512}}, {Op::Read, 7, {512}}, {Op::Read, 8, {512}}, {Op::Read, 9, {512}}};
  SECTION("behind") {
    submit_batch(disk.disk, bios[0], bios[1], bios[2], bios[3]);
    CHECK(requests(disk.device) == Pieces{{6, 1024}, {8, 1024}});
  }
  SECTION("in front") {
    submit_batch(disk.disk, bios[3], bios[2], bios[1], bios[0]);
    CHECK(requests(disk.device) == Pieces{{8, 1024}, {6, 1024}});
  }
  disk.device.complete_all();
}

TEST_CASE("a range is split at boundaries, too") {
  Disk::Options options{.sectors = 8192};
  options.limits.boundary_bytes = 8192;
  options.limits.max_write_zeroes_bytes = 1 << 20;
  TestDisk disk(options);
  const auto zeroes = TestBio::range(Op::WriteZeroes, 8, 16384);
  disk.disk.submit(zeroes->bio);
  CHECK(requests(disk.device) == Pieces{{8, 4096}, {16, 8192}, {32, 4096}});
  disk.device.complete_all();
  CHECK(zeroes->ended(Status::Ok));
}

// --- Blocks of 4096 bytes ---

TEST_CASE("with blocks of 4096 bytes sectors count 512, and nothing is less than a block") {
  const blk::Limits limits{.logical_block_bytes = 4096, .max_bytes = 8192};
  CHECK(written(limits, 8, {4096}) == Pieces{{8, 4096}});
  CHECK(written(limits, 8, {20480}) == Pieces{{8, 8192}, {24, 8192}, {40, 4096}});
  TestDisk disk({.sectors = 64, .limits = limits});
  for (const u64 sector : {1u, 4u, 7u}) {
    TestBio bio(Op::Read, sector, {4096});
    disk.disk.submit(bio.bio);
    CHECK(bio.ended(Status::Misaligned));
  }
  for (const u32 bytes : {512u, 3584u, 4608u}) {
    TestBio bio(Op::Read, 8, {bytes});
    disk.disk.submit(bio.bio);
    CHECK(bio.ended(Status::Misaligned));
  }
  TestBio last(Op::Read, 56, {4096});
  disk.disk.submit(last.bio);
  disk.device.complete_all();
  CHECK(last.ended(Status::Ok));
}

TEST_CASE("memory of any length and alignment makes whole blocks") {
  blk::Limits limits{.logical_block_bytes = 4096, .max_segments = 4};
  CHECK(written(limits, 0, {1, 4095, 4096}) == Pieces{{0, 8192}});
  CHECK(written(limits, 0, {1, 1, 1, 4093, 4095, 1}) == Pieces{{0, 4096}, {8, 4096}});
  limits.max_segment_bytes = 3000;
  CHECK(written(limits, 0, {8192}) == Pieces{{0, 8192}});
  CHECK(written(limits, 0, {16384}) == Pieces{{0, 8192}, {16, 8192}});
  limits.max_segments = 2;
  CHECK(written(limits, 0, {8192}) == Pieces{{0, 4096}, {8, 4096}});
}

TEST_CASE("segments, bytes and boundary at once, with memory in ragged pieces") {
  const blk::Limits limits{
      .max_segments = 3, .max_segment_bytes = 700, .max_bytes = 2048, .boundary_bytes = 4096};
  std::vector<u32> lengths;
  u32 total = 0;
  for (u32 at = 0; total < 16384; ++at) {
    const u32 bytes = std::min(16384 - total, 256 + at * 37 % 600);
    lengths.push_back(bytes);
    total += bytes;
  }
  const Pieces pieces = written(limits, 3, lengths);  // the device checks each request
  u64 next = 3;
  for (const Piece& piece : pieces) {
    CHECK(piece.sector == next);
    CHECK(piece.sector / 8 == (piece.sector + piece.bytes / 512 - 1) / 8);
    next += piece.bytes / 512;
  }
  CHECK(next == 3 + 32);
}

// --- No merging ---

TEST_CASE("a bio that asks for it is a request of its own, from either side") {
  TestDisk disk;
  TestBio bios[3] = {{Op::Read, 0, {512}}, {Op::Read, 1, {512}}, {Op::Read, 2, {512}}};
  bios[1].bio.flags = blk::bio_flag::kNoMerge;
  submit_batch(disk.disk, bios[0], bios[1], bios[2]);
  CHECK(requests(disk.device) == Pieces{{0, 512}, {1, 512}, {2, 512}});
  disk.device.complete_all();
}

TEST_CASE("two neighbours that both ask for it stay apart") {
  TestDisk disk;
  TestBio bios[2] = {{Op::Read, 0, {512}}, {Op::Read, 1, {512}}};
  bios[0].bio.flags = bios[1].bio.flags = blk::bio_flag::kNoMerge;
  submit_batch(disk.disk, bios[0], bios[1]);
  CHECK(disk.device.seen.size() == 2);
  disk.device.complete_all();
}

TEST_CASE("polled and other bios do not share a request") {
  TestDisk disk;
  TestBio bios[3] = {{Op::Read, 0, {512}}, {Op::Read, 1, {512}}, {Op::Read, 2, {512}}};
  bios[1].bio.flags = bios[2].bio.flags = blk::bio_flag::kPolled;
  submit_batch(disk.disk, bios[0], bios[1], bios[2]);
  REQUIRE(requests(disk.device) == Pieces{{0, 512}, {1, 1024}});
  CHECK_FALSE(disk.device.started[0]->polled());
  CHECK(disk.device.started[1]->polled());
  disk.device.complete_all();
}

}  // namespace
}  // namespace sluice::test
