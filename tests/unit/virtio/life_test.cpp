// How a device comes into service and goes out of it.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

// V7: both words of the features, and nothing that was not meant.
TEST_CASE("Only features that are used are acknowledged") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.block_bytes = 512,
                   .seg_max = 4,
                   .size_max = 8192,
                   .config_wce = true,
                   .topology = true,
                   .queues = 4},
                  {.version = version,
                   .features = referee::kFeatureIndirect | referee::kFeatureEventIdx |
                               referee::kFeatureAnyLayout | referee::feature_bit(40)});
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  const u64 used = referee::kBlkSizeMax | referee::kBlkSegMax | referee::kBlkBlockSize |
                   referee::kBlkFlush | referee::kBlkTopology | referee::kBlkConfigWce |
                   referee::kBlkMultiQueue | referee::kFeatureIndirect | referee::kFeatureEventIdx;
  const u64 of_version = version == 1 ? referee::kFeatureAnyLayout : referee::kFeatureVersion1;
  CHECK(machine.device().accepted() == (used | of_version));
  CHECK(machine.virtio_device()->features() == (used | of_version));
}

TEST_CASE("A slot with nothing in it is no error") {
  Machine machine;
  referee::EmptySlot nothing;
  referee::SluiceDevice empty(machine.world, nothing,
                              {.base = PhysAddr(0x1000'2000), .irq_source = 2});
  machine.node.mmio[0].base = empty.base();
  REQUIRE(machine.platform.add_device(machine.node).has_value());
  CHECK(machine.node.state() != dev::State::Bound);
  CHECK(machine.node.reason() == "an empty slot");
  CHECK(machine.bus.devices().empty());
  CHECK(!machine.log.has("error"));
  CHECK(!machine.log.has("MagicValue"));
}

namespace {

// Registers that say what a test wants.
struct FixedRegisters final : MmioRegion {
  std::map<u64, u32> values;
  u64 length = 0x200;
  int writes = 0;
  u64 bytes() const override { return length; }
  u8 read8(u64) override { return 0; }
  u16 read16(u64) override { return 0; }
  u32 read32(u64 offset) override { return values[offset]; }
  void write8(u64, u8) override { ++writes; }
  void write16(u64, u16) override { ++writes; }
  void write32(u64, u32) override { ++writes; }
};

}  // namespace

TEST_CASE("What is no virtio-mmio device is refused with the value, and not touched") {
  Machine machine;
  FixedRegisters regs;
  machine.world.add_registers(PhysAddr(0x1000'3000), regs);
  machine.node.mmio[0].base = PhysAddr(0x1000'3000);
  SECTION("magic") {
    regs.values = {{0, 0x12345678}, {4, 2}, {8, 2}};
    REQUIRE(machine.platform.add_device(machine.node).has_value());
    CHECK(machine.log.has("MagicValue is 0x12345678"));
  }
  SECTION("version") {
    regs.values = {{0, referee::kMagic}, {4, 3}, {8, 2}};
    REQUIRE(machine.platform.add_device(machine.node).has_value());
    CHECK(machine.log.has("Version is 3"));
  }
  SECTION("too few registers") {
    regs.values = {{0, referee::kMagic}, {4, 2}, {8, 2}};
    regs.length = machine.node.mmio[0].bytes = 0x80;
    REQUIRE(machine.platform.add_device(machine.node).has_value());
    CHECK(machine.log.has("128 bytes of registers"));
  }
  CHECK(machine.node.state() == dev::State::Failed);
  CHECK(regs.writes == 0);
}

TEST_CASE("A device waits for its interrupt controller and for nothing else") {
  Machine machine;
  irq::remove_controller(machine.world.controller);
  REQUIRE(machine.platform.add_device(machine.node).has_value());
  CHECK(machine.node.state() == dev::State::Deferred);
  CHECK(machine.node.reason() == "waits for its interrupt controller");
  CHECK(machine.device().status() == 0);
  irq::add_controller(machine.world.controller);
  dev::retry_deferred();
  CHECK(machine.node.state() == dev::State::Bound);
  CHECK(machine.vda() != nullptr);
}

TEST_CASE("Features that the device then refuses end the probe") {
  Machine machine;
  machine.device().knobs.refuse_features = true;
  machine.plug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.virtio_device()->state() == dev::State::Failed);
  CHECK(machine.log.has("refuses the features"));
  CHECK((machine.device().status() & referee::kFailed) != 0);
  machine.device().knobs.refuse_features = false;
  CHECK(machine.bus.bind(*machine.virtio_device()).has_value());
  CHECK(machine.vda() != nullptr);
}

TEST_CASE("A version 2 device without VERSION_1 is refused") {
  Machine machine({}, {.version = 2, .withheld = referee::kFeatureVersion1});
  machine.plug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.log.has("without VERSION_1"));
}

TEST_CASE("A queue that there is not ends the probe") {
  Machine machine({}, {.queue_num_max = 0});
  machine.plug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.log.has("QueueNumMax is 0"));
}

TEST_CASE("A reset that takes several reads is waited for") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Ios ios;
  Machine machine({.sectors = 1024}, {.version = version});
  machine.device().knobs.reset_reads = 50;
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  machine.device().knobs.hold = true;
  ios.push_back(std::make_unique<Io>(blk::Op::Read, 0, 4096));
  machine.submit(ios);
  machine.world.settle();
  machine.unplug();
  CHECK(ios[0]->done());
  CHECK(ios[0]->bio.status == blk::Status::Removed);
}

// V5: header, status and data are nobody else's as long as the device may touch them.
TEST_CASE("A device that does not reset keeps what it was lent, and its bios end all the same") {
  Io io(blk::Op::Read, 0, 4096);
  auto* const machine = new Machine({.sectors = 1024});
  machine->plug();
  machine->device().knobs.hold = true;
  machine->submit(io);
  machine->world.settle();
  machine->device().knobs.reset_reads = ~std::uint32_t{0};
  machine->unplug();
  CHECK(io.done());
  CHECK(io.bio.status == blk::Status::Removed);
  CHECK(machine->log.has("not reset after 100000 reads: Status is 0xf"));
  CHECK(machine->log.has("the memory of queue 0 is never freed"));
  CHECK(machine->log.has("the memory of its requests is never freed"));
  CHECK(machine->world.arena.live() == 3);  // the ring, the slots, the data
  CHECK(machine->world.arena.live_mappings() == 1);
  CHECK_THROWS_WITH(delete machine, Catch::Matchers::ContainsSubstring("left over: 3"));
}

TEST_CASE("Removal with requests in flight ends each of them once") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;
  Machine machine({.sectors = 8192}, variant.setup(16));
  machine.plug();
  machine.device().knobs.hold = true;
  for (u64 i = 0; i < 40; ++i) {
    ios.push_back(std::make_unique<Io>(i % 2 ? blk::Op::Read : blk::Op::Write, i * 64, 4096, 2));
  }
  machine.submit(ios);
  machine.world.settle();
  machine.device().release(3);
  machine.device().step();
  machine.unplug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.device().status() == 0);
  for (const auto& io : ios) {
    CHECK(io->ends == 1);
  }
  CHECK(ios[39]->bio.status == blk::Status::Removed);
  CHECK(machine.world.arena.live() == 0);
}

