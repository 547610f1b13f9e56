// The request layer with threads as harts, under ThreadSanitizer: submission to shared queues and
// to queues of one's own, completions on other harts, flushes, disks that are frozen, scheduled
// otherwise, resized and removed under load. A lost wake-up shows as a time-out.
#include "tests/catch.hpp"

#include "block_fixture.hpp"

#include <sluice/drivers/block/ram_disk.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/timer.hpp>

using namespace sluice;
using blk::Disk;
using blk::RamDisk;
using blk::TagSet;
using test::Harts;
using test::ThreadedDevice;
using test::Worker;

namespace {

constexpr u32 kHarts = 4;
constexpr u8 kDurable = blk::bio_flag::kFua | blk::bio_flag::kPreflush;

std::unique_ptr<RamDisk> make_ram(RamDisk::Options options) {
  options.capacity_bytes = Worker::bytes_for(kHarts);
  options.latency_ns = 20'000;
  options.jitter_ns = 50'000;
  auto made = RamDisk::create(options);
  REQUIRE(made);
  return std::move(*made);
}

// A disk on a device with a thread of its own.
struct ThreadedDisk {
  explicit ThreadedDisk(TagSet::Shape shape, bool loses = false)
      : device(Worker::bytes_for(kHarts), loses),
        tags(std::move(*TagSet::create<ThreadedDevice::Payload>(device, shape))),
        disk(std::in_place, *tags, "thd", options(loses)) {
    REQUIRE(disk->add());
  }
  ~ThreadedDisk() {
    disk->remove();
    test::drain(*tags);
    disk.reset();
  }
  static Disk::Options options(bool loses) {
    return {.sectors = Worker::bytes_for(kHarts) / blk::kSectorBytes,
            .timeout_ns = loses ? u64{300'000} : Disk::kDefaultTimeoutNs};
  }
  ThreadedDevice device;
  std::unique_ptr<TagSet> tags;
  std::optional<Disk> disk;
};

// Every hart keeps bios on their way to `name`, as many as `bios`, or until the disk is gone; the
// first does `meanwhile`.
template <class Meanwhile>
void load(std::string_view name, u32 bios, Meanwhile meanwhile, u8 flags = kDurable) {
  std::atomic<u32> opened{0};
  Harts::on_each([&](u32 index) {
    if (index == 0) {
      wait_until([&] {
        port::relax();
        return opened.load() == kHarts - 1;
      });
      meanwhile();
      return;
    }
    blk::OpenDevice device;
    test::require(device.open(name).has_value(), "the disk is not there");
    opened.fetch_add(1);
    wake(hart(0));
    Worker(device, index, flags).run(bios);
  });
}

void load(std::string_view name, u32 bios) {
  load(name, bios, [] {});
}

}  // namespace

TEST_CASE("harts share the queues of a RAM disk that ends requests at once") {
  const Harts harts(kHarts);
  for (const u32 queues : {1u, 2u, 4u}) {
    const auto ram = make_ram({.shape = {.hw_queues = queues, .depth = 6}});
    load("ram0", 4000);
  }
}

TEST_CASE("harts share the queues of a RAM disk that ends requests later") {
  const Harts harts(kHarts);
  for (const u32 queues : {1u, 2u, 4u}) {
    const auto ram =
        make_ram({.shape = {.hw_queues = queues, .depth = 6}, .mode = RamDisk::Mode::Timer});
    load("ram0", 1500);
  }
}

TEST_CASE("harts share the queues of a device that interrupts anywhere") {
  const Harts harts(kHarts);
  for (const u32 queues : {1u, 3u, 4u}) {
    ThreadedDisk disk({.hw_queues = queues, .depth = 6});
    load("thd", 2000);
  }
}

TEST_CASE("flushes and durable writes of several harts") {
  const Harts harts(kHarts);
  for (const bool fua : {false, true}) {
    for (const RamDisk::Mode mode : {RamDisk::Mode::Inline, RamDisk::Mode::Timer}) {
      const auto ram = make_ram(
          {.shape = {.hw_queues = 2, .depth = 4}, .write_cache = true, .fua = fua, .mode = mode});
      load("ram0", 600);
    }
  }
}

TEST_CASE("schedulers serve several harts") {
  const Harts harts(kHarts);
  for (const std::string_view scheduler : {"mq-deadline", "kyber"}) {
    for (const u32 queues : {1u, 3u}) {
      ThreadedDisk disk({.hw_queues = queues, .depth = 6});
      REQUIRE(disk.disk->set_scheduler(scheduler));
      load("thd", 1000);
    }
  }
}

namespace {

void disturb(Disk& disk, u32 rounds, ThreadedDevice* device = nullptr) {
  const auto look = [&](bool frozen) {
    if (device != nullptr) {
      device->stands_still(&disk);
      std::this_thread::yield();
      test::require(!frozen || !device->has_some_of(disk), "a frozen disk has requests");
      device->stands_still(nullptr);
    }
  };
  for (u32 round = 0; round < rounds; ++round) {
    test::require(disk.set_scheduler(blk::scheduler_names()[round % 3]).has_value(),
                  "no scheduler");
    disk.freeze();
    look(true);
    disk.unfreeze();
    disk.quiesce();
    look(false);
    disk.resize(disk.sectors());
    disk.unquiesce();
    for (blk::HwQueue* const queue : disk.tag_set().hw_queues()) {
      queue->post_run();
    }
    run_pending_work();
  }
}

}  // namespace

TEST_CASE("disks are frozen, resized and scheduled otherwise under load") {
  const Harts harts(kHarts);
  for (const RamDisk::Mode mode : {RamDisk::Mode::Inline, RamDisk::Mode::Timer}) {
    const auto ram = make_ram({.shape = {.hw_queues = 2, .depth = 6}, .mode = mode});
    load("ram0", 1500, [&] { disturb(ram->disk(), 60); });
  }
  ThreadedDisk disk({.hw_queues = 2, .depth = 6});
  load("thd", 1500, [&] { disturb(*disk.disk, 60, &disk.device); });
}

TEST_CASE("a disk changes its scheduler while another on the same queues goes on") {
  const Harts harts(kHarts);
  ThreadedDisk first({.hw_queues = 2, .depth = 6});
  {
    Disk second(*first.tags, "other", ThreadedDisk::options(false));
    REQUIRE(second.add());
    load("thd", 1500, [&] { disturb(second, 60, &first.device); });
  }
}

TEST_CASE("a RAM disk that goes under load ends every bio exactly once") {
  const Harts harts(kHarts);
  for (u32 round = 0; round < 60; ++round) {
    auto ram = make_ram({.shape = {.hw_queues = 1 + round % 3, .depth = 6},
                         .write_cache = round % 2 == 0,
                         .mode = round % 4 < 2 ? RamDisk::Mode::Inline : RamDisk::Mode::Timer});
    REQUIRE(ram->disk().set_scheduler(blk::scheduler_names()[round / 4 % 3]));
    load("ram0", ~0u, [&] {
      Completion rings;
      Timer timer([](void* done) { static_cast<Completion*>(done)->complete(); }, &rings);
      timer.arm(clock::now_ns() + 1'000'000);
      rings.wait();
      ram.reset();
    });
  }
}

TEST_CASE("a RAM disk that goes after late requests and new schedulers has ended each bio once") {
  const Harts harts(kHarts);
  for (u32 round = 0; round < 30; ++round) {
    RamDisk::Options options{.shape = {.hw_queues = 1 + round % 3, .depth = 6},
                             .write_cache = round % 2 == 0,
                             .mode = round % 4 < 2 ? RamDisk::Mode::Inline : RamDisk::Mode::Timer,
                             .timeout_ns = 100'000,
                             .on_timeout = RamDisk::OnTimeout::Reset};
    options.faults.rules[0] = {.when = blk::FaultRule::When::OneIn, .number = 16, .swallow = true};
    auto ram = make_ram(options);
    load("ram0", ~0u, [&] {
      disturb(ram->disk(), round % 5);
      ram.reset();
    });
  }
}

TEST_CASE("a disk that goes under load leaves the other on the same queues alone") {
  const Harts harts(kHarts);
  for (u32 round = 0; round < 20; ++round) {
    ThreadedDisk disk({.hw_queues = 1 + round % 2, .depth = 6});
    std::optional<Disk> other(std::in_place, *disk.tags, "other", ThreadedDisk::options(false));
    REQUIRE(other->add());
    std::atomic<u32> begun{0};
    Harts::on_each([&](u32 index) {
      blk::OpenDevice device;
      test::require(device.open(index == 1 ? "other" : "thd").has_value(), "no disk");
      begun.fetch_add(1);
      wake(hart(0));
      if (index != 0) {
        Worker(device, index, 0).run(index == 1 ? ~0u : 500);
        return;
      }
      wait_until([&] { return begun.load() == kHarts; });
      other->remove();
    });
    test::drain(*disk.tags);
    other.reset();
  }
}

TEST_CASE("requests that a device loses are found again by their timeout") {
  const Harts harts(kHarts);
  ThreadedDisk disk({.hw_queues = 2, .depth = 6}, true);
  load("thd", 800, [&] { disturb(*disk.disk, 10, &disk.device); }, 0);
}

TEST_CASE("whoever asks what is in flight disturbs nobody") {
  const Harts harts(kHarts);
  ThreadedDisk disk({.hw_queues = 2, .depth = 6});
  u64 sum = 0;
  load("thd", 1000, [&] {
    for (u32 round = 0; round < 300; ++round) {
      for (const blk::HwQueue* const queue : disk.tags->hw_queues()) {
        queue->for_each_in_flight([&](const blk::Request& request, bool held_back) {
          sum += static_cast<u64>(request.op()) + request.sector().value() + request.bytes() +
                 request.submitted_ticks() + request.started_ticks() + (held_back ? 1 : 0);
        });
      }
      sum += disk.disk->totals(blk::Direction::Read).requests;
      sum += disk.disk->scheduler_name().size();
      run_pending_work();
    }
  });
  CHECK(sum > 0);
}
