// Requests that end later: latency, bandwidth, order, and what the caller may count on meanwhile.
#include "ram_fixture.hpp"

namespace sluice::test {
namespace {

RamDisk::Options timed(u64 latency_ns, u64 bytes_per_second = 0) {
  return {.capacity_bytes = 1 << 20,
          .shape = {.hw_queues = 2, .depth = 16, .merge = false},
          .mode = RamDisk::Mode::Timer,
          .latency_ns = latency_ns,
          .bytes_per_second = bytes_per_second};
}

void pass(World& world, u64 ns) {
  world.advance_ns(ns);
  world.settle();
}

TEST_CASE("a request ends when its latency is over and not before") {
  World world;
  const auto ram = make_ram(timed(50'000));
  const auto read = start(ram->disk(), Op::Read, 0);
  const auto flush = start(ram->disk(), Op::Discard, 0);
  pass(world, 49'999);
  CHECK(read->ends == 0);
  CHECK(ram->disk().tag_set().in_flight() == 2);
  pass(world, 1);
  CHECK(read->ended(Status::Ok));
  CHECK(flush->ended(Status::Ok));
  CHECK(ram->disk().tag_set().in_flight() == 0);
}

TEST_CASE("it ends in irq context") {
  World world;
  const auto ram = make_ram(timed(1000));
  TestBio read(Op::Read, 0, {512});
  Context where = Context::Task;
  read.then = [&](TestBio&) { where = world.hart.context; };
  ram->disk().submit(read.bio);
  world.advance_ns(1000);
  CHECK(read.ends == 1);
  CHECK(where == Context::Irq);
}

TEST_CASE("as many are on their way as there are tags, and they end in the order of their times") {
  World world;
  const auto ram = make_ram(timed(10'000));
  std::vector<u32> order;
  std::vector<std::unique_ptr<TestBio>> bios;
  for (u32 at = 0; at < 20; ++at) {
    bios.push_back(std::make_unique<TestBio>(Op::Write, at * 8, std::vector<u32>{4096}));
    bios.back()->then = [&order, at](TestBio&) { order.push_back(at); };
    ram->disk().submit(bios.back()->bio);
    pass(world, 100);
  }
  CHECK(order.empty());
  CHECK(ram->disk().tag_set().in_flight() == 16);
  pass(world, 8'000);  // now 10 µs after the first
  CHECK(order.size() == 1);
  pass(world, 1'500);
  CHECK(order.size() == 16);
  pass(world, 10'000);
  CHECK(order.size() == 20);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("with jitter they end out of order, none early and none too late") {
  World world;
  RamDisk::Options options = timed(10'000);
  options.jitter_ns = 5'000;
  const auto ram = make_ram(options);
  std::vector<u32> order;
  std::vector<std::unique_ptr<TestBio>> bios;
  for (u32 at = 0; at < 16; ++at) {
    bios.push_back(std::make_unique<TestBio>(Op::Write, at * 8, std::vector<u32>{4096}));
    bios.back()->then = [&order, at](TestBio&) { order.push_back(at); };
    ram->disk().submit(bios.back()->bio);
  }
  pass(world, 9'999);
  CHECK(order.empty());
  for (int step = 0; step < 5'001; ++step) {
    pass(world, 1);
  }
  CHECK(order.size() == 16);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("each queue has a time of its own and the bandwidth is the whole disk's") {
  World world(2);
  // 4096 bytes take 4.096 µs.
  const auto ram = make_ram(timed(1'000, 1'000'000'000));
  const auto first = start(ram->disk(), Op::Read, 0);
  std::unique_ptr<TestBio> second;
  world.run_as(1, [&] { second = start(ram->disk(), Op::Read, 800); });
  CHECK(ram->disk().tag_set().hw_queues()[0]->in_flight() == 1);
  CHECK(ram->disk().tag_set().hw_queues()[1]->in_flight() == 1);
  pass(world, 5'095);
  CHECK(first->ends == 0);
  pass(world, 1);
  CHECK(first->ended(Status::Ok));
  CHECK(second->ends == 0);
  pass(world, 4'095);
  CHECK(second->ends == 0);
  pass(world, 1);
  CHECK(second->ended(Status::Ok));
}

TEST_CASE("a disk that was idle has saved up no bandwidth") {
  World world;
  const auto ram = make_ram(timed(0, 1'000'000'000));
  pass(world, 1'000'000);
  const auto read = start(ram->disk(), Op::Read, 0);
  pass(world, 4'095);
  CHECK(read->ends == 0);
  pass(world, 1);
  CHECK(read->ended(Status::Ok));
}

TEST_CASE("what carries no data takes no bandwidth") {
  World world;
  const auto ram = make_ram(timed(1'000, 1'000));
  const auto zeroes = start(ram->disk(), Op::WriteZeroes, 0, 1 << 19);
  pass(world, 1'000);
  CHECK(zeroes->ended(Status::Ok));
}

TEST_CASE("a later write does not show in an earlier read") {
  World world;
  const auto ram = make_ram(timed(10'000));
  const auto read = start(ram->disk(), Op::Read, 0);
  TestBio write(Op::Write, 0, {4096});
  write.fill(3);
  ram->disk().submit(write.bio);
  pass(world, 10'000);
  CHECK(read->ended(Status::Ok));
  CHECK(all(read->content(), 0));
  CHECK(write.ended(Status::Ok));
}

TEST_CASE("a write is carried out with what its memory held when it was queued") {
  World world;
  const auto ram = make_ram(timed(10'000));
  TestBio write(Op::Write, 0, {512});
  std::fill_n(write.segments[0].data, 512, std::byte{1});
  ram->disk().submit(write.bio);
  std::fill_n(write.segments[0].data, 512, std::byte{2});
  pass(world, 10'000);
  REQUIRE(write.ended(Status::Ok));
  CHECK(all(bytes_of(ram->disk(), 0, 512), 1));
}

TEST_CASE("an error is late as well") {
  World world;
  RamDisk::Options options = timed(10'000);
  options.faults.rules[0] = {.when = blk::FaultRule::When::Every};
  const auto ram = make_ram(options);
  const auto read = start(ram->disk(), Op::Read, 0);
  pass(world, 9'999);
  CHECK(read->ends == 0);
  pass(world, 1);
  CHECK(read->ended(Status::IoError));
}

TEST_CASE("a poller reaps what is due without the timer") {
  World world;
  const auto ram = make_ram(timed(10'000));
  const auto read = start(ram->disk(), Op::Read, 0);
  CHECK(ram->disk().poll() == 0);
  world.irqs_on = false;
  world.now_ticks += 10'000;
  CHECK(read->ends == 0);
  CHECK(ram->disk().poll() == 1);
  CHECK(read->ended(Status::Ok));
  CHECK(ram->disk().poll() == 0);
  world.irqs_on = true;
  pass(world, 1'000'000);
}

TEST_CASE("what is polled for rings no timer, whatever comes before or after it") {
  World world;
  const auto ram = make_ram(timed(10'000));
  TestBio polled[]{{Op::Read, 0, {4096}}, {Op::Read, 16, {4096}}};
  for (TestBio& bio : polled) {
    bio.bio.flags = blk::bio_flag::kPolled;
  }
  ram->disk().submit(polled[0].bio);
  pass(world, 10'000);
  CHECK(polled[0].ends == 0);
  const auto other = start(ram->disk(), Op::Read, 32);
  ram->disk().submit(polled[1].bio);
  pass(world, 9'999);
  CHECK(polled[0].ends == 0);
  pass(world, 1);
  CHECK(other->ended(Status::Ok));
  CHECK(polled[0].ended(Status::Ok));  // on this occasion
  CHECK(polled[1].ended(Status::Ok));
  CHECK(ram->disk().poll() == 0);
}

TEST_CASE("what is polled for and not reaped is found by the timeout") {
  World world;
  RamDisk::Options options = timed(10'000);
  options.timeout_ns = 1'000'000;
  const auto ram = make_ram(options);
  TestBio polled(Op::Read, 0, {4096});
  polled.bio.flags = blk::bio_flag::kPolled;
  ram->disk().submit(polled.bio);
  pass(world, 999'999);
  CHECK(polled.ends == 0);
  pass(world, 1);
  CHECK(polled.ended(Status::Ok));
}

TEST_CASE("a request slower than the timeout ends with TimedOut, once") {
  World world;
  RamDisk::Options options = timed(10'000'000);
  options.timeout_ns = 1'000'000;
  const auto ram = make_ram(options);
  const auto read = start(ram->disk(), Op::Read, 0);
  pass(world, 3'000'000);
  CHECK(read->ended(Status::TimedOut));
  pass(world, 20'000'000);
  CHECK(read->ends == 1);
  CHECK(ram->disk().tag_set().in_flight() == 0);
}

TEST_CASE("of a request that ends at this moment the disk says that it looks after it") {
  // As if its time were over while it is carried out.
  struct Asks final : blk::RamLog {
    void carried_out(const Request& request) override {
      answer =
          ram->timeout(request.hw_queue(), *request.hw_queue().in_flight_request(request.tag()));
    }
    RamDisk* ram = nullptr;
    std::optional<blk::TimeoutResult> answer;
  };
  World world;
  Asks log;
  const auto ram = make_ram({.log = &log});
  log.ram = ram.get();
  fill(ram->disk(), 0, 512, 1);
  CHECK(log.answer == blk::TimeoutResult::Reset);
}

TEST_CASE("of a request that the timer has just ended it says the same") {
  World world;
  const auto ram = make_ram(timed(1'000));
  const auto read = start(ram->disk(), Op::Read, 0);
  blk::HwQueue& queue = *ram->disk().tag_set().hw_queues()[0];
  u32 tag = 0;
  while (queue.in_flight_request(tag) == nullptr) {
    REQUIRE(++tag < 16);
  }
  Request& request = *queue.in_flight_request(tag);
  pass(world, 1'000);
  REQUIRE(read->ended(Status::Ok));
  CHECK(ram->timeout(queue, request) == blk::TimeoutResult::Reset);
}

TEST_CASE("a request that began under a late one's tag meanwhile is not given up in its place") {
  World world;
  RamDisk::Options options = timed(900'000);
  options.timeout_ns = 1'000'000;
  options.shape = {.hw_queues = 1, .depth = 1};
  const auto ram = make_ram(options);
  const auto late = start(ram->disk(), Op::Read, 0);
  blk::HwQueue& queue = *ram->disk().tag_set().hw_queues()[0];
  Request& request = *queue.in_flight_request(0);
  pass(world, 900'000);
  REQUIRE(late->ended(Status::Ok));
  const auto next = start(ram->disk(), Op::Read, 8);
  REQUIRE(queue.in_flight_request(0) == &request);
  pass(world, 100'000);
  CHECK(ram->timeout(queue, request) == blk::TimeoutResult::Reset);
  pass(world, 800'000);
  CHECK(next->ended(Status::Ok));
}

TEST_CASE("a slow request that gets more time ends well") {
  World world;
  RamDisk::Options options = timed(2'500'000);
  options.timeout_ns = 1'000'000;
  options.on_timeout = RamDisk::OnTimeout::Extend;
  options.extensions = 10;
  const auto ram = make_ram(options);
  const auto read = start(ram->disk(), Op::Read, 0);
  for (int step = 0; step < 30; ++step) {
    pass(world, 100'000);
  }
  CHECK(read->ended(Status::Ok));
}

TEST_CASE("what was swallowed does not hold up what comes after it") {
  World world;
  RamDisk::Options options = timed(10'000);
  options.faults.rules[0] = {.when = blk::FaultRule::When::Nth, .number = 2, .swallow = true};
  const auto ram = make_ram(options);
  const auto first = start(ram->disk(), Op::Read, 0);
  const auto swallowed = start(ram->disk(), Op::Read, 100);
  const auto third = start(ram->disk(), Op::Read, 200);
  pass(world, 10'000);
  CHECK(first->ended(Status::Ok));
  CHECK(third->ended(Status::Ok));
  CHECK(swallowed->ends == 0);
  ram->remove();
  CHECK(swallowed->ended(Status::Removed));
}

TEST_CASE("removal ends what waits for its time, and the timer finds nothing") {
  World world;
  const auto ram = make_ram(timed(10'000));
  std::vector<std::unique_ptr<TestBio>> bios;
  for (u64 at = 0; at < 40; ++at) {
    bios.push_back(start(ram->disk(), Op::Read, at * 16));
  }
  ram->remove();
  world.settle();
  pass(world, 100'000);
  for (const auto& bio : bios) {
    CHECK(bio->ended(Status::Removed));
  }
}

}  // namespace
}  // namespace sluice::test
