// Reading and writing QEMU's disk, beside the image file on the host.
#include <algorithm>

#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("What the driver reads is what stands in QEMU's image") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  Ios ios;  // outlive the machine
  qemu::Machine machine(disk);
  machine.plug();
  for (u32 i = 0; i < 20; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 24, 4096, 1 + i % 3));
    machine.submit_as(i % disk.queues, *ios.back());
  }
  ios.push_back(std::make_unique<Io>(blk::Op::Read, 4000, 1 << 20, 7));
  machine.submit(*ios.back());
  ios.push_back(std::make_unique<Io>(blk::Op::Read, qemu::Machine::kSectors - 1, 512));
  machine.submit(*ios.back());
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
  for (unsigned i = 0; i < disk.queues; ++i) {
    CHECK(machine.witness.queue(i).used_index != 0);
  }
}

TEST_CASE("What the driver writes arrives in QEMU's image and is read back") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  Ios ios;  // outlive the machine
  qemu::Machine machine(disk);
  machine.plug();
  const auto write = [&](u64 sector, std::size_t bytes, std::size_t pieces, u8 with) {
    Io io(blk::Op::Write, sector, bytes, pieces);
    std::fill(io.data.begin(), io.data.end(), std::byte{with});
    machine.expect(io);
    CHECK(machine.run(io) == blk::Status::Ok);
  };
  write(0, 512, 1, 0x11);
  write(1000, 65536, 3, 0x22);
  write(1064, 4096, 2, 0x33);  // in the middle of the one before
  write(qemu::Machine::kSectors - 8, 4096, 1, 0x44);
  for (const u64 sector : {u64{0}, u64{992}, qemu::Machine::kSectors - 160}) {
    Io read(blk::Op::Read, sector, 80 * 1024, 2);
    CHECK(machine.run(read) == blk::Status::Ok);
    CHECK(machine.holds_expected(read));
  }
  CHECK(machine.image_is_expected());
}

TEST_CASE("A flush reaches QEMU's image, once") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  qemu::Machine machine(disk);
  machine.plug();
  REQUIRE(machine.vda()->has_write_cache());
  const u64 before = machine.witness.counts().flushes;
  Io write(blk::Op::Write, 8, 4096);
  machine.expect(write);
  CHECK(machine.run(write) == blk::Status::Ok);
  Io flush(blk::Op::Flush, 0, 0, 0);
  CHECK(machine.run(flush) == blk::Status::Ok);
  CHECK(machine.witness.counts().flushes == before + 1);
  CHECK(machine.image_is_expected());
}

namespace {

constexpr u32 kBatch = 32;
constexpr u32 kStride = 2;  // sectors: no two of a batch are neighbours, which would be merged
constexpr u32 kBatchesPerPass = qemu::Machine::kSectors / kStride / kBatch;

// One pass writes all places of the disk, the next reads them, and so on.
void aim(Io& io, u32 batch, u32 place) {
  const u32 pass = batch / kBatchesPerPass;
  io.ends = 0;
  io.bio.op = pass % 2 == 0 ? blk::Op::Write : blk::Op::Read;
  io.bio.sector = blk::Sector(u64{batch % kBatchesPerPass * kBatch + place} * kStride);
  for (std::size_t i = 0; i < io.data.size(); ++i) {
    io.data[i] = io.bio.op == blk::Op::Read ? std::byte{0} : std::byte(batch * 31 + place + i);
  }
}

}  // namespace

// V2: a device in another process, so that a missing barrier or a cached index shows as a hang.
TEST_CASE("70 000 requests take the indices of a ring past 65 535, and none is lost or mixed up") {
  const qemu::Disk disk = qemu::any_disk();
  INFO(disk.name);
  Ios ios;  // outlive the machine
  for (u32 i = 0; i < kBatch; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Write, 0, 512));
  }
  qemu::Machine machine(disk);
  machine.plug();
  const u32 hart = disk.queues - 1;
  constexpr u32 kBatches = 70'000 / kBatch + 1;
  for (u32 batch = 0; batch < kBatches; ++batch) {
    for (u32 i = 0; i < kBatch; ++i) {
      aim(*ios[i], batch, i);
    }
    machine.world.run_as(hart, [&] { machine.submit(ios); });
    machine.wait(ios);
    for (const auto& io : ios) {
      if (io->bio.op == blk::Op::Write) {
        machine.expect(*io);
      }
      REQUIRE(machine.holds_expected(*io));
    }
  }
  const qemu::DiskCounts counts = machine.witness.counts();
  CHECK(counts.reads + counts.writes == u64{kBatches} * kBatch);
  CHECK(machine.image_is_expected());
  const blk::TagSet& tags = machine.vda()->tag_set();
  CHECK(tags.ops().notifications(*tags.hw_queues()[hart]) <= kBatches);
}
