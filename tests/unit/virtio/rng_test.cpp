// The entropy driver: what it makes of a device's answers, good, short, late and false ones, and
// how it comes and goes. The transport, the ring, the bus and the referee are the disk's.
#include <sluice/drivers/virtio/rng.hpp>
#include <sluice/kernel/entropy.hpp>

#include "machine.hpp"
#include "tests/model/entropy_device.hpp"

using namespace sluice;
using namespace sluice::test;
using virtio::RngDriver;

namespace {

using Bytes = std::vector<std::byte>;

// What is behind the slot: a World and an entropy device.
struct EntropySlot {
  EntropySlot(const referee::Setup& setup, u32 harts)
      : world(harts), slot(world, source, {}, setup) {}

  LogText log;
  World world;
  referee::EntropyDevice source;
  referee::SluiceDevice slot;
};

struct RngMachine : EntropySlot, DriverStack<RngDriver> {
  explicit RngMachine(const referee::Setup& setup = {}, u32 harts = 1)
      : EntropySlot(setup, harts),
        DriverStack({slot.base(), referee::kRegisterBytes, slot.irq_source()}) {}
  RngMachine& plug() {
    REQUIRE(DriverStack::plug().has_value());
    return *this;
  }

  referee::MmioDevice& device() { return slot.device; }
  virtio::Device& virtio_device() { return *DriverStack::virtio_device(); }
  bool bound() { return virtio_device().state() == dev::State::Bound; }
  Result<Bytes> read(usize most_bytes) {
    Bytes bytes(most_bytes);
    const Result<usize> count = RngDriver::read(virtio_device(), bytes);
    if (!count) {
      return fail(count.error());
    }
    bytes.resize(*count);
    return bytes;
  }
  // The last bytes that the device gave.
  Bytes last_given(usize bytes) const {
    REQUIRE(source.given().size() >= bytes);
    return {source.given().end() - static_cast<std::ptrdiff_t>(bytes), source.given().end()};
  }

  // Does it read so many bytes, and are they those that the device gives?
  bool reads(usize bytes) {
    const Result<Bytes> read = this->read(bytes);
    return read.has_value() && *read == last_given(bytes);
  }
};

std::uint32_t any_version() {
  return GENERATE(as<std::uint32_t>{}, 1, 2);
}

void check_out_of_service(RngMachine& machine) {
  while (run_pending_work()) {
  }
  CHECK(machine.log.count("virtio0: out of service") == 1);
  CHECK(machine.device().status() == 0);
  CHECK(machine.read(8).error() == Errc::Io);
}

// A device that is well again can be bound again.
void check_comes_back(RngMachine& machine) {
  REQUIRE(machine.bus.unbind(machine.virtio_device()).has_value());
  REQUIRE(machine.bus.bind(machine.virtio_device()).has_value());
  CHECK(machine.reads(8));
}

}  // namespace

// --- Into service -------------------------------------------------------------------------------

TEST_CASE("An entropy device is bound with what the ring uses, and gives the pool its share") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  RngMachine machine(variant.setup());
  const u64 added = entropy::bytes_added();
  machine.plug();
  CHECK(machine.bound());
  CHECK(machine.device().accepted() ==
        ((variant.event_idx ? referee::kFeatureEventIdx : 0) |
         (variant.packed ? referee::kFeatureRingPacked : 0) |
         (variant.version == 1 ? referee::kFeatureAnyLayout : referee::kFeatureVersion1)));
  REQUIRE(machine.virtio_device().queues().size() == 1);
  CHECK(entropy::bytes_added() == added + RngDriver::kPoolBytes);
  CHECK(machine.source.given().size() == RngDriver::kPoolBytes);
  CHECK(machine.log.has("virtio0: 32 bytes of entropy, " + std::to_string(added + 32) + " in all"));
  std::array<char, 256> text;
  BufferSink sink(text);
  machine.virtio_device().describe(sink);
  CHECK(sink.text().starts_with("type: 4 (entropy)\n"));
}

