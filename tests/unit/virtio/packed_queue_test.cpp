// The packed ring: what it writes, and that a strict device and it get along, whatever its size.
#include "packed_stand.hpp"

using namespace sluice;
using namespace sluice::test;
using Order = referee::Knobs::Order;

namespace {

// Reads and writes until `total` buffers came back. With interrupts buffers are taken only where
// there is one, so that none may be missing.
void work(PackedStand& stand, Worker& worker, u64 total, bool interrupts) {
  auto& queue = *stand.queue;
  const auto serve = [&] {
    do {
      worker.take();
    } while (!queue.enable_interrupts(worker.next_random() % 4));
  };
  if (interrupts) {
    serve();
  } else {
    queue.disable_interrupts();
  }
  while (worker.taken < total) {
    stand.device().knobs.completions_per_step = 1 + worker.next_random() % 4;
    for (u32 i = worker.next_random() % (queue.size() + 1); i > 0 && worker.add(); --i) {
      if (worker.next_random() % 8 == 0) {
        worker.publish();
      }
    }
    worker.publish();
    must(queue.in_flight() == worker.added - worker.taken, "a wrong count of what is in flight");
    bool moved = true;
    for (u32 i = worker.next_random() % (3 * queue.size()); i > 0 && moved; --i) {
      moved = stand.device().step();
    }
    const bool interrupted = stand.interrupted();
    if (!interrupts) {
      must(!interrupted, "an interrupt that was not asked for");
      worker.take();
    } else if (interrupted) {
      serve();
    } else {
      // The device has completed all that it was given, if it stands still.
      must(moved || queue.in_flight() == 0, "a lost interrupt");
    }
  }
}

}  // namespace

TEST_CASE("A strict device and the packed ring get along, whatever its size") {
  const u32 size = GENERATE(1u, 2u, 3u, 5u, 256u, 1024u);
  const bool tables = GENERATE(false, true);
  const bool event_idx = GENERATE(false, true);
  const bool interrupts = GENERATE(false, true);
  const auto order = GENERATE(Order::Fifo, Order::Lifo, Order::Shuffled);
  if (tables && size < 2) {
    return;  // a table has two pieces at least, and no more than the ring has
  }
  if (size > 100 && !(order == Order::Shuffled && interrupts && event_idx)) {
    return;  // the referee looks at all that is in flight at each step
  }
  CAPTURE(size, tables, event_idx, interrupts, static_cast<int>(order));
  PackedStand stand(size, {.event_idx = event_idx, .indirect = tables});
  stand.device().knobs.order = order;
  Worker worker(stand, tables, size);
  work(stand, worker, size > 100 ? 3 * size : 500 + 20 * size, interrupts);
  CHECK(stand.device().counters().needless_notifications == 0);
  CHECK((stand.device().counters().indirect_chains != 0) == tables);
  CHECK_FALSE(stand.queue->broken());
}

