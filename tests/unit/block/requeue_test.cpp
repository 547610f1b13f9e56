// Requests that go to the driver more than once, and how they end in the end.
#include <sluice/drivers/block/request.hpp>

#include <set>
#include <string>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using blk::Direction;

std::vector<u64> sectors_seen(const TestDevice& device) {
  std::vector<u64> sectors;
  for (const auto& seen : device.seen) {
    sectors.push_back(seen.sector);
  }
  return sectors;
}
using Sectors = std::vector<u64>;

// --- Given back ---

TEST_CASE("a request given back goes to the driver again, before what is newer") {
  TestDisk disk({.sectors = 8192}, {.depth = 2});
  TestBio a(Op::Read, 0, {512});
  TestBio b(Op::Read, 8, {512});
  TestBio c(Op::Read, 16, {512});
  submit_batch(disk.disk, a, b, c);
  CHECK(sectors_seen(disk.device) == Sectors{0, 8});
  disk.device.forget(1).requeue();
  disk.device.complete(0);  // makes room for c as well
  disk.world.settle();
  CHECK(sectors_seen(disk.device) == Sectors{0, 8, 8, 16});
  disk.device.complete_all();
  CHECK(a.ended(Status::Ok));
  CHECK(b.ended(Status::Ok));
  CHECK(c.ended(Status::Ok));
}

TEST_CASE("several requests given back keep their order, before one that found the driver busy") {
  TestDisk disk;
  disk.device.room = 3;
  TestBio bios[4] = {
      {Op::Read, 0, {512}}, {Op::Read, 8, {512}}, {Op::Read, 16, {512}}, {Op::Read, 24, {512}}};
  submit_batch(disk.disk, bios[0], bios[1], bios[2], bios[3]);
  REQUIRE(sectors_seen(disk.device) == Sectors{0, 8, 16});
  disk.device.room = 4;
  for (u32 request = 0; request < 3; ++request) {
    disk.device.forget().requeue();
  }
  disk.world.settle();
  CHECK(sectors_seen(disk.device) == Sectors{0, 8, 16, 0, 8, 16, 24});
  disk.device.complete_all();
  for (const TestBio& bio : bios) {
    CHECK(bio.ended(Status::Ok));
  }
}

TEST_CASE("a request may be given back in an interrupt, and goes out by work") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  {
    const IrqContext irq;
    disk.device.forget().requeue();
    CHECK(disk.device.seen.size() == 1);
  }
  CHECK(disk.tags->in_flight() == 1);  // it keeps its tag
  CHECK(disk.tags->hw_queues()[0]->in_flight_request(0) == nullptr);
  disk.world.settle();
  CHECK(disk.device.seen.size() == 2);
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("a request that the driver does not have cannot be given back") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  Request& request = disk.device.forget();
  request.complete(Status::Ok);
  CHECK_THROWS_AS(request.requeue(), Panic);
}

TEST_CASE("a merged request that is given back ends each of its bios once") {
  TestDisk disk;
  TestBio a(Op::Read, 0, {512});
  TestBio b(Op::Read, 1, {512});
  submit_batch(disk.disk, a, b);
  REQUIRE(disk.device.seen.size() == 1);
  disk.device.forget().requeue();
  disk.world.settle();
  REQUIRE(disk.device.seen.size() == 2);
  CHECK(disk.device.seen[1].bytes == 1024);
  disk.device.complete();
  CHECK(a.ended(Status::Ok));
  CHECK(b.ended(Status::Ok));
}

TEST_CASE("of a removed disk what is given back ends as removed") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  disk.disk.remove();
  disk.device.forget().requeue();
  disk.world.settle();
  CHECK(bio.ended(Status::Removed));
  CHECK(disk.device.seen.size() == 1);
}

TEST_CASE("what was given back ends with the disk that is removed next") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  disk.device.forget().requeue();
  disk.disk.remove();
  CHECK(bio.ended(Status::Removed));
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("of a quiesced disk what is given back waits") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  disk.disk.quiesce();
  disk.device.forget().requeue();
  disk.world.settle();
  CHECK(disk.device.seen.size() == 1);
  disk.disk.unquiesce();
  CHECK(disk.device.seen.size() == 2);
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