TEST_CASE("An entropy device serves beside a disk") {
  referee::EntropyDevice source;
  Machine machine({.sectors = 64});
  RngDriver driver;
  machine.bus.add_driver(driver);
  {
    referee::SluiceDevice slot(machine.world, source,
                               {.base = PhysAddr(0x1000'2000), .irq_source = 2});
    dev::Device node{"virtio-mmio1", nullptr};
    describe(node, {slot.base(), referee::kRegisterBytes, slot.irq_source()});
    REQUIRE(machine.platform.add_device(node).has_value());
    machine.plug();
    Io io(blk::Op::Read, 8, 4096);
    CHECK(machine.run(io) == blk::Status::Ok);
    CHECK(io.holds_pattern());
    std::array<std::byte, 8> bytes;
    CHECK(RngDriver::read(*machine.bus.find_device("virtio0"), bytes) == bytes.size());
    machine.platform.remove_device(node);
  }
  machine.bus.remove_driver(driver);
}

TEST_CASE("A probe of an entropy device that runs out of DMA memory gives everything back") {
  RngMachine machine({.version = any_version()});
  for (usize allocations = 0; allocations < 2; ++allocations) {  // the buffer, the ring
    machine.world.arena.allocations_left = allocations;
    machine.plug();
    CHECK(machine.virtio_device().reason() == "out of memory");
    CHECK((machine.device().status() & referee::kFailed) != 0);
    CHECK(machine.world.arena.live() == 0);
    machine.unplug();
  }
  machine.world.arena.allocations_left = 2;
  machine.plug();
  CHECK(machine.bound());
  machine.world.arena.allocations_left = ~usize{0};
}

// --- Answers ------------------------------------------------------------------------------------

TEST_CASE("Random bytes are what the device wrote, and differ from read to read") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  Bytes all;
  for (const usize bytes : {1U, 31U, 64U, 65U, 200U}) {
    const Result<Bytes> read = machine.read(bytes);
    REQUIRE(read.has_value());
    CHECK(*read == machine.last_given(bytes));
    CHECK(std::search(all.begin(), all.end(), read->begin(), read->end()) ==
          (bytes > 1 ? all.end() : all.begin()));
    all.insert(all.end(), read->begin(), read->end());
  }
  CHECK(machine.read(0) == Bytes{});
}

TEST_CASE("Short answers are put together") {
  const auto most_bytes = GENERATE(as<std::uint32_t>{}, 1, 7, 63);
  RngMachine machine({.version = any_version()});
  machine.source.most_bytes = most_bytes;
  machine.plug();
  CHECK(machine.log.has("virtio0: 32 bytes of entropy"));
  CHECK(machine.reads(100));
}

TEST_CASE("Of an answer only what the device says that it wrote counts") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  machine.source.lies = 4;  // of the 8 that it writes
  const Result<Bytes> read = machine.read(8);
  REQUIRE(machine.source.requests().size() == 3);
  CHECK(machine.source.requests()[2].asked_bytes == 4);
  const Bytes given = machine.last_given(12);
  Bytes counted(given.begin(), given.begin() + 4);
  counted.insert(counted.end(), given.begin() + 8, given.end());
  CHECK(read == counted);
}

TEST_CASE("An answer of no bytes is none") {
  RngMachine machine({.version = any_version()});
  machine.source.most_bytes = 0;
  machine.plug();
  CHECK(machine.bound());
  CHECK(machine.log.has("virtio0: no entropy from it: I/O error"));
  CHECK(machine.source.requests().size() == 1);
  machine.source.most_bytes = 8;
  CHECK(machine.reads(8));
}

TEST_CASE("What came before the device broke a rule is not lost") {
  RngMachine machine;
  machine.source.most_bytes = 20;
  machine.plug();
  const usize before = machine.source.requests().size();
  machine.device().before_access = [&](std::uint64_t offset, bool is_write) {
    if (is_write && offset == referee::kQueueNotify &&
        machine.source.requests().size() == before + 2) {
      machine.source.most_bytes = 0;
    }
  };
  CHECK(machine.read(64)->size() == 40);
}

TEST_CASE("An interrupt that another hart handles wakes the reader") {
  RngMachine machine({}, 2);
  machine.plug();
  REQUIRE(irq::set_affinity(machine.world.controller.phandle(), machine.slot.irq_source(), hart(1))
              .has_value());
  CHECK(machine.reads(8));
}

TEST_CASE("An interrupt without an answer changes nothing") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  machine.device().raise_spurious();
  machine.world.settle();
  machine.device().knobs.always_interrupt = true;
  CHECK(machine.reads(100));
}

// --- Late answers -------------------------------------------------------------------------------

TEST_CASE("A device that does not answer is waited for once, and not for longer than a second") {
  RngMachine machine({.version = any_version()});
  machine.device().knobs.hold = true;
  const u64 start = machine.world.now_ticks;
  machine.plug();
  CHECK(machine.world.now_ticks - start == RngDriver::kTimeoutNs);
  CHECK(machine.bound());
  CHECK(machine.log.has("virtio0: no entropy from it: timed out"));
  CHECK(machine.read(8).error() == Errc::Timeout);
  CHECK(machine.world.now_ticks - start == 2 * RngDriver::kTimeoutNs);
  CHECK(machine.device().counters().chains == 1);  // the same buffer
}

TEST_CASE("A late answer is for who asks next") {
  RngMachine machine({.version = any_version()});
  machine.device().knobs.hold = true;
  machine.plug();
  SECTION("while nobody waits") {
    machine.device().release();
    machine.world.settle();
  }
  SECTION("while somebody waits again") {
    machine.device().release();
  }
  const Result<Bytes> read = machine.read(8);
  REQUIRE(machine.source.requests().size() == 1);
  CHECK(read == Bytes(machine.source.given().begin(), machine.source.given().begin() + 8));
  CHECK(machine.read(8).error() == Errc::Timeout);
}

TEST_CASE("What came before a device fell silent is not lost") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  machine.source.most_bytes = 10;
  machine.device().knobs.hold = true;
  machine.device().release(2);
  const Result<Bytes> read = machine.read(64);
  CHECK(read == machine.last_given(20));
}

// --- Devices that lie or break ------------------------------------------------------------------

