// A virtio disk with several queues, on several harts.
#include <sluice/kernel/work.hpp>

#include "machine.hpp"
#include "tests/unit/base/log_lines.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Says on which hart it ended.
struct HartIo : Io {
  using Io::Io;
  static std::unique_ptr<HartIo> read(u64 sector) {
    auto io = std::make_unique<HartIo>(blk::Op::Read, sector, 4096);
    io->bio.end_io = [](blk::Bio& ended) {
      auto& self = static_cast<HartIo&>(*static_cast<Io*>(ended.context));
      ++self.ends;
      self.hart = port::this_hart().index;
      self.in = port::this_hart().context;
    };
    return io;
  }
  u32 hart = ~0u;
  Context in = Context::Task;
};
using HartIos = std::vector<std::unique_ptr<HartIo>>;

// `count` reads by each of `harts`, round and round; the one at index i is of hart i modulo harts.
HartIos submit_by_all(Machine& machine, u32 harts, u32 count) {
  HartIos ios;
  for (u32 i = 0; i < harts * count; ++i) {
    ios.push_back(HartIo::read(16 * i));
    machine.submit_as(i % harts, *ios.back());
  }
  return ios;
}

u64 requests_of_queue(Machine& machine, u32 queue) {
  const auto& requests = machine.disk.requests();
  return static_cast<u64>(std::count_if(requests.begin(), requests.end(), [&](const auto& request) {
    return request.queue == queue;
  }));
}

}  // namespace

// V15: completions of every queue are looked at.
TEST_CASE("Each hart submits to its own queue, where there are as many") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 4}, variant.setup(), {}, 4);
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.virtio_device()->queues().size() == 4);
  ios = submit_by_all(machine, 4, 10);
  for (u32 queue = 0; queue < 4; ++queue) {
    CHECK(machine.vda()->tag_set().hw_queues()[queue]->in_flight() == 10);
  }
  machine.world.settle();
  for (const auto& io : ios) {
    CHECK(io->ok());
    CHECK(io->holds_pattern());
  }
  for (u32 queue = 0; queue < 4; ++queue) {
    CHECK(requests_of_queue(machine, queue) == 10);
  }
}

TEST_CASE("An interrupt comes to one hart, and each queue's requests end on their own") {
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 4}, {}, {}, 4);
  machine.plug();
  REQUIRE(machine.world.controller.enabled_at(1) == &machine.world.hart_at(0));
  ios = submit_by_all(machine, 4, 3);
  machine.device().run();
  machine.world.deliver_to(0);
  for (u32 i = 0; i < ios.size(); ++i) {
    CHECK(ios[i]->done() == (i % 4 == 0));  // of the others their harts are told
  }
  for (u32 hart = 1; hart < 4; ++hart) {
    CHECK_FALSE(machine.world.hart_at(hart).work.empty());
  }
  machine.world.settle();
  for (u32 i = 0; i < ios.size(); ++i) {
    CHECK(ios[i]->ok());
    CHECK(ios[i]->hart == i % 4);
    CHECK(ios[i]->in == (i % 4 == 0 ? Context::Irq : Context::Work));
  }
}

TEST_CASE("A queue in which nothing has come back makes no work for its hart") {
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 4}, {}, {}, 4);
  machine.plug();
  ios.push_back(HartIo::read(0));
  machine.submit_as(2, *ios[0]);
  machine.device().run();
  machine.world.deliver_to(0);
  CHECK(machine.world.hart_at(1).work.empty());
  CHECK_FALSE(machine.world.hart_at(2).work.empty());
  CHECK(machine.world.hart_at(3).work.empty());
  machine.world.settle();
  CHECK(ios[0]->ok());
}

TEST_CASE("Harts share queues where there are fewer, and the first of them reaps") {
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 2}, {}, {}, 4);
  machine.plug();
  ios = submit_by_all(machine, 4, 5);
  machine.world.settle();
  for (u32 i = 0; i < ios.size(); ++i) {
    CHECK(ios[i]->ok());
    CHECK(ios[i]->hart == i % 2);
  }
  CHECK(requests_of_queue(machine, 0) == 10);
  CHECK(requests_of_queue(machine, 1) == 10);
}

