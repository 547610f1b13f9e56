// What a disk admits, its limits, and the list of disks.
#include <sluice/drivers/block/disk.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

Disk::Options with_block(u32 bytes) {
  Disk::Options options{.sectors = 64};
  options.limits.logical_block_bytes = bytes;
  options.limits.physical_block_bytes = bytes;
  return options;
}

// How a bio ends that never reaches the device; IoError here says that it did reach it.
Status refused(TestDisk& disk, Op op, u64 sector, const std::vector<u32>& lengths) {
  TestBio bio(op, sector, lengths);
  disk.disk.submit(bio.bio);
  disk.device.complete_all(Status::IoError);
  REQUIRE(bio.ends == 1);
  return bio.bio.status;
}

Status refused_range(TestDisk& disk, Op op, u64 sector, u64 bytes) {
  const auto bio = TestBio::range(op, sector, bytes);
  disk.disk.submit(bio->bio);
  disk.device.complete_all(Status::IoError);
  REQUIRE(bio->ends == 1);
  return bio->bio.status;
}

TEST_CASE("a bio may end at the capacity and not one block behind it") {
  TestDisk disk({.sectors = 64});
  CHECK(refused(disk, Op::Read, 63, {512}) == Status::IoError);
  CHECK(refused(disk, Op::Read, 64, {512}) == Status::OutOfRange);
  CHECK(refused(disk, Op::Read, 63, {512, 512}) == Status::OutOfRange);
  CHECK(refused(disk, Op::Write, 0, {64 * 512}) == Status::IoError);
  CHECK(refused(disk, Op::Write, 0, {65 * 512}) == Status::OutOfRange);
}

TEST_CASE("sectors near the end of the numbers do not wrap around") {
  TestDisk disk({.sectors = 64});
  for (const u64 sector : {~u64{0}, ~u64{0} - 1, u64{1} << 55, u64{1} << 63}) {
    CHECK(refused(disk, Op::Read, sector, {1024}) == Status::OutOfRange);
  }
  Disk::Options options{.sectors = 64};
  options.limits.max_discard_bytes = 4096;
  Disk discarding(*disk.tags, "vdb", options);
  const auto bio = TestBio::range(Op::Discard, 8, ~u64{0} - 511);
  discarding.submit(bio->bio);
  CHECK(bio->ended(Status::OutOfRange));
}

TEST_CASE("a bio is whole logical blocks at a logical block") {
  TestDisk disk(with_block(4096));
  CHECK(refused(disk, Op::Read, 8, {4096}) == Status::IoError);
  CHECK(refused(disk, Op::Read, 8, {100, 3996}) == Status::IoError);
  CHECK(refused(disk, Op::Read, 1, {4096}) == Status::Misaligned);
  CHECK(refused(disk, Op::Read, 8, {512}) == Status::Misaligned);
  CHECK(refused(disk, Op::Read, 8, {4097}) == Status::Misaligned);
}

TEST_CASE("a read-only disk takes reads alone") {
  Disk::Options options{.sectors = 64, .read_only = true};
  options.limits.max_discard_bytes = 4096;
  options.limits.max_write_zeroes_bytes = 4096;
  TestDisk disk(options);
  CHECK(refused(disk, Op::Read, 0, {512}) == Status::IoError);
  CHECK(refused(disk, Op::Write, 0, {512}) == Status::ReadOnly);
  CHECK(refused_range(disk, Op::Discard, 0, 512) == Status::ReadOnly);
  CHECK(refused_range(disk, Op::WriteZeroes, 0, 512) == Status::ReadOnly);
  CHECK(refused_range(disk, Op::Flush, 0, 0) == Status::Ok);
}

TEST_CASE("what the device does not do is unsupported") {
  TestDisk disk({.sectors = 64});
  CHECK(refused_range(disk, Op::Discard, 0, 512) == Status::Unsupported);
  CHECK(refused_range(disk, Op::WriteZeroes, 0, 512) == Status::Unsupported);
  CHECK(refused_range(disk, static_cast<Op>(77), 0, 512) == Status::Unsupported);
  CHECK(disk.device.offers == 0);
}

TEST_CASE("a flush reaches a device with a write cache and no other") {
  TestDisk without({.sectors = 64});
  CHECK(refused_range(without, Op::Flush, 0, 0) == Status::Ok);
  CHECK(without.device.offers == 0);
}

TEST_CASE("a flush of a write cache ends as the device says") {
  TestDisk with({.sectors = 64, .write_cache = true});
  CHECK(refused_range(with, Op::Flush, 0, 0) == Status::IoError);
  REQUIRE(with.device.seen.size() == 1);
  CHECK(with.device.seen[0].op == Op::Flush);
  CHECK(with.device.seen[0].segments == 0);
}

TEST_CASE("a segment without memory is refused and an empty one passed over") {
  TestDisk disk({.sectors = 64});
  TestBio bio(Op::Read, 0, {0, 512, 0});
  bio.segments[0].data = nullptr;
  submit_batch(disk.disk, bio);
  REQUIRE(disk.device.seen.size() == 1);
  CHECK(disk.device.seen[0].segments == 1);
  disk.device.complete_all();
  CHECK(bio.ended(Status::Ok));

  TestBio null(Op::Read, 0, {512, 512});
  null.segments[1].data = nullptr;
  submit_batch(disk.disk, null);
  CHECK(null.ended(Status::Unsupported));
  TestBio only_null(Op::Write, 0, {512});
  only_null.segments[0].data = nullptr;
  submit_batch(disk.disk, only_null);
  CHECK(only_null.ended(Status::Unsupported));
}

