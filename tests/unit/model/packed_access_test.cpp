// The packed ring by hand, descriptor by descriptor: what a driver may do, what no mistake of the
// tiny driver comes to, and what the device writes.
#include "bench.hpp"
#include "tests/catch.hpp"
#include "tests/model/packed_queue.hpp"
#include "tiny_wire.hpp"

using namespace tiny;

namespace {

// A ring of `size`, the event areas behind it, and a page of buffers; no driver but the test.
struct ByHand {
  explicit ByHand(std::uint16_t queue_size, std::uint64_t features = kIndirect)
      : size(queue_size),
        memory(world),
        rings(*world.arena.allocate(std::size_t{16} * size + 8, 16, ~std::uint64_t{0})),
        buffers(*world.arena.allocate(4096, 16, ~std::uint64_t{0})),
        queue(0,
              {.size = size,
               .desc = rings.bus.value(),
               .avail = rings.bus.value() + std::uint64_t{16} * size,
               .used = rings.bus.value() + std::uint64_t{16} * size + 4,
               .packed = true},
              memory, judge) {
    judge.mode = referee::Judge::Mode::Collect;
    std::fill_n(rings.data, rings.bytes, std::byte{0});
    std::fill_n(buffers.data, buffers.bytes, std::byte{0});
    queue.negotiated({.features = features | kRingPacked});
    REQUIRE(queue.check_place());
  }
  ByHand(const ByHand&) = delete;
  ~ByHand() {
    world.arena.free(rings);
    world.arena.free(buffers);
  }

  std::byte* at(std::size_t place) { return rings.data + 16 * place; }
  void describe(std::size_t place, std::uint16_t id, int flags) {
    poke(at(place), buffers.bus.value());
    poke(at(place) + 8, std::uint32_t{64});
    poke(at(place) + 12, id);
    poke(at(place) + 14, static_cast<std::uint16_t>(flags));
  }
  void set_driver_event(std::uint16_t place, std::uint16_t flags) {
    poke(rings.data + std::size_t{16} * size, place);
    poke(rings.data + std::size_t{16} * size + 2, flags);
  }
  // A buffer of `count` descriptors from `place` on, which must not pass the ring's end.
  referee::Chain publish_and_take(std::size_t place, std::uint16_t id, std::size_t count,
                                  int marks) {
    for (std::size_t i = count; i-- > 0;) {
      describe(place + i, id, marks | kWrite | (i + 1 < count ? kNext : 0));
    }
    REQUIRE(queue.available() == 1);
    const auto chain = queue.take();
    REQUIRE(chain.has_value());
    CHECK(chain->id == id);
    CHECK(chain->segments.size() == count);
    return *chain;
  }
  std::string named() {
    std::string ids;
    for (const referee::Verdict& verdict : judge.verdicts()) {
      ids += (ids.empty() ? "" : " ") + std::string(verdict.rule->id);
    }
    judge.clear();
    return ids;
  }

  std::uint16_t size;
  sluice::test::World world;
  referee::SluiceMemory memory;
  referee::Judge judge;
  sluice::port::DmaBlock rings, buffers;
  referee::PackedQueue queue;
};

}  // namespace

TEST_CASE("A list of as many descriptors as the ring has is taken, one that goes on is too long") {
  for (const bool endless : {false, true}) {
    ByHand ring(3);
    for (std::uint16_t i = 0; i < 3; ++i) {
      ring.describe(i, 0, kAvail | (i < 2 || endless ? kNext : 0));
    }
    CHECK(ring.queue.available() == 1);
    CHECK(ring.queue.take().has_value() == !endless);
    CHECK(ring.named() == (endless ? "packed.too_long" : ""));
  }
}

TEST_CASE("A list that goes on into the descriptors of a buffer in flight has no room") {
  ByHand ring(3);
  ring.publish_and_take(0, 0, 1, kAvail);
  ring.describe(1, 1, kAvail | kNext);
  ring.describe(2, 1, kAvail | kNext);
  CHECK(ring.queue.available() == 1);
  CHECK_FALSE(ring.queue.take().has_value());
  CHECK(ring.named() == "packed.no_room");
}

TEST_CASE("A list over the ring's end with one and the same wrap counter is packed.wrap") {
  ByHand ring(3);
  const referee::Chain first = ring.publish_and_take(0, 0, 2, kAvail);
  ring.queue.put({{&first, 64}});
  ring.describe(0, 1, kAvail | kWrite);
  ring.describe(2, 1, kAvail | kNext);
  CHECK(ring.queue.available() == 1);
  CHECK_FALSE(ring.queue.take().has_value());
  CHECK(ring.named() == "packed.wrap");
}

TEST_CASE("The flags of the lap before, left in the ring, make nothing available") {
  ByHand ring(3);
  const referee::Chain first = ring.publish_and_take(0, 0, 3, kAvail);
  ring.queue.put({{&first, 64}});  // places 1 and 2 keep AVAIL
  CHECK(ring.queue.check_live());
  CHECK(ring.queue.available() == 0);
  // A driver that prepares what it has not made available yet changes all but the flags.
  poke(ring.at(0), std::uint64_t{1});
  poke(ring.at(1) + 8, std::uint32_t{1});
  CHECK(ring.queue.check_live());
  CHECK(ring.queue.available() == 0);
  ring.publish_and_take(0, 1, 2, kUsed);
  CHECK(ring.named() == "");
}

