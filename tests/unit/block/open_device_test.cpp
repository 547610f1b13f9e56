// Open handles, and disks that go away, at rest and under load.
#include <sluice/drivers/block/block_device.hpp>

#include <sys/mman.h>

#include "test_device.hpp"

namespace sluice::test {
namespace {

TEST_CASE("a disk is opened by name, counted and released") {
  TestDisk disk({.sectors = 64, .read_only = true, .write_cache = true});
  {
    blk::OpenDevice open;
    CHECK(open.open("vdx").error() == Errc::NotFound);
    REQUIRE(open.open("vda"));
    CHECK(open.open("vda").error() == Errc::Busy);
    blk::OpenDevice second;
    REQUIRE(second.open("vda"));
    CHECK(disk.disk.open_count() == 2);
    second.release();
    second.release();
    CHECK(disk.disk.open_count() == 1);
    CHECK(open.name() == "vda");
    CHECK(open.sectors() == 64);
    CHECK(open.read_only());
    CHECK(open.has_write_cache());
    CHECK(open.limits().logical_block_bytes == 512);
  }
  CHECK(disk.disk.open_count() == 0);
}

TEST_CASE("an open handle submits and polls as its disk does") {
  TestDisk disk;
  blk::OpenDevice open;
  REQUIRE(open.open("vda"));
  TestBio bio(Op::Read, 0, {512});
  submit_batch(open, bio);
  CHECK(open.poll() == 1);
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("after a disk is gone an open handle has no sectors and ends every bio") {
  blk::OpenDevice open;
  TestBio bio(Op::Read, 0, {512});
  TestBio other(Op::Flush, 0, {});
  {
    TestDisk disk;
    REQUIRE(open.open("vda"));
    disk.disk.remove();
    CHECK(disk.disk.open_count() == 0);
    CHECK(disk.disk.sectors() == 0);
    CHECK(blk::find("vda") == nullptr);
    TestBio direct(Op::Read, 0, {512});
    submit_batch(disk.disk, direct);
    CHECK(direct.ended(Status::Removed));
    disk.disk.remove();
  }
  CHECK(open.removed());
  CHECK(open.sectors() == 0);
  CHECK(open.name().empty());
  CHECK_FALSE(open.read_only());
  CHECK(open.poll() == 0);
  submit_batch(open, bio, other);
  CHECK(bio.ended(Status::Removed));
  CHECK(other.ended(Status::Removed));
  CHECK(open.open("vda").error() == Errc::NotFound);
}

TEST_CASE("a disk removed under load ends every bio once") {
  TestDisk disk({.sectors = 8192, .limits = {.max_bytes = 1024}}, {.depth = 4});
  disk.device.room = 3;
  std::vector<std::unique_ptr<TestBio>> bios;
  List<Bio> batch;
  for (u32 bio = 0; bio < 20; ++bio) {
    bios.push_back(std::make_unique<TestBio>(Op::Read, 16 * bio, std::vector<u32>{2560}));
    batch.push_back(bios.back()->bio);
  }
  disk.disk.submit(batch);
  REQUIRE(disk.device.started.size() == 3);
  REQUIRE(disk.tags->in_flight() == 4);  // one is held back

  disk.disk.remove();
  CHECK(disk.tags->in_flight() == 3);
  CHECK(bios[0]->ends ==
        0);  // in flight: the first wholly, the second with its head, held back with the rest
  CHECK(bios[1]->ended(Status::Removed));
  for (u32 bio = 2; bio < 20; ++bio) {
    CHECK(bios[bio]->ended(Status::Removed));
  }
  disk.device.complete_all();
  CHECK(bios[0]->ended(Status::Ok));
  CHECK(bios[1]->ended(Status::Removed));
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("a bio whose head is in flight at removal ends with its head, as removed") {
  TestDisk disk({.sectors = 64, .limits = {.max_bytes = 512}}, {.depth = 1});
  TestBio bio(Op::Read, 0, {1024});
  submit_batch(disk.disk, bio);
  disk.disk.remove();
  CHECK(bio.ends == 0);
  disk.device.complete_all();
  CHECK(bio.ended(Status::Removed));
}

TEST_CASE("what waits for another disk of the tag set survives a removal") {
  TestDisk disk({.sectors = 64}, {.depth = 1});
  Disk other(*disk.tags, "vdb", {.sectors = 64});
  TestBio first(Op::Read, 0, {512});
  TestBio gone(Op::Read, 8, {512});
  TestBio stays(Op::Read, 16, {512});
  disk.disk.submit(first.bio);
  disk.disk.submit(gone.bio);
  other.submit(stays.bio);
  disk.disk.remove();
  CHECK(gone.ended(Status::Removed));
  CHECK(stays.ends == 0);
  disk.device.complete_all();
  disk.world.settle();
  disk.device.complete_all();
  CHECK(first.ended(Status::Ok));
  CHECK(stays.ended(Status::Ok));
}

TEST_CASE("a removal gives the tag of a held back request to the next disk") {
  TestDisk disk({.sectors = 64}, {.depth = 1});
  Disk other(*disk.tags, "vdb", {.sectors = 64});
  TestBio gone(Op::Read, 0, {512});
  TestBio stays(Op::Read, 8, {512});
  disk.device.busy_next = 2;
  disk.disk.submit(gone.bio);
  other.submit(stays.bio);
  disk.disk.remove();
  CHECK(gone.ended(Status::Removed));
  disk.device.complete_all();
  CHECK(stays.ended(Status::Ok));
}

TEST_CASE("a removal leaves what another disk has held back") {
  TestDisk disk({.sectors = 64});
  Disk other(*disk.tags, "vdb", {.sectors = 64});
  TestBio stays(Op::Read, 8, {512});
  disk.device.busy_next = 2;
  other.submit(stays.bio);
  disk.disk.remove();
  CHECK(stays.ends == 0);
  disk.world.advance_ns(1'000'000);
  disk.world.settle();
  disk.device.complete_all();
  CHECK(stays.ended(Status::Ok));
}

TEST_CASE("bios that arrive in the end of a removed one end as removed") {
  TestDisk disk({.sectors = 64}, {.depth = 1});
  TestBio first(Op::Read, 0, {512});
  TestBio waits(Op::Read, 8, {512});
  TestBio next(Op::Read, 16, {512});
  waits.then = [&](TestBio&) { disk.disk.submit(next.bio); };
  disk.disk.submit(first.bio);
  disk.disk.submit(waits.bio);
  disk.disk.remove();
  CHECK(waits.ended(Status::Removed));
  CHECK(next.ended(Status::Removed));
  disk.device.complete_all();
}

TEST_CASE("a tag set may go while its restart is posted") {
  TestBio first(Op::Read, 0, {512});
  TestBio waits(Op::Read, 8, {512});
  World world;
  {
    TestDevice device(65536);
    const auto tags = std::move(*TagSet::create<TestDevice::Command>(device, {.depth = 1}));
    Disk disk(*tags, "vda", {.sectors = 64});
    disk.submit(first.bio);
    disk.submit(waits.bio);
    device.complete();
    CHECK_FALSE(world.hart.work.empty());
    disk.remove();
  }
  CHECK(world.hart.work.empty());
  CHECK(first.ended(Status::Ok));
  CHECK(waits.ended(Status::Removed));
}

TEST_CASE("a tag set may go while its retry timer is armed") {
  World world;
  TestBio bio(Op::Read, 0, {512});
  {
    TestDevice device(65536);
    const auto tags = std::move(*TagSet::create<TestDevice::Command>(device, {}));
    Disk disk(*tags, "vda", {.sectors = 64});
    device.busy_next = 1;
    disk.submit(bio.bio);
    CHECK_FALSE(world.hart.timers.empty());
  }
  CHECK(world.hart.timers.empty());
  CHECK(bio.ended(Status::Removed));
}

TEST_CASE("the synchronous helpers carry data, ranges and failures") {
  Disk::Options options{.sectors = 64, .write_cache = true};
  options.limits.max_write_zeroes_bytes = 4096;
  TestDisk disk(options);
  disk.device.completes_inline = true;
  std::array<std::byte, 1024> data{};
  data.fill(std::byte{0x5a});
  const std::span<const std::byte> to_write = data;
  CHECK(blk::write(disk.disk, Sector(2), to_write) == Status::Ok);
  data.fill(std::byte{0});
  CHECK(blk::read(disk.disk, Sector(2), data) == Status::Ok);
  CHECK(data[1023] == std::byte{0x5a});
  CHECK(blk::write_zeroes(disk.disk, Sector(3), 512) == Status::Ok);
  CHECK(blk::read(disk.disk, Sector(2), data) == Status::Ok);
  CHECK(data[511] == std::byte{0x5a});
  CHECK(data[512] == std::byte{0});
  CHECK(blk::flush(disk.disk) == Status::Ok);
  CHECK(disk.device.seen.back().op == Op::Flush);
  CHECK(blk::discard(disk.disk, Sector(0), 512) == Status::Unsupported);
  CHECK(blk::read(disk.disk, Sector(63), data) == Status::OutOfRange);
}

TEST_CASE("a synchronous read of more than a segment can count goes on where it stopped") {
  World world;
  struct Note final : blk::QueueOps {
    std::vector<u64> sectors;
    blk::QueueResult queue_rq(blk::HwQueue&, Request& request, bool) override {
      sectors.push_back(request.sector().value());
      request.complete(Status::Ok);
      return blk::QueueResult::Ok;
    }
  } ops;
  const auto tags = std::move(*TagSet::create<int>(ops, {}));
  Disk disk(*tags, "vda", {.sectors = 1 << 23, .limits = {.max_bytes = 1u << 31}});
  // Address space without memory behind it: this driver touches none.
  constexpr usize kBytes = (usize{1} << 30) + 512;
  void* const space = mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(space != MAP_FAILED);
  CHECK(blk::read(disk, Sector(8), {static_cast<std::byte*>(space), kBytes}) == Status::Ok);
  munmap(space, kBytes);
  CHECK(ops.sectors == std::vector<u64>{8, 8 + (1 << 21)});
}

}  // namespace
}  // namespace sluice::test
