// Plain bios on their way to a driver that takes many requests at once, and what gets into the way.
#include <sluice/drivers/block/hw_queue.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using Bios = std::vector<std::unique_ptr<TestBio>>;
using Numbers = std::vector<u64>;

struct BatchDisk {
  explicit BatchDisk(TagSet::Shape shape = {}, Disk::Options options = {.sectors = 8192}) {
    device.takes_batches = true;
    tags = std::move(*TagSet::create<TestDevice::Command>(device, shape));
    disk.emplace(*tags, "vda", options);
  }
  void submit(const Bios& bios) {
    List<Bio> batch;
    for (const auto& bio : bios) {
      batch.push_back(bio->bio);
    }
    disk->submit(batch);
  }
  void drain() {
    while (!device.started.empty()) {
      device.complete();
      world.settle();
    }
  }
  Numbers sectors() const {
    Numbers numbers;
    for (const auto& seen : device.seen) {
      numbers.push_back(seen.sector);
    }
    return numbers;
  }

  World world{2};
  TestDevice device{8192 * 512};
  std::unique_ptr<TagSet> tags;
  std::optional<Disk> disk;
};

// Reads of one sector at these places.
Bios reads(const Numbers& sectors) {
  Bios bios;
  for (const u64 sector : sectors) {
    bios.push_back(std::make_unique<TestBio>(Op::Read, sector, std::vector<u32>{512}));
  }
  return bios;
}
Bios scattered(u32 count) {
  Numbers sectors;
  for (u32 at = 0; at < count; ++at) {
    sectors.push_back(2 * at);
  }
  return reads(sectors);
}
bool all_ok(const Bios& bios) {
  return std::all_of(bios.begin(), bios.end(),
                     [](const auto& bio) { return bio->ended(Status::Ok); });
}

TEST_CASE("plain bios go to the driver in order, and the device is told once") {
  BatchDisk disk;
  const Bios bios = scattered(40);
  disk.submit(bios);
  CHECK(disk.device.batches == std::vector<usize>{40});
  CHECK(disk.device.untold.empty());
  CHECK(disk.device.commits == 0);
  REQUIRE(disk.device.seen.size() == 40);
  for (u32 at = 0; at < 40; ++at) {
    CHECK(disk.device.seen[at].sector == 2 * at);
  }
  disk.drain();
  CHECK(all_ok(bios));
}

TEST_CASE("bios that are all polled for take the express as well") {
  BatchDisk disk;
  const Bios bios = scattered(5);
  for (const auto& bio : bios) {
    bio->bio.flags = blk::bio_flag::kPolled;
  }
  disk.submit(bios);
  CHECK(disk.device.batches == std::vector<usize>{5});
  disk.disk->poll();
  CHECK(all_ok(bios));
}

TEST_CASE("neighbours among plain bios become one request, on either side") {
  BatchDisk disk;
  const Bios bios = reads({100, 0, 1, 2, 50, 49, 200, 4});
  disk.submit(bios);
  CHECK(disk.sectors() == Numbers{100, 0, 49, 200, 4});
  CHECK(disk.device.seen[1].bytes == 1536);
  CHECK(disk.device.seen[2].bytes == 1024);
  CHECK(disk.device.untold.empty());
  disk.drain();
  CHECK(all_ok(bios));
  CHECK(disk.disk->totals(blk::Direction::Read).merges == 3);
}

TEST_CASE("the express stops before the first pair of neighbours, whichever comes first") {
  for (const Numbers& pair : {Numbers{50, 51}, Numbers{51, 50}}) {
    BatchDisk disk;
    const Bios bios = reads({100, 102, pair[0], pair[1], 200});
    disk.submit(bios);
    CHECK(disk.device.batches == std::vector<usize>{2});
    CHECK(disk.sectors() == Numbers{100, 102, 50, 200});
    CHECK(disk.device.seen[2].bytes == 1024);
    disk.drain();
    CHECK(all_ok(bios));
  }
}

TEST_CASE("neighbours stay apart where nothing is merged") {
  BatchDisk disk({.merge = false});
  const Bios bios = reads({0, 1, 2, 1});
  disk.submit(bios);
  CHECK(disk.sectors() == Numbers{0, 1, 2, 1});
  CHECK(disk.device.batches == std::vector<usize>{4});
  disk.drain();
  CHECK(all_ok(bios));
}

TEST_CASE("what the driver does not take of a batch goes first when it has room, in order") {
  BatchDisk disk;
  disk.device.room = 3;
  const Bios first = scattered(6);
  const Bios second = reads({100, 102});
  disk.submit(first);
  disk.submit(second);
  CHECK(disk.device.seen.size() == 3);
  disk.drain();
  CHECK(disk.sectors() == Numbers{0, 2, 4, 6, 8, 10, 100, 102});
  CHECK(all_ok(first));
  CHECK(all_ok(second));
  CHECK(disk.device.untold.empty());
}

