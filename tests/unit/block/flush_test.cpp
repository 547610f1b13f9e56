// The flush machine: which steps a durable bio goes through, what a flush covers, and what becomes
// of all that when a step fails or the disk goes.
#include <sluice/drivers/block/flush.hpp>

#include <string>

#include "test_device.hpp"

namespace sluice::test {
namespace {

constexpr u8 kPreflush = blk::bio_flag::kPreflush;
constexpr u8 kFua = blk::bio_flag::kFua;

const Disk::Options kCache{.sectors = 8192, .write_cache = true};

struct Flush : TestBio {
  Flush() : TestBio(Op::Flush, 0, {}) {}
};

struct Write : TestBio {
  explicit Write(u64 sector, u8 flags = 0, const std::vector<u32>& lengths = {512})
      : TestBio(Op::Write, sector, lengths) {
    bio.flags = flags;
  }
};

// What the device was given, in order: F a flush, W a write, ! one that is durable by itself.
std::string given(const TestDevice& device) {
  std::string steps;
  for (const auto& seen : device.seen) {
    steps += seen.op == Op::Flush ? "F" : "W";
    steps += seen.fua ? "!" : "";
  }
  return steps;
}

// --- Steps ---

// Has the device end one request after the other; what it was given for one bio.
std::string steps_of(const Disk::Options& options, u8 flags) {
  TestDisk disk(options);
  Write bio(8, flags);
  bio.fill(1);
  disk.disk.submit(bio.bio);
  while (!disk.device.started.empty()) {
    CHECK(disk.device.started.size() == 1);  // one step at a time
    CHECK(bio.ends == 0);
    disk.device.complete();
  }
  CHECK(bio.ended(Status::Ok));
  CHECK(std::equal(bio.segments[0].data, bio.segments[0].data + 512,
                   disk.device.memory.data() + 8 * 512));
  return given(disk.device);
}

TEST_CASE("a durable write goes through the steps that its device needs") {
  const Disk::Options none{.sectors = 8192};
  const Disk::Options with_fua{.sectors = 8192, .write_cache = true, .fua = true};
  CHECK(steps_of(none, kPreflush) == "W");
  CHECK(steps_of(none, kFua) == "W");
  CHECK(steps_of(none, kPreflush | kFua) == "W");
  CHECK(steps_of(kCache, 0) == "W");
  CHECK(steps_of(kCache, kPreflush) == "FW");
  CHECK(steps_of(kCache, kFua) == "WF");
  CHECK(steps_of(kCache, kPreflush | kFua) == "FWF");
  CHECK(steps_of(with_fua, kPreflush) == "FW");
  CHECK(steps_of(with_fua, kFua) == "W!");
  CHECK(steps_of(with_fua, kPreflush | kFua) == "FW!");
}

TEST_CASE("an empty durable write is the flushes that it asks for, and no write") {
  TestDisk disk(kCache);
  Write preflush(0, kPreflush, {});
  Write fua(0, kFua, {});
  disk.disk.submit(preflush.bio);
  CHECK(given(disk.device) == "F");
  CHECK(preflush.ends == 0);
  disk.device.complete_all();
  CHECK(preflush.ended(Status::Ok));
  disk.disk.submit(fua.bio);
  CHECK(fua.ended(Status::Ok));
  CHECK(given(disk.device) == "F");
}

TEST_CASE("a flush that carries PREFLUSH and FUA is one flush") {
  TestDisk disk(kCache);
  Flush flush;
  flush.bio.flags = kPreflush | kFua;
  disk.disk.submit(flush.bio);
  disk.device.complete_all();
  CHECK(flush.ended(Status::Ok));
  CHECK(given(disk.device) == "F");
}

TEST_CASE("a read cannot be made durable") {
  TestDisk disk(kCache);
  TestBio read(Op::Read, 0, {512});
  read.bio.flags = GENERATE(kPreflush, kFua);
  disk.disk.submit(read.bio);
  CHECK(read.ended(Status::Unsupported));
  CHECK(disk.device.seen.empty());
}

TEST_CASE("a durable write of several requests flushes once, after the last of them") {
  TestDisk disk({.sectors = 8192, .limits = {.max_bytes = 1024}, .write_cache = true});
  Write bio(0, kFua, {4096});
  disk.disk.submit(bio.bio);
  CHECK(given(disk.device) == "WWWW");
  for (u32 left = 4; left > 0; --left) {
    CHECK(given(disk.device) == "WWWW");
    disk.device.complete(left - 1);
  }
  CHECK(given(disk.device) == "WWWWF");
  CHECK(bio.ends == 0);
  disk.device.complete();
  CHECK(bio.ended(Status::Ok));
}

// --- What a flush covers ---

TEST_CASE("flushes that come while one is in flight share the next") {
  TestDisk disk(kCache);
  Flush first;
  Flush second;
  Flush third;
  Write write(8, kPreflush);
  disk.disk.submit(first.bio);
  disk.disk.submit(second.bio);
  submit_batch(disk.disk, third, write);
  CHECK(given(disk.device) == "F");

  disk.device.complete();
  CHECK(first.ended(Status::Ok));
  CHECK(second.ends + third.ends + write.ends == 0);
  CHECK(given(disk.device) == "FF");

  disk.device.complete();
  CHECK(second.ended(Status::Ok));
  CHECK(third.ended(Status::Ok));
  CHECK(given(disk.device) == "FFW");
  CHECK(write.ends == 0);
  disk.device.complete();
  CHECK(write.ended(Status::Ok));
  CHECK(given(disk.device) == "FFW");
}

TEST_CASE("flushes of several harts share the next, too") {
  TestDisk disk(kCache, {.hw_queues = 4}, 4);
  std::array<Flush, 4> flushes;
  for (u32 hart = 0; hart < 4; ++hart) {
    disk.world.run_as(hart, [&] { disk.disk.submit(flushes[hart].bio); });
  }
  CHECK(given(disk.device) == "F");
  disk.world.run_as(2, [&] { disk.device.complete(); });
  CHECK(flushes[0].ended(Status::Ok));
  REQUIRE(given(disk.device) == "FF");
  CHECK(disk.device.seen[1].queue == 2);  // of the hart that found it due
  disk.device.complete();
  for (Flush& flush : flushes) {
    CHECK(flush.ended(Status::Ok));
  }
  CHECK(given(disk.device) == "FF");
}

TEST_CASE("a flush does not wait for a write in flight") {
  TestDisk disk(kCache);
  Write write(0);
  Flush flush;
  disk.disk.submit(write.bio);
  disk.disk.submit(flush.bio);
  CHECK(given(disk.device) == "WF");
  disk.device.complete(1);
  CHECK(flush.ended(Status::Ok));
  CHECK(write.ends == 0);
  disk.device.complete();
  CHECK(write.ended(Status::Ok));
}

TEST_CASE("a durable write whose data ended while a flush was in flight has one of its own") {
  TestDisk disk(kCache);
  Flush flush;
  Write write(0, kFua);
  disk.disk.submit(flush.bio);
  disk.disk.submit(write.bio);
  CHECK(given(disk.device) == "FW");
  disk.device.complete(1);  // the data: the flush in flight began before it
  disk.device.complete(0);
  CHECK(flush.ended(Status::Ok));
  CHECK(write.ends == 0);
  CHECK(given(disk.device) == "FWF");
  disk.device.complete();
  CHECK(write.ended(Status::Ok));
}

TEST_CASE("other bios of a batch do not wait for its flush") {
  TestDisk disk(kCache);
  Write plain(0);
  Flush flush;
  Write after(64);
  submit_batch(disk.disk, plain, flush, after);
  CHECK(given(disk.device) == "WWF");
  disk.device.complete_all();
  CHECK(plain.ended(Status::Ok));
  CHECK(after.ended(Status::Ok));
  CHECK(flush.ended(Status::Ok));
}

// --- Failures ---

TEST_CASE("a step that fails is the last, and its status the bio's") {
  TestDisk disk(kCache);
  Write bio(0, kPreflush | kFua);
  disk.disk.submit(bio.bio);
  const u32 good_steps = GENERATE(0u, 1u, 2u);
  for (u32 step = 0; step < good_steps; ++step) {
    disk.device.complete();
  }
  CHECK(bio.ends == 0);
  disk.device.complete(0, Status::MediumError);
  CHECK(bio.ended(Status::MediumError));
  CHECK(given(disk.device) == std::string("FWF").substr(0, good_steps + 1));
  CHECK(disk.device.started.empty());

  Write again(0, kPreflush | kFua);  // and nothing of it stays
  disk.disk.submit(again.bio);
  for (u32 step = 0; step < 3; ++step) {
    disk.device.complete();
  }
  CHECK(again.ended(Status::Ok));
}

TEST_CASE("a flush that fails fails those that it covers and not those that wait") {
  TestDisk disk(kCache);
  Flush first;
  Flush second;
  disk.disk.submit(first.bio);
  disk.disk.submit(second.bio);
  disk.device.complete(0, Status::IoError);
  CHECK(first.ended(Status::IoError));
  CHECK(second.ends == 0);
  disk.device.complete();
  CHECK(second.ended(Status::Ok));
}

TEST_CASE("a durable write one of whose requests fails is not flushed") {
  TestDisk disk({.sectors = 8192, .limits = {.max_bytes = 1024}, .write_cache = true});
  Write bio(0, kFua, {4096});
  disk.disk.submit(bio.bio);
  disk.device.complete(1, Status::NoSpace);
  disk.device.complete_all();
  CHECK(bio.ended(Status::NoSpace));
  CHECK(given(disk.device) == "WWWW");
}

TEST_CASE("a durable write beyond the end fails without a flush") {
  TestDisk disk(kCache);
  Write bio(8192, kPreflush | kFua);
  disk.disk.submit(bio.bio);
  CHECK(bio.ended(Status::OutOfRange));
  CHECK(disk.device.seen.empty());
}

// --- Contexts, and the end ---

TEST_CASE("what follows a step that ended in an interrupt is left to work") {
  TestDisk disk(kCache);
  Write bio(0, kPreflush);
  disk.disk.submit(bio.bio);
  {
    const IrqContext irq;
    disk.device.complete();
    CHECK(given(disk.device) == "F");
  }
  disk.world.settle();
  CHECK(given(disk.device) == "FW");
  disk.device.complete();
  disk.world.settle();
  CHECK(bio.ended(Status::Ok));
}

TEST_CASE("a flush that submits the next when it ends does not nest") {
  TestDisk disk(kCache);
  disk.device.completes_inline = true;
  Flush flush;
  u32 depth = 0;
  u32 deepest = 0;
  flush.then = [&](TestBio& self) {
    deepest = std::max(deepest, ++depth);
    if (self.ends < 1000) {
      disk.disk.submit(self.bio);
    }
    --depth;
  };
  disk.disk.submit(flush.bio);
  CHECK(flush.ends == 1000);
  CHECK(deepest == 1);
}

TEST_CASE("a quiesced disk keeps flushes waiting") {
  TestDisk disk(kCache);
  Flush flush;
  disk.disk.quiesce();
  disk.disk.submit(flush.bio);
  CHECK(disk.device.seen.empty());
  disk.disk.unquiesce();
  disk.device.complete_all();
  CHECK(flush.ended(Status::Ok));
}

TEST_CASE("removal ends what waits for a flush, once the one in flight has ended") {
  TestDisk disk(kCache);
  Flush first;
  Flush second;
  Write write(0, kPreflush | kFua);
  disk.disk.submit(first.bio);
  submit_batch(disk.disk, second, write);
  disk.disk.remove();
  Flush late;
  disk.disk.submit(late.bio);
  CHECK(first.ends == 0);
  const Status status = GENERATE(Status::Ok, Status::Removed);
  disk.device.complete(0, status);
  CHECK(first.ended(status));
  CHECK(second.ended(Status::Removed));
  CHECK(write.ended(Status::Removed));
  CHECK(late.ended(Status::Removed));
  CHECK(given(disk.device) == "F");
}

TEST_CASE("a disk may go while its flush machine's work is posted") {
  Flush first;
  Flush second;
  {
    TestDisk disk(kCache);
    disk.disk.submit(first.bio);
    disk.disk.submit(second.bio);
    const IrqContext irq;
    disk.device.complete();
  }
  CHECK(first.ended(Status::Ok));
  CHECK(second.ended(Status::Removed));
}

}  // namespace
}  // namespace sluice::test
