// Which hart submits to which queue, and which bios to which type of queue.
#include <sluice/drivers/block/queue_map.hpp>

#include "test_device.hpp"

namespace sluice::test {
namespace {

using blk::QueueMap;
using blk::QueueType;

constexpr u8 kPolled = blk::bio_flag::kPolled;

std::vector<u32> queues_of(const QueueMap& map, QueueType type, u32 harts) {
  std::vector<u32> queues;
  for (u32 hart = 0; hart < harts; ++hart) {
    queues.push_back(map.queue_of(type, hart));
  }
  return queues;
}
using Queues = std::vector<u32>;

// --- The map ---

TEST_CASE("harts are spread evenly over fewer, as many and more queues") {
  CHECK(queues_of(QueueMap(1, 0, 0), QueueType::Default, 4) == Queues{0, 0, 0, 0});
  CHECK(queues_of(QueueMap(3, 0, 0), QueueType::Default, 8) == Queues{0, 1, 2, 0, 1, 2, 0, 1});
  CHECK(queues_of(QueueMap(4, 0, 0), QueueType::Default, 4) == Queues{0, 1, 2, 3});
  CHECK(queues_of(QueueMap(9, 0, 0), QueueType::Default, 4) == Queues{0, 1, 2, 3});
}

TEST_CASE("each type has its own queues, and one without any has the default ones") {
  const QueueMap map(7, 2, 1);
  CHECK(queues_of(map, QueueType::Default, 5) == Queues{0, 1, 2, 3, 0});
  CHECK(queues_of(map, QueueType::Read, 4) == Queues{4, 5, 4, 5});
  CHECK(queues_of(map, QueueType::Poll, 4) == Queues{6, 6, 6, 6});
  for (u32 queue = 0; queue < 7; ++queue) {
    const QueueType type = queue < 4   ? QueueType::Default
                           : queue < 6 ? QueueType::Read
                                       : QueueType::Poll;
    CHECK(map.type_of(queue) == type);
  }
  const QueueMap without(2, 0, 0);
  CHECK(queues_of(without, QueueType::Read, 3) == Queues{0, 1, 0});
  CHECK(queues_of(without, QueueType::Poll, 3) == Queues{0, 1, 0});
  CHECK(without.type_of(1) == QueueType::Default);
}

TEST_CASE("a hart is mapped to a queue of the type, or it is a checked crash") {
  QueueMap map(4, 1, 1);
  map.map(QueueType::Default, 0, 1);
  map.map(QueueType::Default, 7, 0);
  CHECK(map.queue_of(QueueType::Default, 0) == 1);
  CHECK(map.queue_of(QueueType::Default, 7) == 0);
  CHECK_THROWS_AS(map.map(QueueType::Default, 0, 2), Panic);
  CHECK_THROWS_AS(map.map(QueueType::Read, 0, 1), Panic);
  CHECK_THROWS_AS(map.map(QueueType::Default, kMaxHarts, 0), Panic);
  CHECK_THROWS_AS(QueueMap(2, 1, 1), Panic);
}

// --- Submission ---

TEST_CASE("a tag set needs a queue that is neither for reads nor for polling") {
  World world;
  TestDevice device(512);
  const auto error = [&](TagSet::Shape shape) {
    return TagSet::create<TestDevice::Command>(device, shape).error();
  };
  CHECK(error({.hw_queues = 2, .read_queues = 1, .poll_queues = 1}) == Errc::Invalid);
  CHECK(error({.hw_queues = 1, .poll_queues = 1}) == Errc::Invalid);
  CHECK(error({.hw_queues = 4, .read_queues = ~0u, .poll_queues = 2}) == Errc::Invalid);
  CHECK(TagSet::create<TestDevice::Command>(device,
                                            {.hw_queues = 3, .read_queues = 1, .poll_queues = 1}));
}

TEST_CASE("bios go to the queues of their type, whatever else is in the batch") {
  TestDisk disk({.sectors = 8192, .write_cache = true},
                {.hw_queues = 6, .read_queues = 2, .poll_queues = 2}, 2);
  TestBio write(Op::Write, 0, {512});
  TestBio read(Op::Read, 8, {512});
  TestBio polled_read(Op::Read, 16, {512});
  TestBio polled_write(Op::Write, 24, {512});
  TestBio flush(Op::Flush, 0, {});
  polled_read.bio.flags = polled_write.bio.flags = kPolled;
  const u32 hart = GENERATE(0u, 1u);
  disk.world.run_as(
      hart, [&] { submit_batch(disk.disk, polled_read, write, flush, read, polled_write); });
  REQUIRE(disk.device.seen.size() == 5);
  for (const auto& seen : disk.device.seen) {
    const bool polled = seen.sector == 16 || seen.sector == 24;
    const u32 first = polled ? 4 : seen.op == Op::Read ? 2 : 0;
    CHECK(seen.queue == first + hart);
  }
  CHECK(disk.device.untold.empty());  // each queue's last one was marked so
  disk.device.complete_all();
}

TEST_CASE("polled bios without queues for them go where the others of their kind go") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 2, .read_queues = 1});
  TestBio read(Op::Read, 0, {512});
  TestBio write(Op::Write, 8, {512});
  read.bio.flags = write.bio.flags = kPolled;
  submit_batch(disk.disk, read, write);
  for (const auto& seen : disk.device.seen) {
    CHECK(seen.queue == (seen.op == Op::Read ? 1 : 0));
  }
  CHECK(disk.disk.poll() == 2);
  CHECK(read.ended(Status::Ok));
  CHECK(write.ended(Status::Ok));
}

