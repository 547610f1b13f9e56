// The split ring alone, in front of a device of ten lines.
#include <map>
#include <set>

#include <sluice/drivers/virtio/split_queue.hpp>

#include "tests/catch.hpp"
#include "tests/model/wire.hpp"
#include "tests/port/world.hpp"

using namespace sluice;
using namespace sluice::test;
using virtio::SplitQueue;

namespace {

struct FakeTransport final : virtio::Transport {
  u32 device_id() const override { return 2; }
  bool legacy() const override { return false; }
  u64 dma_mask() const override { return ~u64{0}; }
  u32 used_alignment() const override { return 64; }
  u32 vectors() const override { return 1; }
  u32 status() override { return 0; }
  void set_status(u32) override {}
  Result<void> reset() override { return {}; }
  void begin_reset() override {}
  bool is_reset() override { return true; }
  u64 device_features() override { return 0; }
  void set_driver_features(u64) override {}
  u32 config_bytes() const override { return 0; }
  u32 config_read(u32, u32) override { return 0; }
  void config_write8(u32, u8) override {}
  u32 config_generation() override { return 0; }
  Result<u32> queue_size_max(u32) override { return 256; }
  Result<void> set_up_queue(u32, const virtio::QueuePlace&) override { return {}; }
  Result<void> tear_down_queue(u32) override { return {}; }
  virtio::Doorbell doorbell(u32 index) override { return {registers, {0}, index}; }
  u32 take_interrupts() override { return 0; }
  struct Registers final : MmioRegion {
    u64 bytes() const override { return 4; }
    u8 read8(u64) override { return 0; }
    u16 read16(u64) override { return 0; }
    u32 read32(u64) override { return 0; }
    void write8(u64, u8) override {}
    void write16(u64, u16) override {}
    void write32(u64, u32) override { ++notifications; }
    u32 notifications = 0;
  } registers;
};

// A ring and the device's view of it.
struct Ring {
  Ring(u32 size, SplitQueue::Options options)
      : queue(*SplitQueue::create(transport, 0, size, options, "ring")) {
    const virtio::QueuePlace place = queue->place();
    table = world.arena.at(place.descriptors.value(), 16 * size);
    available = world.arena.at(place.driver.value(), 6 + 2 * size);
    used = world.arena.at(place.device.value(), 6 + 8 * size);
  }
  u16 available_index() const { return referee::load<u16>(available, 2); }
  u16 available_head(u16 at) const {
    return referee::load<u16>(available, 4 + 2 * (at % queue->size()));
  }
  u16 used_event() const { return referee::load<u16>(available, 4 + 2 * queue->size()); }
  void set_avail_event(u16 value) { referee::store(used, 4 + 8 * queue->size(), value); }
  void set_no_notify(bool on) { referee::store(used, 0, static_cast<u16>(on ? 1 : 0)); }
  // The device uses a buffer. True: it would interrupt.
  bool use(u16 head, u32 bytes) {
    const std::size_t at = 4 + 8 * (used_index % queue->size());
    referee::store(used, at, static_cast<u32>(head));
    referee::store(used, at + 4, bytes);
    const bool asked = used_index == used_event();
    referee::store(used, 2, ++used_index);
    return asked;
  }
  std::optional<virtio::Used> take() {
    std::array<virtio::Used, 1> one{};
    return queue->take_used(one) == 1 ? std::optional(one[0]) : std::nullopt;
  }

  World world;
  FakeTransport transport;
  std::unique_ptr<SplitQueue> queue;
  std::span<std::byte> table, available, used;
  u16 used_index = 0;
};

dma::Mapping piece(u64 bus, u32 bytes, bool device_writes) {
  return {BusAddr(bus), nullptr, bytes,
          device_writes ? dma::Direction::FromDevice : dma::Direction::ToDevice};
}

}  // namespace

// V6: each piece is at a bus address of its own, and in one piece there.
TEST_CASE("A chain says where its pieces are, in order") {
  Ring ring(8, {});
  const std::array pieces{piece(0x1000, 16, false), piece(0x2000, 512, true),
                          piece(0x3000, 1, true)};
  REQUIRE(ring.queue->add(pieces, 77));
  CHECK(ring.available_index() == 0);  // not shown yet
  CHECK(ring.queue->publish());
  CHECK(ring.available_index() == 1);
  std::size_t at = ring.available_head(0);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto descriptor = ring.table.subspan(16 * at, 16);
    CHECK(referee::load<u64>(descriptor, 0) == pieces[i].bus.value());
    CHECK(referee::load<u32>(descriptor, 8) == pieces[i].bytes);
    const auto flags = referee::load<u16>(descriptor, 12);
    CHECK(flags == ((i > 0 ? 2 : 0) | (i < 2 ? 1 : 0)));
    at = referee::load<u16>(descriptor, 14);
  }
  ring.use(ring.available_head(0), 513);
  const auto used = ring.take();
  REQUIRE(used.has_value());
  CHECK(used->token == 77);
  CHECK(used->bytes == 513);
  CHECK(!ring.take());
}