// V10: whatever state the device was left in.
TEST_CASE("A device can be unbound and bound again by hand") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.sectors = 1024}, {.version = version});
  machine.plug();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(machine.bus.unbind(*machine.virtio_device()).has_value());
    CHECK(machine.vda() == nullptr);
    CHECK(machine.device().status() == 0);
    machine.device().raise_spurious();  // of a device that nobody drives
    machine.world.settle();
    REQUIRE(machine.bus.bind(*machine.virtio_device()).has_value());
    Io io(blk::Op::Read, 16, 4096);
    CHECK(machine.run(io) == blk::Status::Ok);
    CHECK(io.holds_pattern());
  }
}

TEST_CASE("A shutdown flushes what was written, and resets the device after it") {
  Machine machine({.sectors = 1024});
  machine.plug();
  Io io(blk::Op::Write, 8, 4096);
  REQUIRE(machine.run(io) == blk::Status::Ok);
  machine.device().before_access = [&](std::uint64_t offset, bool write) {
    if (write && offset == 0x70 && machine.disk.requests().size() < 2) {
      FAIL("reset before the flush");
    }
  };
  dev::shutdown_all();
  machine.device().before_access = {};
  REQUIRE(machine.disk.requests().size() == 2);
  CHECK(machine.disk.requests()[1].type == virtio::block::kTypeFlush);
  CHECK(machine.device().status() == 0);
}

TEST_CASE("A shutdown flushes zeroes that were written without data, too") {
  Machine machine({.sectors = 1024, .write_zeroes = referee::RangeLimits{}});
  machine.plug();
  REQUIRE(blk::write_zeroes(*machine.vda(), blk::Sector(8), 4096) == blk::Status::Ok);
  dev::shutdown_all();
  REQUIRE(machine.disk.requests().size() == 2);
  CHECK(machine.disk.requests()[1].type == virtio::block::kTypeFlush);
}