TEST_CASE("The packed ring goes round for 70000 buffers in any order") {
  const auto [size, tables, order] =
      GENERATE(table<u32, bool, Order>({{5, false, Order::Fifo},
                                        {5, false, Order::Lifo},
                                        {5, false, Order::Shuffled},
                                        {3, true, Order::Shuffled}}));
  CAPTURE(size, tables, static_cast<int>(order));
  PackedStand stand(size, {.event_idx = true, .indirect = tables});
  stand.device().knobs.order = order;
  Worker worker(stand, tables);
  work(stand, worker, 70'000, true);
  CHECK(stand.device().counters().completions >= 70'000);
}

TEST_CASE("A packed buffer may stay in flight while any number of others come and go") {
  const auto [tables, others] = GENERATE(table<bool, u32>({{false, 70'000}, {true, 1'000}}));
  PackedStand stand(7, {.indirect = tables});
  stand.device().knobs.hold = true;
  Worker worker(stand, tables);
  REQUIRE(worker.add());
  worker.publish();
  stand.device().run();
  for (u32 i = 0; i < others; ++i) {
    must(worker.add(), "no room for a second buffer");
    worker.publish();
    stand.device().run();
    must(stand.device().complete(1), "the second buffer was not taken");
    worker.take();
  }
  REQUIRE(worker.add());  // not shown while the slow one comes back
  CHECK(stand.device().complete(0));
  worker.take();
  CHECK(worker.taken == others + 1);
}

// --- What it writes ------------------------------------------------------------------------------

TEST_CASE("A list says where its pieces are, and is available when it is whole and published") {
  PackedStand stand(4);
  const std::array pieces{piece(0x1000, 16, false), piece(0x2000, 512, true),
                          piece(0x3000, 1, true)};
  REQUIRE(stand.queue->add(pieces, 77));
  CHECK(stand.flags(0) == 0);  // not shown yet
  CHECK(stand.queue->publish());
  for (u32 i = 0; i < pieces.size(); ++i) {
    CHECK(stand.addr(i) == pieces[i].bus.value());
    CHECK(stand.bytes(i) == pieces[i].bytes);
    CHECK(stand.flags(i) == (kAvail | (i > 0 ? kWrite : 0) | (i < 2 ? kNext : 0)));
  }
  CHECK(stand.queue->in_flight() == 1);
  CHECK(stand.queue->free_descriptors() == 1);
  stand.write_used(0, stand.id(2), 513, kBoth | kWrite);
  CHECK(stand.queue->has_used());
  const auto used = stand.take();
  REQUIRE(used.has_value());
  CHECK(used->token == 77);
  CHECK(used->bytes == 513);
  CHECK_FALSE(stand.queue->has_used());
  CHECK_FALSE(stand.take());
  // Over the ring's end, where the wrap counter changes.
  REQUIRE(stand.queue->add(pieces, 78));
  CHECK(stand.flags(0) == (kUsed | kNext | kWrite));
  CHECK(stand.flags(1) == (kUsed | kWrite));
  CHECK(stand.flags(3) == 0);
  CHECK(stand.queue->publish());
  CHECK(stand.flags(3) == (kAvail | kNext));
  stand.write_used(3, stand.id(1), 0, kBoth);
  CHECK(stand.take()->token == 78);
  REQUIRE(stand.queue->add(pieces, 79));
  (void)stand.queue->publish();
  stand.write_used(2, stand.id(0), 0, 0);  // used in this lap
  CHECK(stand.take()->token == 79);
}

TEST_CASE("A batch is shown by its first descriptor") {
  PackedStand stand(8);
  const std::array one{piece(1, 1, true)};
  const std::array two{piece(2, 1, false), piece(3, 1, true)};
  REQUIRE(stand.queue->add(two, 0));
  REQUIRE(stand.queue->add(one, 1));
  REQUIRE(stand.queue->add(two, 2));
  CHECK(stand.flags(0) == 0);
  for (const u32 place : {1u, 2u, 3u, 4u}) {
    CHECK((stand.flags(place) & kBoth) == kAvail);
  }
  CHECK(stand.device().run() == 0);  // the device sees nothing
  CHECK(stand.queue->in_flight() == 0);
  CHECK(stand.queue->publish());
  CHECK((stand.flags(0) & kBoth) == kAvail);
  CHECK(stand.queue->in_flight() == 3);
  CHECK_FALSE(stand.queue->publish());  // nothing new
}

TEST_CASE("A packed buffer is added as a whole or not at all") {
  PackedStand stand(4);
  const std::array three{piece(1, 1, false), piece(2, 2, false), piece(3, 3, true)};
  const std::array two{piece(4, 1, false), piece(5, 1, true)};
  REQUIRE(stand.queue->add(three, 0));
  CHECK(stand.queue->free_descriptors() == 1);
  CHECK_FALSE(stand.queue->add(two, 1));
  CHECK(stand.queue->free_descriptors() == 1);
  CHECK(stand.flags(3) == 0);
  CHECK(stand.queue->publish());
  stand.write_used(0, stand.id(2), 0, kBoth);
  REQUIRE(stand.take());
  CHECK(stand.queue->free_descriptors() == 4);
  CHECK(stand.queue->add(two, 1));
  CHECK(stand.queue->add(two, 2));
  CHECK_FALSE(stand.queue->add(two, 3));
}

TEST_CASE("A packed table has its pieces one after the other") {
  PackedStand stand(5, {.indirect = true});
  auto memory = *DmaBuffer::allocate(virtio::Table::bytes(4), 16, ~u64{0});
  const virtio::Table table{memory.bytes().data(), memory.bus()};
  stand.queue->prepare_table(3, table, piece(0xa000, 16, false), piece(0xb000, 1, true));
  u32 place = 0;
  for (const u32 middle : {2u, 0u, 1u, 1u, 2u}) {
    std::vector<dma::Mapping> pieces;
    for (u32 i = 0; i < middle; ++i) {
      pieces.push_back(piece(0xc000 + i, 512, i % 2 == 0));
    }
    stand.queue->add_table(3, table.data, pieces);
    CHECK(stand.queue->publish());
    CHECK(stand.addr(place) == memory.bus().value());
    CHECK(stand.bytes(place) == 16 * (middle + 2));
    CHECK(stand.id(place) == 3);
    CHECK(stand.flags(place) == (kAvail | kIndirect));
    pieces.insert(pieces.begin(), piece(0xa000, 16, false));
    pieces.push_back(piece(0xb000, 1, true));
    u32 lent = 0;
    for (u32 i = 0; i < pieces.size(); ++i) {
      const auto entry = memory.bytes().subspan(16 * i, 16);
      CHECK(referee::load<u64>(entry, 0) == pieces[i].bus.value());
      CHECK(referee::load<u32>(entry, 8) == pieces[i].bytes);
      const bool writes = pieces[i].direction == dma::Direction::FromDevice;
      CHECK(referee::load<u32>(entry, 12) == (writes ? u32{kWrite} << 16 : 0));
      lent += writes ? pieces[i].bytes : 0;
    }
    stand.write_used(place++, 3, lent, kBoth | kWrite);  // all that it was lent, and no more
    const auto used = stand.take();
    REQUIRE(used.has_value());
    CHECK(used->token == 3);
    CHECK(used->bytes == lent);
  }
}

TEST_CASE("A batch of tables with one piece in the middle is what add_table makes") {
  PackedStand stand(3, {.indirect = true});
  auto memory = *DmaBuffer::allocate(1024, 16, ~u64{0});
  const auto table = [&](u32 token) { return memory.bytes().data() + 64 * token; };
  for (u32 token = 0; token < 3; ++token) {
    stand.queue->prepare_table(token, {table(token), memory.bus(64 * token)},
                               {memory.bus(512), nullptr, 16, dma::Direction::ToDevice},
                               {memory.bus(600 + token), nullptr, 1, dma::Direction::FromDevice});
  }
  stand.queue->add_table(1, table(1), {});  // its last piece moves afterwards
  CHECK(stand.queue->publish());
  stand.queue->notify();
  stand.device().run();
  CHECK(stand.take()->token == 1);
  stand.device().knobs.order = Order::Lifo;
  stand.device().knobs.hold = true;
  for (u32 round = 0; round < 10; ++round) {
    {
      virtio::PackedTableBatch batch(*stand.queue);
      batch.add(2, table(2), memory.bus(700), 50, dma::Direction::FromDevice);
      batch.add(0, table(0), memory.bus(800), 30, dma::Direction::ToDevice);
      batch.add(1, table(1), memory.bus(900), 20, dma::Direction::FromDevice);
    }
    CHECK(stand.queue->publish());
    stand.queue->notify();
    stand.device().run();
    CHECK(stand.device().in_flight() == 3);
    stand.device().release(2);
    stand.device().run();
    std::vector<usize> tokens;
    const auto take_all = [&] {
      virtio::PackedTableCursor cursor(*stand.queue, stand.queue->size());
      for (usize token = 0; cursor.look(token);) {
        cursor.take();
        tokens.push_back(token);
      }
    };
    take_all();
    CHECK(tokens == std::vector<usize>{1, 0});
    CHECK(stand.queue->in_flight() == 1);
    stand.device().release(1);
    stand.device().run();
    take_all();
    CHECK(tokens == std::vector<usize>{1, 0, 2});
    CHECK(stand.queue->in_flight() == 0);
  }
  CHECK(stand.device().counters().completions == 31);
}

TEST_CASE("A packed queue that gets no memory says so") {
  PackedStand stand(4);
  stand.world.arena.allocations_left = 0;
  CHECK(virtio::PackedQueue::create(stand.transport, 0, 4, {}, "stand").error() == Errc::NoMemory);
}

TEST_CASE("An abandoned packed ring stays the device's") {
  PackedStand stand(4);
  const u64 ring = stand.queue->place().descriptors.value();
  stand.queue->abandon();
  stand.queue.reset();
  CHECK_FALSE(stand.world.arena.at(ring, 64).empty());
  REQUIRE(stand.transport.reset().has_value());
  stand.world.arena.free({.bus = BusAddr(ring)});  // or the World would complain
}
