// virtio-mmio's registers, beyond what a driver's life shows.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Registers as plain memory with a few habits.
struct PlainRegisters final : MmioRegion {
  std::map<u64, u32> values;
  std::vector<std::pair<u64, u32>> writes;
  u64 bytes() const override { return 0x200; }
  u8 read8(u64 offset) override { return static_cast<u8>(values[offset]); }
  u16 read16(u64 offset) override { return static_cast<u16>(values[offset]); }
  u32 read32(u64 offset) override { return values[offset]; }
  void write8(u64 offset, u8 value) override { write32(offset, value); }
  void write16(u64 offset, u16 value) override { write32(offset, value); }
  void write32(u64 offset, u32 value) override { writes.emplace_back(offset, value); }
};

}  // namespace

TEST_CASE("A queue that is in use already is left alone") {
  const auto version = GENERATE(as<u32>{}, 1, 2);
  LogText log;
  PlainRegisters regs;
  virtio::MmioTransport transport(regs, {version, 2}, "slot");
  regs.values[version == 1 ? 0x040 : 0x044] = 5;
  regs.values[0x034] = 256;
  CHECK(transport.queue_size_max(0).error() == Errc::Busy);
  CHECK(log.has("queue 0 is in use already"));
}

TEST_CASE("A legacy ring has a page number of 32 bits that is not 0") {
  LogText log;
  PlainRegisters regs;
  virtio::MmioTransport transport(regs, {1, 2}, "slot");
  CHECK(transport.dma_mask() == (u64{1} << 44) - 1);
  for (const u64 address : {u64{0}, u64{0x1800}, u64{1} << 44}) {
    virtio::QueuePlace place{.size = 8, .descriptors = BusAddr(address)};
    CHECK(transport.set_up_queue(0, place).error() == Errc::OutOfRange);
  }
  CHECK(regs.writes.empty());
  virtio::QueuePlace place{.size = 8, .descriptors = BusAddr((u64{1} << 44) - 4096)};
  CHECK(transport.set_up_queue(0, place).has_value());
  CHECK(regs.writes.back() == std::pair<u64, u32>{0x040, 0xffff'ffff});
}

TEST_CASE("A queue that does not stop is told") {
  LogText log;
  PlainRegisters regs;
  virtio::MmioTransport transport(regs, {2, 2}, "slot");
  CHECK(transport.tear_down_queue(3).has_value());
  regs.values[0x044] = 1;
  CHECK(transport.tear_down_queue(3).error() == Errc::Timeout);
  CHECK(log.has("queue 3 does not stop"));
}

TEST_CASE("A queue is taken down and set up again on a device that is not live yet") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  World world;
  referee::BlockDevice disk;
  referee::SluiceDevice slot(world, disk, {}, {.version = version});
  const auto identity = virtio::MmioTransport::identify(slot.registers, "slot");
  REQUIRE(identity.has_value());
  virtio::MmioTransport transport(slot.registers, *identity, "slot");
  REQUIRE(transport.reset().has_value());
  transport.set_status(1);
  transport.set_status(3);
  transport.set_driver_features(transport.device_features() &
                                (virtio::feature::kVersion1 | virtio::feature::kAnyLayout));
  if (version == 2) {
    transport.set_status(11);
    REQUIRE(transport.status() == 11);
  }
  auto queue = virtio::SplitQueue::create(transport, 0, 8, {}, "slot");
  REQUIRE(queue.has_value());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(transport.queue_size_max(0).has_value());
    REQUIRE(transport.set_up_queue(0, (*queue)->place()).has_value());
    CHECK(transport.queue_size_max(0).error() == Errc::Busy);
    REQUIRE(transport.tear_down_queue(0).has_value());
  }
  REQUIRE(transport.reset().has_value());
}