TEST_CASE("A device that says it wrote more than it was lent goes out of service") {
  RngMachine machine;
  machine.plug();
  const auto lie = GENERATE(as<std::uint32_t>{}, 9, 0x8000'0000, 0xffff'ffff);
  machine.source.lies = lie;
  CHECK(machine.read(8).error() == Errc::Io);
  CHECK(machine.log.has("tells of " + std::to_string(lie) + " bytes in descriptor 0"));
  check_out_of_service(machine);
  machine.source.lies.reset();
  check_comes_back(machine);
}

TEST_CASE("A legacy device may get the used length wrong, and no more is taken than was lent") {
  RngMachine machine({.version = 1});
  machine.plug();
  machine.source.lies = 0xffff'ffff;
  CHECK(machine.reads(8));
}

TEST_CASE("A buffer that never was out comes back from no honest device") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  const auto* queue = static_cast<virtio::SplitQueue*>(machine.virtio_device().queues()[0].get());
  const u64 used = queue->place().device.value();
  const auto id = GENERATE(as<std::uint32_t>{}, 1, 7, 8, 0xffff'ffff);
  machine.device().knobs.hold = true;
  machine.device().judge.tolerate("split.used_written");
  machine.world.steps.emplace_back([&, once = false]() mutable {
    if (std::exchange(once, true)) {
      return false;
    }
    // After the answer for the pool, behind the referee's back.
    const auto ring = machine.world.arena.at(used, 4 + 8 * queue->size());
    referee::store(ring, 12, id);
    referee::store(ring, 16, std::uint32_t{4});
    referee::store(ring, 2, std::uint16_t{2});
    machine.device().raise_spurious();
    return true;
  });
  CHECK(machine.read(8).error() == Errc::Io);
  CHECK(machine.log.has("tells of 4 bytes in descriptor " + std::to_string(id)));
  check_out_of_service(machine);
}

TEST_CASE("A device that breaks down ends the wait, and can be bound again") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  machine.device().knobs.hold = true;
  const u64 start = machine.world.now_ticks;
  machine.world.steps.emplace_back([&, once = false]() mutable {
    if (std::exchange(once, true)) {
      return false;
    }
    machine.device().break_down();
    return true;
  });
  CHECK(machine.read(8).error() == Errc::Io);
  CHECK(machine.world.now_ticks == start);
  check_out_of_service(machine);
  machine.device().knobs.hold = false;
  check_comes_back(machine);
}

// --- Out of service -----------------------------------------------------------------------------

TEST_CASE("An entropy device goes while it still has a buffer") {
  RngMachine machine({.version = any_version()});
  machine.device().knobs.hold = true;
  machine.device().knobs.reset_reads = GENERATE(as<std::uint32_t>{}, 0, 50);
  machine.plug();
  REQUIRE(machine.device().in_flight() == 1);
  machine.unplug();
  CHECK(machine.device().status() == 0);
  CHECK(machine.world.arena.live() == 0);
}

TEST_CASE("An entropy device that does not reset keeps its buffer") {
  auto* const machine = new RngMachine;
  machine->device().knobs.hold = true;
  machine->plug();
  machine->device().knobs.reset_reads = ~std::uint32_t{0};
  machine->unplug();
  CHECK(machine->log.has("its buffer is never freed"));
  CHECK(machine->world.arena.live() == 2);  // the ring, the buffer
  CHECK_THROWS_WITH(delete machine, Catch::Matchers::ContainsSubstring("left over: 2"));
}

TEST_CASE("A frozen entropy device is not asked") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  const u64 notifications = machine.device().counters().notifications;
  REQUIRE(machine.bus.suspend(machine.virtio_device()).has_value());
  CHECK(machine.read(8).error() == Errc::Busy);
  CHECK(machine.device().counters().notifications == notifications);
  REQUIRE(machine.bus.resume(machine.virtio_device()).has_value());
  CHECK(machine.reads(8));
}

TEST_CASE("An entropy device that is frozen with a buffer gives it back, and is asked anew") {
  RngMachine machine({.version = any_version()});
  machine.device().knobs.hold = true;
  machine.plug();
  CHECK(machine.device().counters().chains == 1);
  REQUIRE(machine.bus.suspend(machine.virtio_device()).has_value());
  CHECK(machine.device().status() == 0);
  machine.device().knobs.hold = false;
  REQUIRE(machine.bus.resume(machine.virtio_device()).has_value());
  CHECK(machine.reads(32));
}

TEST_CASE("An entropy device that is out of service cannot be frozen") {
  RngMachine machine;
  machine.plug();
  machine.device().break_down();
  machine.world.settle();
  CHECK(machine.bus.suspend(machine.virtio_device()).error() == Errc::Io);
  CHECK(machine.bus.resume(machine.virtio_device()).error() == Errc::Invalid);
  CHECK(machine.read(8).error() == Errc::Io);
}

TEST_CASE("A shutdown resets the entropy device, and nothing is asked of it any more") {
  RngMachine machine({.version = any_version()});
  machine.plug();
  dev::shutdown_all();
  CHECK(machine.device().status() == 0);
  CHECK(machine.read(8).error() == Errc::Io);
}