TEST_CASE("one that the driver fails out of a batch ends with an I/O error, the others well") {
  BatchDisk disk;
  const Bios bios = scattered(4);
  disk.device.fail_next = 2;  // in the batch, and when it is offered alone
  disk.submit(bios);
  disk.drain();
  CHECK(bios[0]->ended(Status::IoError));
  for (u32 at = 1; at < 4; ++at) {
    CHECK(bios[at]->ended(Status::Ok));
  }
}

TEST_CASE("plain bios wait for tags in order") {
  BatchDisk disk({.depth = 4});
  const Bios bios = scattered(11);
  disk.submit(bios);
  CHECK(disk.device.seen.size() == 4);
  disk.drain();
  CHECK(disk.sectors() == Numbers{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20});
  CHECK(all_ok(bios));
  CHECK(disk.tags->in_flight() == 0);
}

TEST_CASE("a bio that is not plain ends the express, and the batch goes on in order") {
  BatchDisk disk({}, {.sectors = 8192, .limits = {.max_bytes = 1024}});
  Bios bios = scattered(6);
  std::unique_ptr<TestBio>& odd = bios[3];
  Status expected = Status::Ok;
  Numbers order{0, 2, 4, 6, 8, 10};
  SECTION("beyond the end") {
    odd->bio.sector = Sector(8192);
    expected = Status::OutOfRange;
    order = {0, 2, 4, 8, 10};
  }
  SECTION("polled for") {
    odd->bio.flags = blk::bio_flag::kPolled;
  }
  SECTION("not to be merged") {
    odd->bio.flags = blk::bio_flag::kNoMerge;
  }
  SECTION("in two pieces") {
    odd = std::make_unique<TestBio>(Op::Read, 600, std::vector<u32>{100, 412});
    order[3] = 600;
  }
  SECTION("longer than a request") {
    odd = std::make_unique<TestBio>(Op::Read, 600, std::vector<u32>{1536});
    order = {0, 2, 4, 600, 602, 8, 10};
  }
  SECTION("empty") {
    odd = std::make_unique<TestBio>(Op::Read, 6, std::vector<u32>{});
    order = {0, 2, 4, 8, 10};
  }
  disk.submit(bios);
  CHECK(disk.sectors() == order);
  CHECK(disk.device.untold.empty());
  disk.drain();
  for (const auto& bio : bios) {
    CHECK(bio->ended(bio == odd ? expected : Status::Ok));
  }
}

TEST_CASE("a durable write among plain ones takes its steps beside them") {
  BatchDisk disk({}, {.sectors = 8192, .write_cache = true});
  Bios bios = scattered(4);
  bios[2] = std::make_unique<TestBio>(Op::Write, 4, std::vector<u32>{512});
  bios[2]->bio.flags = blk::bio_flag::kFua;
  disk.submit(bios);
  CHECK(disk.device.seen.size() == 4);
  disk.drain();
  CHECK(all_ok(bios));
  CHECK(disk.device.seen.back().op == Op::Flush);
}

TEST_CASE("there is no express to a quiesced disk, nor past what waits or was given back") {
  BatchDisk disk({.depth = 4});
  const Bios bios = scattered(2);
  const Bios late = reads({100});
  SECTION("quiesced") {
    disk.disk->quiesce();
    disk.submit(bios);
    CHECK(disk.device.seen.empty());
    disk.disk->unquiesce();
    disk.submit(late);
  }
  SECTION("given back") {
    disk.submit(bios);
    disk.device.forget(0).requeue();
    disk.device.forget(0).requeue();
    disk.device.seen.clear();
    disk.submit(late);
  }
  CHECK(disk.sectors() == Numbers{0, 2, 100});
  disk.drain();
  CHECK(all_ok(bios));
  CHECK(all_ok(late));
}

TEST_CASE("what another hart submits meanwhile follows") {
  BatchDisk disk;
  const Bios bios = scattered(40);
  const Bios other = reads({1000, 1002});
  disk.device.on_offer = [&] {
    disk.world.run_as(1, [&] { disk.submit(other); });
    CHECK(disk.device.seen.empty());
  };
  disk.submit(bios);
  REQUIRE(disk.device.seen.size() == 42);
  CHECK(disk.device.seen[40].sector == 1000);
  CHECK(disk.device.untold.empty());
  disk.drain();
  CHECK(all_ok(bios));
  CHECK(all_ok(other));
}

TEST_CASE("requests of the express are watched for timeouts and found by their tags") {
  BatchDisk disk({}, {.sectors = 8192, .timeout_ns = 1000});
  const Bios bios = scattered(3);
  disk.submit(bios);
  for (Request* const request : disk.device.started) {
    CHECK(disk.tags->hw_queues()[0]->in_flight_request(request->tag()) == request);
  }
  CHECK(disk.tags->in_flight() == 3);
  disk.world.advance_ns(1000);
  disk.world.settle();
  CHECK(disk.device.asked.size() == 3);
  disk.drain();
  CHECK(all_ok(bios));
}

}  // namespace
}  // namespace sluice::test
