// Devices that break the rules of the packed ring: nothing is believed, and it is told with the
// values.
#include "machine.hpp"
#include "packed_stand.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

// Four buffers of one descriptor with 64 bytes to write are in flight, a fifth is not shown yet.
struct HostileStand : PackedStand {
  explicit HostileStand(bool use_tables) : PackedStand(8, {.indirect = use_tables}) {
    tables = use_tables;
    for (u32 token = 0; token < 8 && tables; ++token) {
      queue->prepare_table(token, {memory.bytes().data() + 64 * token, memory.bus(64 * token)},
                           piece(1, 16, false), piece(2, 4, true));
    }
    for (u32 token = 0; token < 5; ++token) {
      if (token == 4) {
        (void)queue->publish();
      }
      add(token);
    }
  }
  void add(u32 token) {
    const std::array one{piece(0x1000, tables ? 60 : 64, true)};
    if (tables) {
      queue->add_table(token, memory.bytes().data() + 64 * token, one);
    } else {
      REQUIRE(queue->add(one, token));
    }
  }
  // Nothing is taken, neither way, and the log says why; nor is it later.
  void check_broken(std::string_view said) {
    if (tables) {
      virtio::PackedTableCursor cursor(*queue, queue->size());
      usize token = 0;
      CHECK_FALSE(cursor.look(token));
    }
    CHECK_FALSE(take());
    CHECK(queue->broken());
    INFO(LogText::text());
    CHECK(log.count(said) == 1);
    write_used(0, 0, 64, kBoth | kWrite);
    CHECK_FALSE(take());
    if (tables) {
      virtio::PackedTableCursor cursor(*queue, queue->size());
      usize token = 0;
      CHECK_FALSE(cursor.look(token));
    } else {
      const std::array one{piece(1, 1, true)};
      CHECK_FALSE(queue->add(one, 9));
    }
  }

  LogText log;
  bool tables;
  DmaBuffer memory = *DmaBuffer::allocate(1024, 16, ~u64{0});
};

}  // namespace

TEST_CASE("A used descriptor that lies breaks the packed queue, and is told") {
  HostileStand stand(GENERATE(false, true));
  SECTION("an id beyond the ring") {
    stand.write_used(0, 8, 1, kBoth | kWrite);
    stand.check_broken("descriptor 0 tells of 1 bytes in buffer 8, which is beyond the ring");
  }
  SECTION("an id far beyond the ring") {
    stand.write_used(0, 0xffff, 1, kBoth | kWrite);
    stand.check_broken("bytes in buffer 65535, which is beyond the ring");
  }
  SECTION("an id that was never given out") {
    stand.write_used(0, 7, 1, kBoth | kWrite);
    stand.check_broken("in buffer 7, which is not in flight");
  }
  SECTION("an id of a buffer that is not published") {
    stand.write_used(0, 4, 1, kBoth | kWrite);
    stand.check_broken("in buffer 4, which is not in flight");
  }
  SECTION("the same buffer twice") {
    stand.write_used(0, 2, 64, kBoth | kWrite);
    REQUIRE(stand.take()->token == 2);
    stand.write_used(1, 2, 64, kBoth | kWrite);
    stand.check_broken("descriptor 1 tells of 64 bytes in buffer 2, which is not in flight");
  }
  SECTION("more bytes than it was lent") {
    stand.write_used(0, 3, 65, kBoth | kWrite);
    stand.check_broken("tells of 65 bytes in buffer 3, which has less to write");
  }
  SECTION("far more bytes than it was lent") {
    stand.write_used(0, 3, 0xffff'ffff, kBoth | kWrite);
    stand.check_broken("tells of 4294967295 bytes in buffer 3, which has less to write");
  }
  SECTION("all buffers, and one more") {
    for (u16 i = 0; i < 4; ++i) {
      stand.write_used(i, i, 64, kBoth | kWrite);
      REQUIRE(stand.take()->token == i);
    }
    stand.write_used(4, 0, 64, kBoth | kWrite);
    stand.check_broken("descriptor 4 tells of 64 bytes in buffer 0, which is not in flight");
  }
}

TEST_CASE("Flags that flap make nothing used but what they say when they are read") {
  HostileStand stand(GENERATE(false, true));
  const u16 available = stand.flags(0);
  for (const u16 flags : {u16{kUsed | kWrite}, u16{kAvail | kWrite}, u16{kWrite}, available}) {
    stand.write_used(0, 0, 64, flags);
    CHECK_FALSE(stand.queue->has_used());
    CHECK_FALSE(stand.take());
    CHECK(stand.queue->enable_interrupts(0));
  }
  stand.write_used(0, 0, 64, kBoth);
  CHECK(stand.queue->has_used());
  CHECK_FALSE(stand.queue->enable_interrupts(0));
  stand.write_used(0, 0, 64, available);  // thought better of it
  CHECK_FALSE(stand.take());
  stand.write_used(0, 0, 64, kBoth);
  CHECK(stand.take()->token == 0);
  stand.write_used(0, 0, 64, available);  // too late
  CHECK_FALSE(stand.take());
  CHECK_FALSE(stand.queue->broken());
  CHECK(stand.queue->in_flight() == 3);
}

TEST_CASE("A used descriptor anywhere but at the next place is not looked at") {
  HostileStand stand(GENERATE(false, true));
  for (u16 place = 1; place < 8; ++place) {
    stand.write_used(place, 0xffff, 0xffff'ffff, kBoth | kWrite);
  }
  CHECK_FALSE(stand.take());
  CHECK_FALSE(stand.queue->broken());
}

TEST_CASE("Without WRITE a length beyond what was lent means nothing") {
  HostileStand stand(GENERATE(false, true));
  stand.write_used(0, 1, 0xdead'beef, kBoth);
  const auto reserved = stand.take();
  REQUIRE(reserved.has_value());
  CHECK(reserved->token == 1);
  CHECK(reserved->bytes == 0);
  stand.write_used(1, 3, 64, kBoth);  // QEMU never sets it
  CHECK(stand.take()->bytes == 64);
}

TEST_CASE("An event place beyond the packed ring is asked for in vain") {
  PackedStand stand(5, {.event_idx = true});
  const std::array one{piece(1, 1, true)};
  for (const u16 place : {u16{5}, u16{0x7fff}, u16{0x8005}, u16{0xffff}}) {
    stand.set_device_event(place, 2);
    REQUIRE(stand.queue->add(one, 0));
    CHECK_FALSE(stand.queue->publish());
  }
}
