// Splitting at each limit, one below, at and above it; merging of neighbours and of nothing else.
#include <sluice/drivers/block/merge.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using Sizes = std::vector<u64>;

Sizes request_bytes(const TestDevice& device) {
  Sizes sizes;
  for (const auto& seen : device.seen) {
    sizes.push_back(seen.bytes);
  }
  return sizes;
}

// The requests that one bio of these segment lengths becomes on a disk with these limits.
Sizes split(const blk::Limits& limits, const std::vector<u32>& lengths) {
  TestDisk disk({.sectors = 8192, .limits = limits});
  TestBio bio(Op::Read, 0, lengths);
  disk.disk.submit(bio.bio);
  disk.device.complete_all();
  REQUIRE(bio.ends == 1);
  CHECK(bio.bio.status == Status::Ok);
  return request_bytes(disk.device);
}

TEST_CASE("a bio is split at the most bytes of a request") {
  const blk::Limits limits{.max_bytes = 4096};
  CHECK(split(limits, {3584}) == Sizes{3584});
  CHECK(split(limits, {4096}) == Sizes{4096});
  CHECK(split(limits, {4608}) == Sizes{4096, 512});
  CHECK(split(limits, {2048, 2048, 512}) == Sizes{4096, 512});
  CHECK(split(limits, {4095, 4097}) == Sizes{4096, 4096});
}

TEST_CASE("a bio is split at the most segments of a request") {
  const blk::Limits limits{.max_segments = 3};
  CHECK(split(limits, {512, 512}) == Sizes{1024});
  CHECK(split(limits, {512, 512, 512}) == Sizes{1536});
  CHECK(split(limits, {512, 512, 512, 512}) == Sizes{1536, 512});
}

TEST_CASE("a segment is cut at the most bytes of a segment") {
  const blk::Limits limits{.max_segments = 2, .max_segment_bytes = 1024};
  CHECK(split(limits, {1024}) == Sizes{1024});
  CHECK(split(limits, {1536}) == Sizes{1536});
  CHECK(split(limits, {2048}) == Sizes{2048});
  CHECK(split(limits, {2560}) == Sizes{2048, 512});
  CHECK(split({.max_segments = 2, .max_segment_bytes = 1023}, {1024}) == Sizes{1024});
}

TEST_CASE("a request is whole logical blocks although a block spans segments") {
  blk::Limits limits{.logical_block_bytes = 4096, .max_segments = 3};
  CHECK(split(limits, {1000, 3096, 4096}) == Sizes{8192});
  // The fourth segment belongs to the second block, which goes into the next request from its
  // start.
  CHECK(split(limits, {1000, 3096, 1000, 3096}) == Sizes{4096, 4096});
  limits.max_segment_bytes = 3000;
  CHECK(split(limits, {4096, 4096}) == Sizes{4096, 4096});
}

