// Zeroes and discards on QEMU's disk, beside the image file on the host.
#include <algorithm>

#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Without data: a write of what the disk should hold afterwards.
Io zeroes(u64 sector, std::size_t bytes) {
  return Io(blk::Op::Write, sector, bytes);
}

}  // namespace

TEST_CASE("Zeroes are written into QEMU's image where they were asked for, and nowhere else") {
  const qemu::Disk disk = qemu::any_disk();
  const u8 flags = GENERATE(as<u8>{}, 0, blk::bio_flag::kNoUnmap);
  INFO(disk.name << ", flags " << u32{flags});
  Ios ios;  // outlive the machine
  qemu::Machine machine(disk);
  machine.plug();
  REQUIRE(machine.vda()->limits().max_write_zeroes_bytes > 0);
  struct Range {
    u64 sector;
    u64 sectors;
  };
  for (const Range range :
       {Range{0, 1}, Range{9, 23}, Range{1000, 2048}, Range{qemu::Machine::kSectors - 3, 3}}) {
    ios.push_back(std::make_unique<Io>(blk::Op::WriteZeroes, range.sector, 0, 0));
    ios.back()->bio.range_bytes = range.sectors * 512;
    ios.back()->bio.flags = flags;
    machine.expect(zeroes(range.sector, range.sectors * 512));
  }
  machine.submit(ios);
  machine.wait(ios);
  CHECK(all_ok(ios));
  Io read(blk::Op::Read, 0, 64 * 512);
  CHECK(machine.run(read) == blk::Status::Ok);
  CHECK(machine.holds_expected(read));
  CHECK(machine.image_is_expected());
}

TEST_CASE("A discard reaches QEMU's image, and what is beside it stays") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  qemu::Machine machine(disk);
  machine.plug();
  REQUIRE(machine.vda()->limits().max_discard_bytes > 0);
  const u64 before = machine.witness.discards();
  CHECK(blk::discard(*machine.vda(), blk::Sector(64), 1 << 20) == blk::Status::Ok);
  CHECK(machine.witness.discards() == before + 1);
  // The host's file system may make a hole, or leave what was there.
  Io read(blk::Op::Read, 64, 1 << 20);
  CHECK(machine.run(read) == blk::Status::Ok);
  const bool hole = std::all_of(read.data.begin(), read.data.end(),
                                [](std::byte byte) { return byte == std::byte{0}; });
  CHECK((hole || read.holds_pattern()));
  machine.expect(read);
  CHECK(machine.image_is_expected());
}

TEST_CASE("QEMU's disk takes whole ranges of larger blocks, and never parts of one") {
  qemu::Disk disk{.name = "blocks of 4096",
                  .more_properties = ",logical_block_size=4096,physical_block_size=4096"};
  qemu::Machine machine(disk);
  machine.plug();
  REQUIRE(machine.vda()->limits().logical_block_bytes == 4096);
  CHECK(blk::write_zeroes(*machine.vda(), blk::Sector(16), 3 * 4096) == blk::Status::Ok);
  machine.expect(zeroes(16, 3 * 4096));
  CHECK(blk::discard(*machine.vda(), blk::Sector(16), 3 * 4096) == blk::Status::Ok);
  CHECK(blk::discard(*machine.vda(), blk::Sector(1), 4096) == blk::Status::Misaligned);
  CHECK(blk::secure_erase(*machine.vda(), blk::Sector(16), 4096) == blk::Status::Unsupported);
  CHECK(machine.image_is_expected());
}