TEST_CASE("No more queues are set up than there are harts, or than the driver can have") {
  HartIos ios;
  SECTION("more queues than harts") {
    Machine machine({.sectors = 8192, .queues = 8}, {}, {}, 2);
    machine.plug();
    CHECK(machine.virtio_device()->queues().size() == 2);
    CHECK(machine.log.has("2 queues"));
    ios = submit_by_all(machine, 2, 2);
    machine.world.settle();
    CHECK(requests_of_queue(machine, 0) == 2);
    CHECK(requests_of_queue(machine, 1) == 2);
  }
  SECTION("a number that is out of this world") {
    Machine machine({.sectors = 8192, .queues = 16, .num_queues = 65535}, {},
                    "virtio_blk.poll_queues=16", 8);
    machine.plug();
    REQUIRE(machine.vda() != nullptr);
    CHECK(machine.virtio_device()->queues().size() == virtio::Device::kMaxQueues);
  }
}

TEST_CASE("A number of queues that makes no sense is refused with its value") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  SECTION("none") {
    Machine machine({.num_queues = 0}, {.version = version}, {}, 2);
    machine.plug();
    CHECK(machine.vda() == nullptr);
    CHECK(machine.virtio_device()->state() == dev::State::Failed);
    CHECK(machine.log.has("num_queues is 0"));
  }
  SECTION("more than the device has") {
    Machine machine({.queues = 2, .num_queues = 4}, {.version = version}, {}, 4);
    machine.plug();
    CHECK(machine.vda() == nullptr);
    CHECK(machine.virtio_device()->state() != dev::State::Bound);
    CHECK(machine.log.has("queue 2"));
    CHECK(machine.log.has("QueueNumMax is 0"));
  }
}

TEST_CASE("Removal ends what every queue has in flight, once") {
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 4}, {}, {}, 4);
  machine.plug();
  machine.device().knobs.hold = true;
  ios = submit_by_all(machine, 4, 3);
  machine.world.settle();
  CHECK(machine.device().in_flight() == 12);
  machine.unplug();
  for (const auto& io : ios) {
    CHECK(io->done());
    CHECK(io->bio.status == blk::Status::Removed);
  }
}

TEST_CASE("What comes back while the device is taken out of service ends once") {
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 2}, {}, {}, 2);
  machine.plug();
  ios = submit_by_all(machine, 2, 2);
  machine.device().run();
  machine.world.deliver_to(
      0);  // hart 1 is told that its requests are done, and does not come to it
  CHECK_FALSE(ios[1]->done());
  machine.virtio_device()->break_down();
  SECTION("the reset comes first") {
    run_pending_work();
  }
  SECTION("the requests come first") {}
  machine.world.settle();
  for (const auto& io : ios) {
    CHECK(io->done());
  }
  CHECK(machine.vda()->tag_set().in_flight() == 0);
  CHECK(machine.world.arena.live_mappings() == 0);
}

TEST_CASE("A device that refuses to be set up again ends what is on all its queues") {
  HartIos ios;
  Machine machine({.sectors = 8192, .queues = 2}, {}, {}, 2);
  machine.plug();
  machine.device().knobs.hold = true;
  ios = submit_by_all(machine, 2, 2);
  machine.world.settle();
  machine.device().knobs.refuse_features = true;
  machine.device().break_down();
  machine.world.settle();
  for (const auto& io : ios) {
    CHECK(io->done());
    CHECK(io->bio.status == blk::Status::IoError);
  }
}

// --- Notifications ---