TEST_CASE("a block of more segments than the device takes is misaligned") {
  TestDisk disk({.sectors = 64, .limits = {.max_segments = 3}});
  TestBio fits(Op::Read, 0, {100, 200, 212});
  TestBio does_not(Op::Read, 8, {100, 100, 100, 212});
  TestBio after(Op::Read, 16, {512});
  submit_batch(disk.disk, fits, does_not, after);
  disk.device.complete_all();
  CHECK(fits.ended(Status::Ok));
  CHECK(does_not.ended(Status::Misaligned));
  CHECK(after.ended(Status::Ok));
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("where a later block has too many segments the bio ends once, after its first part") {
  TestDisk disk({.sectors = 64, .limits = {.max_segments = 2}});
  TestBio bio(Op::Read, 0, {1024, 200, 200, 112});
  submit_batch(disk.disk, bio);
  CHECK(bio.ends == 0);
  disk.device.complete_all();
  CHECK(request_bytes(disk.device) == Sizes{1024});
  CHECK(bio.ended(Status::Misaligned));
}

TEST_CASE("the parts of a split bio carry their own pieces of its memory") {
  TestDisk disk({.sectors = 64, .limits = {.max_segments = 2, .max_bytes = 1536}});
  TestBio write(Op::Write, 4, {700, 324, 0, 1500, 36, 512});
  write.fill(3);
  submit_batch(disk.disk, write);
  disk.device.complete_all();
  REQUIRE(write.ended(Status::Ok));
  const std::vector<std::byte> content = write.content();
  CHECK(std::equal(content.begin(), content.end(), disk.device.memory.begin() + 4 * 512));
}

TEST_CASE("a split bio ends when its last part does and with the failure of any") {
  TestDisk disk({.sectors = 64, .limits = {.max_bytes = 512}});
  TestBio bio(Op::Read, 0, {1536});
  submit_batch(disk.disk, bio);
  REQUIRE(disk.device.started.size() == 3);
  disk.device.complete(1, Status::IoError);
  disk.device.complete(1);
  CHECK(bio.ends == 0);
  disk.device.complete();
  CHECK(bio.ended(Status::IoError));
}

TEST_CASE("a split bio that failed may be submitted again and succeed") {
  TestDisk disk({.sectors = 64, .limits = {.max_bytes = 512}});
  TestBio bio(Op::Read, 0, {1024});
  submit_batch(disk.disk, bio);
  disk.device.complete_all(Status::IoError);
  CHECK(bio.ended(Status::IoError));
  bio.ends = 0;
  submit_batch(disk.disk, bio);
  disk.device.complete_all();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("discards and zeroes are split by their range") {
  Disk::Options options{.sectors = 64};
  options.limits.max_discard_bytes = 4096;
  options.limits.max_write_zeroes_bytes = 2048;
  TestDisk disk(options);
  const auto discard = TestBio::range(Op::Discard, 0, 8704);
  const auto zeroes = TestBio::range(Op::WriteZeroes, 0, 2560);
  submit_batch(disk.disk, *discard, *zeroes);
  disk.device.complete_all();
  CHECK(discard->ended(Status::Ok));
  CHECK(zeroes->ended(Status::Ok));
  CHECK(request_bytes(disk.device) == Sizes{4096, 4096, 512, 2048, 512});
  CHECK(disk.device.seen[2].sector == 16);
}

// --- Merging ---

TEST_CASE("neighbours in order become one request that ends them all") {
  TestDisk disk;
  TestBio a(Op::Write, 8, {1024});
  TestBio b(Op::Write, 10, {512, 512});
  TestBio c(Op::Write, 12, {512});
  a.fill(1);
  b.fill(2);
  c.fill(3);
  submit_batch(disk.disk, a, b, c);
  REQUIRE(request_bytes(disk.device) == Sizes{2560});
  CHECK(disk.device.seen[0].segments == 4);
  disk.device.complete_all();
  for (const TestBio* bio : {&a, &b, &c}) {
    CHECK(bio->ended(Status::Ok));
    const auto content = bio->content();
    const auto at =
        disk.device.memory.begin() + static_cast<std::ptrdiff_t>(bio->bio.sector.value() * 512);
    CHECK(std::equal(content.begin(), content.end(), at));
  }
}

TEST_CASE("neighbours in falling order merge in front") {
  TestDisk disk;
  TestBio a(Op::Read, 12, {512});
  TestBio b(Op::Read, 10, {1024});
  TestBio c(Op::Read, 8, {1024});
  TestBio d(Op::Read, 13, {512});
  for (usize at = 0; at < disk.device.memory.size(); ++at) {
    disk.device.memory[at] = static_cast<std::byte>(at / 512);
  }
  submit_batch(disk.disk, a, b, c, d);
  REQUIRE(request_bytes(disk.device) == Sizes{3072});
  CHECK(disk.device.seen[0].sector == 8);
  disk.device.complete_all();
  for (const TestBio* bio : {&a, &b, &c, &d}) {
    CHECK(bio->ended(Status::Ok));
    CHECK(bio->content()[0] == static_cast<std::byte>(bio->bio.sector.value()));
  }
}

TEST_CASE("the failure of a merged request is each bio's") {
  TestDisk disk;
  TestBio a(Op::Read, 0, {512});
  TestBio b(Op::Read, 1, {512});
  submit_batch(disk.disk, a, b);
  disk.device.complete(0, Status::IoError);
  CHECK(a.ended(Status::IoError));
  CHECK(b.ended(Status::IoError));
}

TEST_CASE("what does not continue a request does not merge with it") {
  const auto requests = [](Op op_a, u64 sector_a, Op op_b, u64 sector_b) {
    TestDisk disk;
    TestBio a(op_a, sector_a, {1024});
    TestBio b(op_b, sector_b, {1024});
    submit_batch(disk.disk, a, b);
    disk.device.complete_all();
    CHECK(a.ended(Status::Ok));
    CHECK(b.ended(Status::Ok));
    return disk.device.seen.size();
  };
  CHECK(requests(Op::Read, 8, Op::Read, 10) == 1);
  CHECK(requests(Op::Read, 8, Op::Read, 6) == 1);
  CHECK(requests(Op::Read, 8, Op::Read, 11) == 2);  // a hole between
  CHECK(requests(Op::Read, 8, Op::Read, 9) == 2);   // overlap
  CHECK(requests(Op::Read, 8, Op::Read, 8) == 2);   // the same
  CHECK(requests(Op::Read, 8, Op::Read, 7) == 2);
  CHECK(requests(Op::Read, 8, Op::Read, 5) == 2);
  CHECK(requests(Op::Read, 8, Op::Write, 10) == 2);
  CHECK(requests(Op::Write, 8, Op::Read, 6) == 2);
}

TEST_CASE("merging is off where the shape says so") {
  TestDisk disk({.sectors = 64}, {.merge = false});
  TestBio a(Op::Read, 0, {512});
  TestBio b(Op::Read, 1, {512});
  submit_batch(disk.disk, a, b);
  CHECK(disk.device.seen.size() == 2);
  disk.device.complete_all();
}

TEST_CASE("a merge keeps to the most bytes and the most segments") {
  TestDisk disk(
      {.sectors = 64, .limits = {.max_segments = 3, .max_segment_bytes = 1024, .max_bytes = 2560}});
  TestBio a(Op::Read, 0, {1024});
  TestBio b(Op::Read, 2, {1536});  // 2560 bytes in 3 segments
  TestBio c(Op::Read, 5, {512});
  TestBio d(Op::Read, 6, {512, 512});
  TestBio e(Op::Read, 8, {256, 256});  // would be a fourth and a fifth segment
  submit_batch(disk.disk, a, b, c, d, e);
  CHECK(request_bytes(disk.device) == Sizes{2560, 1536, 512});
  disk.device.complete_all();
}

TEST_CASE("the tail of a split bio merges with what follows it") {
  TestDisk disk({.sectors = 64, .limits = {.max_bytes = 1024}});
  TestBio a(Op::Write, 0, {1536});
  TestBio b(Op::Write, 3, {512});
  TestBio c(Op::Write, 1, {512});  // in front of the tail: another's sector, not a neighbour
  a.fill(1);
  b.fill(2);
  submit_batch(disk.disk, a, b, c);
  CHECK(request_bytes(disk.device) == Sizes{1024, 1024, 512});
  // The tail ends first: its bio waits for the head, the neighbour does not.
  disk.device.complete(1);
  CHECK(a.ends == 0);
  CHECK(b.ended(Status::Ok));
  disk.device.complete(0);
  CHECK(a.ended(Status::Ok));
  disk.device.complete_all();
}

TEST_CASE("nothing merges in front of the tail of a split bio") {
  TestDisk disk({.sectors = 64, .limits = {.max_bytes = 1536}});
  TestBio a(Op::Write, 0, {2048});
  TestBio b(Op::Write, 2, {512});  // ends where the tail begins, inside the head
  a.fill(1);
  b.fill(2);
  submit_batch(disk.disk, a, b);
  CHECK(request_bytes(disk.device) == Sizes{1536, 512, 512});
  disk.device.complete_all();
  const auto content = a.content();
  CHECK(std::equal(content.begin() + 1536, content.end(), disk.device.memory.begin() + 1536));
}

TEST_CASE("a bad neighbour is not merged and ends alone") {
  TestDisk disk({.sectors = 64});
  TestBio a(Op::Read, 63, {512});
  TestBio beyond(Op::Read, 64, {512});
  submit_batch(disk.disk, a, beyond);
  CHECK(request_bytes(disk.device) == Sizes{512});
  CHECK(beyond.ended(Status::OutOfRange));
  disk.device.complete_all();
  CHECK(a.ended(Status::Ok));
}

TEST_CASE("discards of neighbouring ranges merge, and flushes of one batch are one flush") {
  Disk::Options options{.sectors = 64, .write_cache = true};
  options.limits.max_discard_bytes = 2048;
  TestDisk disk(options);
  const auto a = TestBio::range(Op::Discard, 0, 1024);
  const auto b = TestBio::range(Op::Discard, 2, 1024);
  const auto c = TestBio::range(Op::Discard, 4, 512);
  const auto first = TestBio::range(Op::Flush, 0, 0);
  const auto second = TestBio::range(Op::Flush, 0, 0);
  submit_batch(disk.disk, *a, *b, *c, *first, *second);
  CHECK(request_bytes(disk.device) == Sizes{2048, 512, 0});
  disk.device.complete_all();
  CHECK(b->ended(Status::Ok));
  CHECK(first->ended(Status::Ok));
  CHECK(second->ended(Status::Ok));
}

TEST_CASE("bios of two disks on one tag set do not merge") {
  TestDisk disk;
  Disk other(*disk.tags, "vdb", {.sectors = 64});
  TestBio fill_up(Op::Read, 0, {512});
  TestBio a(Op::Read, 1, {512});
  TestBio b(Op::Read, 2, {512});
  disk.device.completes_inline = true;
  // Both arrive while the queue is taken, so that they wait side by side.
  fill_up.then = [&](TestBio&) {
    disk.disk.submit(a.bio);
    other.submit(b.bio);
  };
  submit_batch(disk.disk, fill_up);
  CHECK(request_bytes(disk.device) == Sizes{512, 512, 512});
}

}  // namespace
}  // namespace sluice::test