TEST_CASE("A descriptor changed between available and taken is packed.entry_changed") {
  ByHand ring(4);
  ring.describe(0, 0, kAvail);
  CHECK(ring.queue.available() == 1);
  ring.describe(0, 1, kAvail);
  CHECK(ring.queue.check_live());
  CHECK(ring.named() == "packed.entry_changed");
  CHECK(ring.queue.check_live());
  CHECK(ring.named() == "");
}

TEST_CASE("A packed ring that is not zero is queue.not_zeroed") {
  ByHand ring(4);
  poke(ring.at(3) + 14, kAvail);
  CHECK_FALSE(ring.queue.check_place());
  CHECK(ring.named() == "queue.not_zeroed");
}

TEST_CASE("All reserved bits of the driver's event flags are judged") {
  ByHand ring(4);
  const referee::Chain chain = ring.publish_and_take(0, 0, 1, kAvail);
  ring.set_driver_event(0, 0x8000);
  CHECK(ring.queue.put({{&chain, 0}}));
  CHECK(ring.named() == "packed.event_reserved");
}

TEST_CASE("In a table every flag but WRITE is judged") {
  for (const std::uint16_t flags : {kAvail, kUsed, kNext, kTable}) {
    ByHand ring(4);
    poke(ring.buffers.data, ring.buffers.bus.value() + 2048);
    poke(ring.buffers.data + 8, std::uint32_t{16});
    poke(ring.buffers.data + 14, flags);
    ring.describe(0, 0, kAvail | kTable);
    CHECK(ring.queue.available() == 1);
    CHECK_FALSE(ring.queue.take().has_value());
    CHECK(ring.named() == "packed.table_flags");
  }
}

TEST_CASE("Used descriptors come in the order of completion and skip what the buffer had") {
  ByHand ring(6);
  const referee::Chain slow = ring.publish_and_take(0, 7, 1, kAvail);
  const referee::Chain quick = ring.publish_and_take(1, 9, 3, kAvail);
  CHECK(ring.queue.put({{&quick, 64}}));
  CHECK(peek<std::uint16_t>(ring.at(0) + 12) == 9);
  CHECK(peek<std::uint32_t>(ring.at(0) + 8) == 64);
  CHECK(peek<std::uint16_t>(ring.at(0) + 14) == (kAvail | kUsed | kWrite));
  // The first three descriptors are the driver's again, although the slow buffer was described by
  // one of them; the fourth is not.
  ring.describe(0, 0, 0);
  ring.describe(2, 0, 0);
  CHECK(ring.queue.check_live());
  CHECK(ring.named() == "");
  ring.describe(3, 0, 0);
  CHECK(ring.queue.check_live());
  CHECK(ring.named() == "packed.entry_changed");
  CHECK(ring.queue.put({{&slow, 0}}));
  CHECK(peek<std::uint16_t>(ring.at(3) + 12) == 7);
  CHECK(peek<std::uint16_t>(ring.at(3) + 14) == (kAvail | kUsed));  // nothing was written
}

TEST_CASE("In the next lap used descriptors have neither AVAIL nor USED") {
  ByHand ring(3);
  for (std::uint16_t lap = 0; lap < 4; ++lap) {
    const bool wrap = lap % 2 == 0;
    const referee::Chain chain = ring.publish_and_take(0, lap, 3, wrap ? kAvail : kUsed);
    CHECK(ring.queue.put({{&chain, 1}}));
    CHECK(peek<std::uint16_t>(ring.at(0) + 14) == (wrap ? kAvail | kUsed | kWrite : kWrite));
  }
  CHECK(ring.named() == "");
}

TEST_CASE("An event for one descriptor comes when it is used, in its lap, also within a list") {
  constexpr std::uint16_t kSize = 5;
  for (std::uint16_t asked = 0; asked < 2 * kSize; ++asked) {
    ByHand ring(kSize, kEventIdx);
    const bool asked_wrap = asked < kSize;
    ring.set_driver_event(static_cast<std::uint16_t>(asked % kSize | (asked_wrap ? 0x8000 : 0)), 2);
    // Buffers of 2, 3, 2 and 3 descriptors fill two laps.
    std::uint16_t place = 0;
    for (const std::uint16_t count : std::array<std::uint16_t, 4>{2, 3, 2, 3}) {
      const referee::Chain chain =
          ring.publish_and_take(place % kSize, 0, count, place < kSize ? kAvail : kUsed);
      const bool passes = place <= asked && asked < place + count;
      CAPTURE(asked, place, count);
      CHECK(ring.queue.put({{&chain, 1}}) == passes);
      place = static_cast<std::uint16_t>(place + count);
    }
    CHECK(ring.named() == "");
  }
}

TEST_CASE("With IN_ORDER one used descriptor tells of a batch, by its last buffer") {
  ByHand ring(6, kInOrder);
  const referee::Chain first = ring.publish_and_take(0, 4, 2, kAvail);
  const referee::Chain second = ring.publish_and_take(2, 5, 3, kAvail);
  ring.queue.put({{&first, 1}, {&second, 3}});
  CHECK(peek<std::uint16_t>(ring.at(0) + 12) == 5);
  CHECK(peek<std::uint32_t>(ring.at(0) + 8) == 3);
  CHECK((peek<std::uint16_t>(ring.at(2) + 14) & kUsed) == 0);
  const referee::Chain third = ring.publish_and_take(5, 4, 1, kAvail);
  ring.queue.put({{&third, 1}});
  CHECK((peek<std::uint16_t>(ring.at(5) + 14) & kUsed) != 0);
}
