// The packed ring's event areas: notifications and interrupts come exactly when they are asked for.
#include "packed_stand.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

using Order = referee::Knobs::Order;
constexpr u16 kEnable = 0, kDisable = 1, kAtDescriptor = 2;

}  // namespace

TEST_CASE("Without EVENT_IDX the device's event flags decide about notifications") {
  PackedStand stand(4);
  const std::array one{piece(1, 1, true)};
  CHECK_FALSE(stand.queue->publish());  // nothing new
  stand.set_device_event(0, kDisable);
  REQUIRE(stand.queue->add(one, 0));
  CHECK_FALSE(stand.queue->publish());
  stand.set_device_event(0, kEnable);
  REQUIRE(stand.queue->add(one, 1));
  CHECK(stand.queue->publish());
  stand.set_device_event(0, kAtDescriptor);  // has no meaning: rather too often than never
  REQUIRE(stand.queue->add(one, 2));
  CHECK(stand.queue->publish());
}

TEST_CASE("With EVENT_IDX the device may ask for every notification, or for none") {
  PackedStand stand(4, {.event_idx = true});
  const std::array one{piece(1, 1, true)};
  for (const u16 flags : {kEnable, kDisable, u16{3}}) {  // 3 is reserved
    stand.set_device_event(0x8003, flags);
    REQUIRE(stand.queue->add(one, 0));
    CHECK(stand.queue->publish() == (flags != kDisable));
  }
}

TEST_CASE("With EVENT_IDX a notification comes when the descriptor asked for is in the batch") {
  const u32 size = GENERATE(1u, 2u, 3u, 5u, 8u);
  const u32 batch = GENERATE_COPY(range(1u, size + 1));
  PackedStand stand(size, {.event_idx = true});
  const std::array one{piece(1, 1, true)};
  u32 next = 0;  // counted on and on
  for (u32 round = 0; round < 8 * size; ++round) {
    const u32 asked = (5 * round) % (2 * size);  // of two laps
    stand.set_device_event(static_cast<u16>(asked % size | (asked < size ? 0x8000 : 0)),
                           kAtDescriptor);
    bool wanted = false;
    for (u32 i = 0; i < batch; ++i) {
      REQUIRE(stand.queue->add(one, i));
      wanted = wanted || (next + i) % (2 * size) == asked;
    }
    CAPTURE(size, batch, round, asked);
    CHECK(stand.queue->publish() == wanted);
    for (u32 i = 0; i < batch; ++i, ++next) {
      stand.write_used(next % size, stand.id(next % size), 1,
                       next / size % 2 == 0 ? kBoth | kWrite : kWrite);
      REQUIRE(stand.take().has_value());
    }
  }
}

TEST_CASE("The packed interrupt asked for is never beyond what is in flight") {
  PackedStand stand(8, {.event_idx = true, .indirect = true});
  auto memory = *DmaBuffer::allocate(8 * 64, 16, ~u64{0});
  const auto add = [&](u32 token) {
    stand.queue->add_table(token, memory.bytes().data() + 64 * token, {});
  };
  const auto asked = [&](u32 place, bool wrap) {
    return stand.driver_event() == (place | (wrap ? 0x8000u : 0) | u32{kAtDescriptor} << 16);
  };
  for (u32 token = 0; token < 8; ++token) {
    stand.queue->prepare_table(token, {memory.bytes().data() + 64 * token, memory.bus(64 * token)},
                               piece(1, 16, false), piece(2, 1, true));
  }
  CHECK(stand.queue->enable_interrupts(100));
  CHECK(asked(0, true));  // nothing in flight: the first that comes
  for (u32 i = 0; i < 6; ++i) {
    add(i);
  }
  (void)stand.queue->publish();
  CHECK(stand.queue->enable_interrupts(100));
  CHECK(asked(5, true));  // the last
  CHECK(stand.queue->enable_interrupts(2));
  CHECK(asked(2, true));  // the third
  stand.write_used(0, 3, 1, kBoth | kWrite);
  stand.write_used(1, 1, 1, kBoth | kWrite);
  CHECK(stand.queue->enable_interrupts(2));        // two used, the third still interrupts
  CHECK_FALSE(stand.queue->enable_interrupts(1));  // the second has passed
  CHECK_FALSE(stand.queue->enable_interrupts(0));
  CHECK(stand.take()->token == 3);
  CHECK(stand.take()->token == 1);
  add(1);
  add(3);
  add(7);
  (void)stand.queue->publish();
  CHECK(stand.queue->enable_interrupts(100));
  CHECK(asked(0, false));  // in the next lap
}

