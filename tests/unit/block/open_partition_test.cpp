// Partitions of a disk, opened by their names: where their sectors are, and where they end.
#include <sluice/drivers/block/partition.hpp>

#include <sluice/kernel/command_line.hpp>

#include "test_device.hpp"
#include "tests/unit/base/log_lines.hpp"

namespace sluice::test {
namespace {

constexpr u32 kBlock = 512;

void put32(std::byte* at, u32 value) {
  for (u32 byte = 0; byte < 4; ++byte) {
    at[byte] = static_cast<std::byte>(value >> 8 * byte);
  }
}
void put_record(TestDevice& device, u64 sector, u32 slot, u8 type, u32 first, u32 sectors) {
  std::byte* const block = device.memory.data() + sector * kBlock;
  std::byte* const record = block + 446 + 16 * slot;
  record[4] = std::byte{type};
  put32(record + 8, first);
  put32(record + 12, sectors);
  block[510] = std::byte{0x55};
  block[511] = std::byte{0xaa};
}

// vda1 is 100…299, vda2 300…399; slot 3 is an extended one with vda5 at 510…549.
constexpr u64 kSectors = 600;
struct PartitionedDisk {
  explicit PartitionedDisk(const char* name = "vda", std::string_view words = {})
      : device(kSectors * kBlock),
        tags(std::move(*TagSet::create<TestDevice::Command>(device, {}))),
        disk(*tags, name, {.sectors = kSectors, .write_cache = true, .partitioned = true}) {
    put_record(device, 0, 0, 0x83, 100, 200);
    put_record(device, 0, 1, 0x0c, 300, 100);
    put_record(device, 0, 2, 0x05, 500, 100);
    put_record(device, 500, 0, 0x83, 10, 40);
    command_line::set(words);
    device.completes_inline = true;
    REQUIRE(disk.add());
    device.completes_inline = false;
    device.seen.clear();
  }
  ~PartitionedDisk() { command_line::set({}); }