// --- Transient ---

TEST_CASE("a request that fails for the moment is tried five times more, then it is an I/O error") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  for (unsigned attempt = 1; attempt <= Request::kRetries; ++attempt) {
    disk.device.complete(0, Status::Transient);
    CHECK(bio.ends == 0);
    disk.world.settle();
    REQUIRE(disk.device.seen.size() == 1 + attempt);
  }
  disk.device.complete(0, Status::Transient);
  disk.world.settle();
  CHECK(bio.ended(Status::IoError));
  CHECK(disk.device.seen.size() == 6);
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("a request that succeeds at the last attempt is a success, with its data") {
  TestDisk disk;
  TestBio bio(Op::Read, 3, {512});
  disk.device.memory[3 * 512] = std::byte{77};
  disk.disk.submit(bio.bio);
  for (unsigned attempt = 0; attempt < Request::kRetries; ++attempt) {
    disk.device.complete(0, Status::Transient);
    disk.world.settle();
  }
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
  CHECK(bio.content()[0] == std::byte{77});
  CHECK(disk.disk.totals(Direction::Read).errors == 0);
  CHECK(disk.disk.totals(Direction::Read).requests == 1);
}

TEST_CASE("each request has its attempts, whoever had the tag before") {
  TestDisk disk({.sectors = 8192}, {.depth = 1});
  for (u32 round = 0; round < 3; ++round) {
    TestBio bio(Op::Read, 0, {512});
    disk.disk.submit(bio.bio);
    for (unsigned attempt = 0; attempt < Request::kRetries; ++attempt) {
      disk.device.complete(0, Status::Transient);
      disk.world.settle();
      REQUIRE(bio.ends == 0);
    }
    disk.device.complete();
    CHECK(bio.ended(Status::Ok));
  }
}

TEST_CASE("giving back costs no attempt") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  for (unsigned time = 0; time < 50; ++time) {
    disk.device.forget().requeue();
    disk.world.settle();
  }
  disk.device.complete(0, Status::Transient);
  CHECK(bio.ends == 0);
  disk.world.settle();
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("a removed disk's request is not tried again") {
  TestDisk disk;
  TestBio bio(Op::Read, 0, {512});
  disk.disk.submit(bio.bio);
  disk.disk.remove();
  disk.device.complete(0, Status::Transient);
  disk.world.settle();
  CHECK(bio.ended(Status::IoError));
  CHECK(disk.device.seen.size() == 1);
}

// --- What the bio ends with ---

TEST_CASE(
    "each status that a driver gives reaches the bio as it is, and an error of its own kind") {
  struct Case {
    Status status;
    Errc error;
  };
  const Case one = GENERATE(values<Case>({{Status::IoError, Errc::Io},
                                          {Status::MediumError, Errc::Medium},
                                          {Status::OutOfRange, Errc::OutOfRange},
                                          {Status::Misaligned, Errc::Invalid},
                                          {Status::ReadOnly, Errc::ReadOnly},
                                          {Status::Unsupported, Errc::NotSupported},
                                          {Status::NoSpace, Errc::NoSpace},
                                          {Status::TimedOut, Errc::Timeout},
                                          {Status::Removed, Errc::Removed}}));
  INFO(std::string(to_string(one.status)));
  TestDisk disk({.sectors = 8192, .limits = {.max_bytes = 1024}});
  TestBio whole(Op::Write, 0, {512});
  TestBio parts(Op::Write, 64, {1024, 1024, 1024});
  disk.disk.submit(whole.bio);
  disk.disk.submit(parts.bio);
  disk.device.complete(0, one.status);
  disk.device.complete(1, one.status);
  disk.device.complete_all();
  CHECK(whole.ended(one.status));
  CHECK(parts.ended(one.status));
  CHECK(blk::to_errc(one.status) == one.error);
  CHECK(disk.disk.totals(Direction::Write).errors == 2);
}

}  // namespace
}  // namespace sluice::test