TEST_CASE("a bio of nothing ends well without the device") {
  TestDisk disk({.sectors = 64});
  CHECK(refused(disk, Op::Read, 64, {}) == Status::Ok);
  CHECK(refused(disk, Op::Write, 3, {0, 0}) == Status::Ok);
  CHECK(refused(disk, Op::Write, 3, {0}) == Status::Ok);
  CHECK(refused(disk, Op::Read, 65, {}) == Status::OutOfRange);
  CHECK(disk.device.offers == 0);
}

TEST_CASE("one bad bio in a batch ends alone") {
  TestDisk disk({.sectors = 64});
  TestBio first(Op::Read, 0, {512});
  TestBio bad(Op::Read, 64, {512});
  TestBio second(Op::Read, 8, {512});
  submit_batch(disk.disk, first, bad, second);
  CHECK(bad.ended(Status::OutOfRange));
  disk.device.complete_all();
  CHECK(first.ended(Status::Ok));
  CHECK(second.ended(Status::Ok));
}

TEST_CASE("capacity and limits are rounded down to whole logical blocks") {
  TestDisk base;
  Disk::Options options = with_block(4096);
  options.sectors = 8 * 5 + 7;
  options.limits.max_bytes = 10000;
  options.limits.max_discard_bytes = 4095;
  options.limits.max_write_zeroes_bytes = 12287;
  const Disk disk(*base.tags, "vdb", options);
  CHECK(disk.sectors() == 40);
  CHECK(disk.limits().max_bytes == 8192);
  CHECK(disk.limits().max_discard_bytes == 0);
  CHECK(disk.limits().max_write_zeroes_bytes == 8192);
}

TEST_CASE("a disk whose limits no request can keep is not added and takes nothing") {
  TestDisk base;
  const auto refuses = [&](auto change) {
    Disk::Options options{.sectors = 64};
    change(options.limits);
    Disk disk(*base.tags, "vdb", options);
    CHECK(disk.add().error() == Errc::Invalid);
    TestBio bio(Op::Read, 0, {512});
    submit_batch(disk, bio);
    CHECK(bio.ends == 1);
    CHECK(bio.bio.status != Status::Ok);
  };
  refuses([](blk::Limits& limits) { limits.logical_block_bytes = 0; });
  refuses([](blk::Limits& limits) { limits.logical_block_bytes = 256; });
  refuses([](blk::Limits& limits) { limits.logical_block_bytes = 768; });
  refuses([](blk::Limits& limits) { limits.logical_block_bytes = 131072; });
  refuses([](blk::Limits& limits) { limits.max_segments = 0; });
  refuses([](blk::Limits& limits) { limits.max_segment_bytes = 0; });
  refuses([](blk::Limits& limits) { limits.max_bytes = 511; });
  refuses([](blk::Limits& limits) {
    limits.max_segments = 3;
    limits.max_segment_bytes = 170;
  });
  CHECK(base.device.offers == 0);
}

TEST_CASE("a disk is found by its name from add to its end") {
  TestDisk first;
  CHECK(blk::find("vda") == &first.disk);
  CHECK(blk::find("vdb") == nullptr);
  {
    Disk second(*first.tags, "vdb", {.sectors = 8});
    CHECK(blk::find("vdb") == nullptr);
    REQUIRE(second.add());
    CHECK(blk::find("vdb") == &second);
    Disk same(*first.tags, "vdb", {.sectors = 8});
    CHECK(same.add().error() == Errc::Exists);
    Disk nameless(*first.tags, "", {.sectors = 8});
    CHECK(nameless.add().error() == Errc::Invalid);
  }
  CHECK(blk::find("vdb") == nullptr);
}

TEST_CASE("disks are visited in the order they were added") {
  TestDisk first;
  Disk second(*first.tags, "vdz", {.sectors = 8});
  Disk third(*first.tags, "vdb", {.sectors = 8});
  REQUIRE(second.add());
  REQUIRE(third.add());
  std::vector<std::string> names;
  blk::for_each_disk(
      [](Disk& disk, void* context) {
        static_cast<std::vector<std::string>*>(context)->emplace_back(disk.name());
      },
      &names);
  CHECK(names == std::vector<std::string>{"vda", "vdz", "vdb"});
}

TEST_CASE("the next name is the first that is free, after z comes aa") {
  World world;
  TestDevice device(512);
  const auto tags = std::move(*TagSet::create<TestDevice::Command>(device, {}));
  std::vector<std::unique_ptr<Disk>> disks;
  std::vector<std::string> names;
  for (int disk = 0; disk < 54; ++disk) {
    names.emplace_back(blk::next_name("vd").data());
    disks.push_back(std::make_unique<Disk>(*tags, names.back(), Disk::Options{.sectors = 1}));
    REQUIRE(disks.back()->add());
  }
  CHECK(names[0] == "vda");
  CHECK(names[25] == "vdz");
  CHECK(names[26] == "vdaa");
  CHECK(names[52] == "vdba");
  disks[3].reset();
  CHECK(std::string(blk::next_name("vd").data()) == "vdd");
  CHECK(std::string(blk::next_name("a name that is far too long").data()) == "a name that isa");
}

}  // namespace
}  // namespace sluice::test