  World world;
  TestDevice device;
  std::unique_ptr<TagSet> tags;
  Disk disk;
};

Status try_read(PartitionedDisk& disk, blk::BlockDevice& from, u64 sector, u32 bytes = kBlock) {
  TestBio bio(Op::Read, sector, {bytes});
  from.submit(bio.bio);
  disk.device.complete_all();
  REQUIRE(bio.ends == 1);
  return bio.bio.status;
}

TEST_CASE(
    "a disk's partitions have its name and their number, behind a p where it ends in a digit") {
  struct Case {
    const char* disk;
    const char* first;
    const char* logical;
  };
  const Case names = GENERATE(values<Case>(
      {{"vda", "vda1", "vda5"}, {"ram0", "ram0p1", "ram0p5"}, {"vdaa", "vdaa1", "vdaa5"}}));
  PartitionedDisk disk(names.disk);
  std::vector<std::string> found;
  for (const blk::Partition& partition : disk.disk.partitions()) {
    found.emplace_back(partition.name());
  }
  REQUIRE(found.size() == 3);
  CHECK(found[0] == names.first);
  CHECK(found[2] == names.logical);
  REQUIRE(disk.disk.find_partition(names.logical) != nullptr);
  CHECK(disk.disk.find_partition(names.logical)->number() == 5);
  CHECK(disk.disk.find_partition(names.logical)->window().first == 510);
  CHECK(disk.disk.find_partition(names.disk) == nullptr);
}

TEST_CASE("a partition's sectors count from its first, and none lies outside it") {
  PartitionedDisk disk;
  blk::OpenDevice part;
  REQUIRE(part.open("vda2"));
  CHECK(part.name() == "vda2");
  CHECK(part.sectors() == 100);
  CHECK(try_read(disk, part, 0) == Status::Ok);
  CHECK(disk.device.seen.back().sector == 300);
  CHECK(try_read(disk, part, 99) == Status::Ok);
  CHECK(disk.device.seen.back().sector == 399);
  CHECK(try_read(disk, part, 0, 100 * kBlock) == Status::Ok);
  const usize before = disk.device.seen.size();
  CHECK(try_read(disk, part, 100) == Status::OutOfRange);
  CHECK(try_read(disk, part, 99, 2 * kBlock) == Status::OutOfRange);
  CHECK(try_read(disk, part, 0, 101 * kBlock) == Status::OutOfRange);
  // 300 − 2^64 wraps to a sector of the disk.
  CHECK(try_read(disk, part, ~u64{0} - 299) == Status::OutOfRange);
  CHECK(try_read(disk, part, ~u64{0}) == Status::OutOfRange);
  CHECK(disk.device.seen.size() == before);
}

TEST_CASE("what is not plain is kept inside the partition as well") {
  PartitionedDisk disk;
  blk::OpenDevice part;
  REQUIRE(part.open("vda5"));
  TestBio inside(Op::Write, 38, {512, 512});
  TestBio across(Op::Write, 39, {512, 512});
  inside.bio.flags = across.bio.flags = blk::bio_flag::kFua;
  submit_batch(part, inside, across);
  disk.device.complete_all();
  disk.device.complete_all();
  CHECK(inside.ended(Status::Ok));
  CHECK(across.ended(Status::OutOfRange));
  REQUIRE(disk.device.seen.size() == 2);
  CHECK(disk.device.seen[0].sector == 548);
  CHECK(disk.device.seen[1].op == Op::Flush);
}

TEST_CASE("bios of a partition and of its disk may become one request") {
  PartitionedDisk disk;
  blk::OpenDevice part;
  REQUIRE(part.open("vda2"));
  disk.disk.quiesce();
  TestBio of_disk(Op::Read, 299, {512});
  TestBio of_part(Op::Read, 0, {512});
  disk.disk.submit(of_disk.bio);
  part.submit(of_part.bio);
  disk.disk.unquiesce();
  REQUIRE(disk.device.seen.size() == 1);
  CHECK(disk.device.seen[0].bytes == 1024);
  disk.device.complete_all();
}

TEST_CASE("an open partition counts as a user of its disk") {
  PartitionedDisk disk;
  blk::OpenDevice part;
  blk::OpenDevice whole;
  CHECK(part.open("vda3").error() == Errc::NotFound);  // the extended one is no partition to use
  REQUIRE(part.open("vda1"));
  REQUIRE(whole.open("vda"));
  CHECK(disk.disk.open_count() == 2);
  CHECK(whole.sectors() == kSectors);
  CHECK(part.has_write_cache());
  part.release();
  CHECK(disk.disk.open_count() == 1);
  CHECK(part.sectors() == 0);
}

TEST_CASE("when the disk goes its partitions go, too") {
  blk::OpenDevice part;
  TestBio bio(Op::Read, 0, {512});
  {
    PartitionedDisk disk;
    REQUIRE(part.open("vda1"));
    disk.disk.remove();
    CHECK(part.removed());
    CHECK(part.sectors() == 0);
    part.submit(bio.bio);
    CHECK(bio.ended(Status::Removed));
    blk::OpenDevice again;
    CHECK(again.open("vda1").error() == Errc::NotFound);
  }
  CHECK(part.poll() == 0);
}

TEST_CASE("a disk that shrinks cuts its partitions short, and one that grows gives them back") {
  PartitionedDisk disk;
  blk::OpenDevice part;
  REQUIRE(part.open("vda2"));
  disk.disk.resize(350);
  CHECK(part.sectors() == 50);
  CHECK(try_read(disk, part, 49) == Status::Ok);
  CHECK(try_read(disk, part, 50) == Status::OutOfRange);
  disk.disk.resize(300);
  CHECK(part.sectors() == 0);
  CHECK(try_read(disk, part, 0) == Status::OutOfRange);
  disk.disk.resize(100);
  CHECK(part.sectors() == 0);
  CHECK(try_read(disk, part, 0) == Status::OutOfRange);
  disk.disk.resize(kSectors);
  CHECK(part.sectors() == 100);
  CHECK(try_read(disk, part, 99) == Status::Ok);
}

TEST_CASE("partitions=0 looks for none") {
  PartitionedDisk disk("vda", "partitions=0");
  CHECK(disk.disk.partitions().empty());
  blk::OpenDevice part;
  CHECK(part.open("vda1").error() == Errc::NotFound);
  CHECK(part.open("vda"));
}

TEST_CASE("a disk whose table cannot be read is one without partitions, and the log says why") {
  World world;
  const LogLines log;
  TestDevice device(kSectors * kBlock);
  put_record(device, 0, 0, 0x83, 100, 200);
  const auto tags = std::move(*TagSet::create<TestDevice::Command>(device, {}));
  Disk disk(*tags, "vda", {.sectors = kSectors, .partitioned = true});
  device.fail_next = 1000;
  REQUIRE(disk.add());
  CHECK(disk.partitions().empty());
  CHECK(blk::find("vda") == &disk);
  CHECK(log.has("vda: its partition table cannot be read: I/O error"));
}

}  // namespace
}  // namespace sluice::test