TEST_CASE("A shutdown flushes no disk that was only read, or has no cache, or is suspended") {
  const bool flush = GENERATE(true, false);
  Machine machine({.sectors = 1024, .flush = flush});
  machine.plug();
  Io io(flush ? blk::Op::Read : blk::Op::Write, 8, 4096);
  REQUIRE(machine.run(io) == blk::Status::Ok);
  dev::shutdown_all();
  CHECK(machine.disk.requests().size() == 1);
}

TEST_CASE("A disk is flushed before it is suspended, and not again when the machine goes down") {
  Machine machine({.sectors = 1024});
  machine.plug();
  Io io(blk::Op::Write, 8, 4096);
  REQUIRE(machine.run(io) == blk::Status::Ok);
  REQUIRE(dev::suspend_all());
  CHECK(machine.node.suspended());
  REQUIRE(machine.disk.requests().size() == 2);
  CHECK(machine.disk.requests()[1].type == virtio::block::kTypeFlush);
  dev::shutdown_all();
  CHECK(machine.disk.requests().size() == 2);
}

TEST_CASE(
    "A device that does not answer the last flush holds up the shutdown for 5 s, and is named") {
  Machine machine({.sectors = 1024});
  machine.plug();
  Io io(blk::Op::Write, 8, 4096);
  REQUIRE(machine.run(io) == blk::Status::Ok);
  machine.device().knobs.hold = true;
  const u64 before_ns = machine.world.now_ticks;
  dev::shutdown_all();
  CHECK(machine.world.now_ticks - before_ns >= virtio::BlockDisk::kLastFlushNs);
  CHECK(machine.world.now_ticks - before_ns < virtio::BlockDisk::kLastFlushNs + 1'000'000'000);
  CHECK(machine.device().status() == 0);
  CHECK(machine.log.has("vda: its cache is not flushed: no answer"));
}

TEST_CASE("A shutdown resets the device") {
  Machine machine;
  machine.plug();
  dev::shutdown_all();
  CHECK(machine.device().status() == 0);
  Io io(blk::Op::Read, 0, 512);
  CHECK(machine.run(io) == blk::Status::IoError);
}

TEST_CASE("Two disks are vda and vdb in the order of their slots") {
  Machine machine({.sectors = 100});
  referee::BlockDevice second({.sectors = 200});
  referee::SluiceDevice other(machine.world, second,
                              {.base = PhysAddr(0x1000'2000), .irq_source = 2});
  dev::Device node{"virtio-mmio1", nullptr};
  describe(node, {other.base(), referee::kRegisterBytes, other.irq_source()});
  machine.plug();
  REQUIRE(machine.platform.add_device(node).has_value());
  REQUIRE(blk::find("vdb") != nullptr);
  CHECK(blk::find("vda")->sectors() == 100);
  CHECK(blk::find("vdb")->sectors() == 200);
  CHECK(machine.bus.find_device("virtio1") != nullptr);
  machine.unplug();
  CHECK(blk::find("vdb") != nullptr);
  machine.platform.remove_device(node);
}

TEST_CASE("A probe that runs out of DMA memory gives everything back and says so") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.sectors = 1024}, {.version = version});
  usize allocations = 0;
  for (; machine.vda() == nullptr; ++allocations) {
    REQUIRE(allocations < 10);
    machine.unplug();
    CHECK(machine.world.arena.live() == 0);
    machine.world.arena.allocations_left = allocations;
    machine.plug();
    if (machine.vda() == nullptr) {
      CHECK(machine.virtio_device()->state() == dev::State::Failed);
      CHECK(machine.virtio_device()->reason() == "out of memory");
      CHECK((machine.device().status() & referee::kFailed) != 0);
      CHECK(machine.world.arena.live() == 0);
    }
  }
  CHECK(allocations == 3);  // fails with 0 and 1: the ring, the slots
  machine.world.arena.allocations_left = ~usize{0};
}

TEST_CASE("The ring is as large as asked for, and no larger than the device has") {
  struct Case {
    std::string words;
    std::uint16_t max;
    u32 size;
  };
  const auto given = GENERATE(values<Case>({{"", 1024, 256},
                                            {"", 128, 128},
                                            {"virtio_blk.queue_size=1024", 1024, 1024},
                                            {"virtio_blk.queue_size=300", 1024, 256},
                                            {"virtio_blk.queue_size=4", 1024, 4},
                                            {"virtio_blk.queue_size=3", 1024, 2},
                                            {"virtio_blk.queue_size=1", 1024, 256},
                                            {"virtio_blk.queue_size=5000", 1024, 256}}));
  INFO(given.words << " of " << given.max);
  Machine machine({}, {.queue_num_max = given.max}, given.words);
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.virtio_device()->queues()[0]->size() == given.size);
}