TEST_CASE("A used list hides the place that an interrupt was asked for") {
  PackedStand stand(8, {.event_idx = true});
  const std::array one{piece(1, 1, true)};
  const std::array three{piece(1, 1, false), piece(2, 1, false), piece(3, 1, true)};
  REQUIRE(stand.queue->add(one, 0));
  (void)stand.queue->publish();
  stand.write_used(0, stand.id(0), 1, kBoth | kWrite);
  REQUIRE(stand.take().has_value());
  REQUIRE(stand.queue->add(three, 1));
  REQUIRE(stand.queue->add(three, 2));
  (void)stand.queue->publish();
  CHECK(stand.queue->enable_interrupts(1));
  CHECK(stand.driver_event() == (2 | 0x8000u | u32{kAtDescriptor} << 16));
  stand.write_used(1, stand.id(3), 1, kBoth | kWrite);  // stands for places 1, 2 and 3
  CHECK_FALSE(stand.queue->enable_interrupts(1));
}

TEST_CASE("Without EVENT_IDX packed interrupts are on or off") {
  PackedStand stand(8);
  const std::array one{piece(1, 1, true)};
  stand.queue->disable_interrupts();
  CHECK(stand.driver_event() == u32{kDisable} << 16);
  REQUIRE(stand.queue->add(one, 0));
  REQUIRE(stand.queue->add(one, 1));
  (void)stand.queue->publish();
  CHECK(stand.queue->enable_interrupts(1));
  CHECK(stand.driver_event() == u32{kEnable} << 16);
  stand.write_used(0, 0, 1, kBoth | kWrite);
  CHECK_FALSE(stand.queue->enable_interrupts(1));  // what came in between may not have interrupted
}

TEST_CASE("With EVENT_IDX disabled interrupts do not come, whatever was asked for before") {
  PackedStand stand(8, {.event_idx = true});
  Worker worker(stand, false);
  CHECK(stand.queue->enable_interrupts(0));
  stand.queue->disable_interrupts();
  for (u32 i = 0; i < 100; ++i) {
    REQUIRE(worker.add());
    worker.publish();
    stand.device().run();
    REQUIRE_FALSE(stand.interrupted());
    worker.take();
  }
}

TEST_CASE("A packed interrupt comes after as many buffers as were asked for, lists no later") {
  const u32 size = GENERATE(2u, 5u, 16u, 31u);
  const bool tables = GENERATE(false, true);
  const auto order = GENERATE(Order::Fifo, Order::Shuffled);
  CAPTURE(size, tables, static_cast<int>(order));
  PackedStand stand(size, {.event_idx = true, .indirect = tables});
  stand.device().knobs.order = order;
  stand.device().knobs.hold = true;
  Worker worker(stand, tables);
  for (u32 round = 0; round < 500; ++round) {
    const u32 more = 1 + worker.next_random() % size;
    for (u32 i = 0; i < more && worker.add(); ++i) {
    }
    worker.publish();
    stand.device().run();
    const u32 in_flight = stand.queue->in_flight();
    const u32 skip = worker.next_random() % (size + 2);
    REQUIRE(stand.queue->enable_interrupts(skip));
    const u32 most = std::min(skip, in_flight - 1) + 1;
    u32 completed = 0;
    bool interrupted = false;
    while (!interrupted) {
      REQUIRE(completed < most);
      stand.device().release();
      REQUIRE(stand.device().step());
      ++completed;
      interrupted = stand.interrupted();
    }
    if (tables) {
      REQUIRE(completed == most);
    }
    worker.take();
  }
}