TEST_CASE("A buffer is added as a whole or not at all") {
  Ring ring(4, {});
  const std::array three{piece(1, 1, false), piece(2, 2, false), piece(3, 3, true)};
  const std::array two{piece(4, 1, false), piece(5, 1, true)};
  REQUIRE(ring.queue->add(three, 0));
  CHECK(ring.queue->free_descriptors() == 1);
  CHECK(!ring.queue->add(two, 1));
  CHECK(ring.queue->free_descriptors() == 1);
  CHECK(ring.queue->publish());
  CHECK(ring.available_index() == 1);
  ring.use(ring.available_head(0), 0);
  REQUIRE(ring.take());
  CHECK(ring.queue->free_descriptors() == 4);
  CHECK(ring.queue->add(two, 1));
  CHECK(ring.queue->add(two, 2));
  CHECK(!ring.queue->add(two, 3));
}

TEST_CASE("Descriptors come back in any order, and none is in two chains") {
  Ring ring(16, {});
  std::map<u16, u32> in_flight;  // token by head
  u32 random = 1;
  u32 token = 0;
  u16 seen = 0;
  for (int round = 0; round < 5000; ++round) {
    random = random * 1664525 + 1013904223;
    std::vector<dma::Mapping> pieces;
    for (u32 i = 0; i <= (random >> 8) % 5; ++i) {
      pieces.push_back(piece(i, 1, false));
    }
    if (ring.queue->add(pieces, token)) {
      (void)ring.queue->publish();
      REQUIRE(in_flight.emplace(ring.available_head(seen++), token++).second);
    } else {
      auto victim = in_flight.begin();
      std::advance(victim, (random >> 20) % in_flight.size());
      ring.use(victim->first, 0);
      const auto used = ring.take();
      REQUIRE(used.has_value());
      REQUIRE(used->token == victim->second);
      in_flight.erase(victim);
    }
  }
  CHECK(!ring.queue->broken());
}

TEST_CASE("An unpublished buffer cannot come back") {
  Ring ring(4, {});
  const std::array one{piece(1, 1, true)};
  REQUIRE(ring.queue->add(one, 0));
  CHECK(ring.queue->publish());
  REQUIRE(ring.queue->add(one, 1));  // head 1, not shown
  ring.use(1, 0);
  CHECK(!ring.take());
  CHECK(ring.queue->broken());
  CHECK(!ring.queue->add(one, 2));
}