TEST_CASE("polling reaps the queues of this hart, each once, and no other's") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 4, .read_queues = 1, .poll_queues = 1}, 2);
  TestBio here(Op::Write, 0, {512});
  TestBio there(Op::Write, 8, {512});
  TestBio polled(Op::Write, 16, {512});
  polled.bio.flags = kPolled;
  submit_batch(disk.disk, here, polled);
  disk.world.run_as(1, [&] { disk.disk.submit(there.bio); });
  CHECK(disk.disk.poll() == 2);
  CHECK(there.ends == 0);
  disk.world.run_as(1, [&] { CHECK(disk.disk.poll() == 1); });
  CHECK(there.ended(Status::Ok));
}

TEST_CASE("a driver may change which hart submits to which queue") {
  World world(4);
  TestDevice device(8192 * 512);
  device.on_map = [](QueueMap& map) {
    CHECK(map.range(QueueType::Default).count == 2);
    CHECK(map.range(QueueType::Poll).first == 2);
    for (u32 hart = 0; hart < 4; ++hart) {
      map.map(QueueType::Default, hart, hart / 2);
    }
  };
  const auto tags =
      std::move(*TagSet::create<TestDevice::Command>(device, {.hw_queues = 3, .poll_queues = 1}));
  Disk disk(*tags, "vda", {.sectors = 8192});
  for (u32 hart = 0; hart < 4; ++hart) {
    TestBio bio(Op::Read, 0, {512});
    world.run_as(hart, [&] { disk.submit(bio.bio); });
    CHECK(device.seen.back().queue == hart / 2);
    device.complete();
  }
  CHECK(tags->hw_queues()[2]->type() == QueueType::Poll);
  CHECK(tags->hw_queues()[1]->type() == QueueType::Default);
}

TEST_CASE("with more queues than harts each hart has one, and the others stay empty") {
  TestDisk disk({.sectors = 8192}, {.hw_queues = 5}, 2);
  TestBio bios[2] = {{Op::Read, 0, {512}}, {Op::Read, 8, {512}}};
  for (u32 hart = 0; hart < 2; ++hart) {
    disk.world.run_as(hart, [&] { disk.disk.submit(bios[hart].bio); });
  }
  for (u32 queue = 0; queue < 5; ++queue) {
    CHECK(disk.tags->hw_queues()[queue]->in_flight() == (queue < 2 ? 1 : 0));
  }
  disk.device.complete_all();
}

// --- Harts that share a queue ---

TEST_CASE("bios that come while another hart has the queue go out with that hart, in order") {
  TestDisk disk({.sectors = 8192}, {}, 4);
  TestBio first(Op::Read, 0, {512});
  TestBio second(Op::Read, 8, {512});
  TestBio others[2] = {{Op::Read, 16, {512}}, {Op::Read, 24, {512}}};
  disk.device.on_offer = [&] {
    for (u32 hart = 1; hart <= 2; ++hart) {
      disk.world.run_as(hart, [&] { disk.disk.submit(others[hart - 1].bio); });
      CHECK(disk.device.seen.empty());  // it left its bio and went
    }
  };
  submit_batch(disk.disk, first, second);
  REQUIRE(disk.device.seen.size() == 4);
  for (u32 at = 0; at < 4; ++at) {
    CHECK(disk.device.seen[at].sector == 8 * at);
    CHECK(disk.device.seen[at].last == (at % 2 == 1 || at == 3));
  }
  disk.device.complete_all();
}

}  // namespace
}  // namespace sluice::test