TEST_CASE("Each queue is notified once per batch, and the counts are the queues' own") {
  Ios ios;
  Machine machine({.sectors = 8192, .queues = 2}, {}, {}, 2);
  machine.plug();
  machine.device().knobs.hold = true;
  const auto batch = [&](u64 first) {
    List<blk::Bio> bios;
    for (u64 i = 0; i < 16; ++i) {
      ios.push_back(std::make_unique<Io>(blk::Op::Read, first + 16 * i, 4096));
      bios.push_back(ios.back()->bio);
    }
    machine.vda()->submit(bios);
  };
  batch(0);
  CHECK(machine.device().counters().notifications == 1);
  machine.world.run_as(1, [&] { batch(1000); });
  CHECK(machine.device().counters().notifications == 2);
  const blk::TagSet& tags = machine.vda()->tag_set();
  CHECK(tags.ops().notifications(*tags.hw_queues()[0]) == 1);
  CHECK(tags.ops().notifications(*tags.hw_queues()[1]) == 1);
  machine.device().knobs.hold = false;
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
}

TEST_CASE("One MiB after the other takes one request and one notification each") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 100'000, .seg_max = 30}, variant.setup());
  machine.plug();
  const auto& counters = machine.device().counters();
  for (u64 i = 0; i < 8; ++i) {
    Io io(blk::Op::Read, i * 2048, 1 << 20);
    CHECK(machine.run(io) == blk::Status::Ok);
    CHECK(counters.notifications == i + 1);
    CHECK(counters.chains == i + 1);
    CHECK(counters.interrupts == i + 1);
  }
}

TEST_CASE("Sixteen neighbours are one request, or sixteen with nomerges, and one notification") {
  const bool merges = GENERATE(true, false);
  Ios ios;
  Machine machine({.sectors = 8192, .seg_max = 32}, {}, merges ? "" : "nomerges=1");
  machine.plug();
  for (u64 i = 0; i < 16; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, 8 * i, 4096));
  }
  machine.submit(ios);
  CHECK(machine.device().counters().notifications == 1);
  machine.wait(ios);
  CHECK(machine.disk.requests().size() == (merges ? 1 : 16));
  CHECK(all_hold_pattern(ios));
}

TEST_CASE("A disk's interrupt follows the hart that uses the disk alone, and no other") {
  Machine machine({.sectors = 8192, .queues = 4}, {}, {}, 4);
  machine.plug();
  const auto interrupted = [&] { return machine.world.controller.enabled_at(1); };
  const auto read_by = [&](u32 harts, u32 first, u32 rounds) {
    for (u32 i = 0; i < rounds; ++i) {
      HartIos ios;
      for (u32 hart = first; hart < first + harts; ++hart) {
        ios.push_back(HartIo::read(16 * i));
        machine.submit_as(hart, *ios.back());
      }
      machine.world.settle();
      for (u32 at = 0; at < harts; ++at) {
        REQUIRE(ios[at]->ok());
        CHECK(ios[at]->hart == first + at);
      }
    }
  };
  read_by(1, 0, 200);
  CHECK(interrupted() == &machine.world.hart_at(0));
  read_by(1, 2, 200);
  CHECK(interrupted() == &machine.world.hart_at(2));
  read_by(3, 0, 300);  // several: it stays
  CHECK(interrupted() == &machine.world.hart_at(2));
  read_by(1, 0, 200);
  CHECK(interrupted() == &machine.world.hart_at(0));
}

TEST_CASE("A disk's interrupt stays where the controller does not reach the hart that uses it") {
  Machine machine({.sectors = 8192, .queues = 2}, {}, {}, 2);
  machine.world.controller.reached = 0b01;
  machine.plug();
  const LogLines lines;
  for (u32 i = 0; i < 500; ++i) {
    const auto io = HartIo::read(8 * i);
    machine.submit_as(1, *io);
    machine.world.settle();
    REQUIRE(io->ok());
  }
  CHECK(machine.world.controller.enabled_at(1) == &machine.world.hart_at(0));
  const std::string text = lines.text();
  const usize first = text.find("cannot interrupt hart 1");
  REQUIRE(first != std::string::npos);
  CHECK(text.find("cannot interrupt hart 1", first + 1) == std::string::npos);
}