TEST_CASE("A buffer may stay in flight while any number of others come and go") {
  Ring ring(4, {});
  const std::array one{piece(1, 1, true)};
  REQUIRE(ring.queue->add(one, 1000));
  (void)ring.queue->publish();
  const u16 slow = ring.available_head(0);
  const auto others = GENERATE(1u, 3u, 4u, 5u, 32'767u, 65'534u, 65'535u, 65'536u, 70'000u);
  u16 index = 1;
  for (u32 i = 0; i < others; ++i) {
    REQUIRE(ring.queue->add(one, i & 0xff));
    (void)ring.queue->publish();
    ring.use(ring.available_head(index++), 1);
    REQUIRE(ring.take().has_value());
  }
  REQUIRE(ring.queue->add(one, 5));  // not shown while the slow one comes back
  ring.use(slow, 1);
  const auto used = ring.take();
  REQUIRE(used.has_value());
  CHECK(used->token == 1000);
}

TEST_CASE("Without EVENT_IDX the device's flag decides about notifications") {
  Ring ring(4, {});
  const std::array one{piece(1, 1, true)};
  CHECK(!ring.queue->publish());  // nothing new
  ring.set_no_notify(true);
  REQUIRE(ring.queue->add(one, 0));
  CHECK(!ring.queue->publish());
  ring.set_no_notify(false);
  REQUIRE(ring.queue->add(one, 1));
  CHECK(ring.queue->publish());
}

TEST_CASE(
    "With EVENT_IDX notifications and interrupts come exactly when asked for, around the wrap") {
  Ring ring(8, {.event_idx = true});
  const std::array one{piece(1, 1, true)};
  u16 index = 0;
  for (u32 round = 0; round < 66'000; ++round) {
    // The device wants to hear of the second of each three.
    const bool wanted = round % 3 == 1;
    ring.set_avail_event(static_cast<u16>(wanted ? index : index + 5));
    REQUIRE(ring.queue->add(one, round & 0xffff));
    REQUIRE(ring.queue->publish() == wanted);
    REQUIRE(ring.available_index() == ++index);
    REQUIRE(ring.queue->enable_interrupts(0));
    REQUIRE(ring.use(ring.available_head(static_cast<u16>(index - 1)), 1));
    const auto used = ring.take();
    REQUIRE(used.has_value());
    REQUIRE(used->token == (round & 0xffff));
  }
}

TEST_CASE("The interrupt asked for is never beyond what is in flight") {
  Ring ring(8, {.event_idx = true});
  const std::array one{piece(1, 1, true)};
  CHECK(ring.queue->enable_interrupts(100));
  CHECK(ring.used_event() == 0);  // nothing in flight: the first that comes
  for (u32 i = 0; i < 6; ++i) {
    REQUIRE(ring.queue->add(one, i));
  }
  (void)ring.queue->publish();
  CHECK(ring.queue->enable_interrupts(100));
  CHECK(ring.used_event() == 5);  // the last
  CHECK(ring.queue->enable_interrupts(2));
  CHECK(ring.used_event() == 2);  // the third
  ring.use(0, 1);
  ring.use(1, 1);
  CHECK(ring.queue->enable_interrupts(2));   // two used, the third still interrupts
  CHECK(!ring.queue->enable_interrupts(1));  // the second has passed
  CHECK(!ring.queue->enable_interrupts(0));
}

TEST_CASE("Without EVENT_IDX interrupts are on or off") {
  Ring ring(8, {});
  const std::array one{piece(1, 1, true)};
  ring.queue->disable_interrupts();
  CHECK(referee::load<u16>(ring.available, 0) == 1);
  REQUIRE(ring.queue->add(one, 0));
  REQUIRE(ring.queue->add(one, 1));
  (void)ring.queue->publish();
  CHECK(ring.queue->enable_interrupts(1));
  CHECK(referee::load<u16>(ring.available, 0) == 0);
  ring.use(0, 1);
  CHECK(!ring.queue->enable_interrupts(1));  // what came in between may not have interrupted
}

TEST_CASE("A table describes its middle and keeps its ends") {
  Ring ring(2, {.indirect = true});
  auto memory = *DmaBuffer::allocate(virtio::Table::bytes(4), 16, ~u64{0});
  const virtio::Table table{memory.bytes().data(), memory.bus()};
  ring.queue->prepare_table(1, table, piece(0xa000, 16, false), piece(0xb000, 1, true));
  for (const u32 middle : {2u, 0u, 1u}) {
    std::vector<dma::Mapping> pieces;
    for (u32 i = 0; i < middle; ++i) {
      pieces.push_back(piece(0xc000 + i, 512, true));
    }
    ring.queue->add_table(1, table.data, pieces);
    (void)ring.queue->publish();
    const u16 head = ring.available_head(static_cast<u16>(ring.available_index() - 1));
    CHECK(head == 1);
    const auto outer = ring.table.subspan(16u * head, 16);
    CHECK(referee::load<u64>(outer, 0) == memory.bus().value());
    const u32 entries = std::max(middle, 1u) + 2;  // without a middle the last is there once more
    CHECK(referee::load<u32>(outer, 8) == 16 * entries);
    CHECK(referee::load<u16>(outer, 12) == 4);
    std::vector<u64> order;
    for (std::size_t at = 0;;) {
      const auto entry = memory.bytes().subspan(16 * at, 16);
      order.push_back(referee::load<u64>(entry, 0));
      if ((referee::load<u16>(entry, 12) & 1) == 0) {
        break;
      }
      at = referee::load<u16>(entry, 14);
      REQUIRE(at < entries);
      REQUIRE(order.size() < 5);
    }
    CHECK(order.front() == 0xa000);
    CHECK(order.back() == 0xb000);
    CHECK(order.size() == middle + 2);
    ring.use(head, middle * 512 + 1);  // all that it was lent, and no more
    const auto used = ring.take();
    REQUIRE(used.has_value());
    CHECK(used->token == 1);
  }
}
