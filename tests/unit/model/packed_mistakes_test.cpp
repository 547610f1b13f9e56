// Every deliberate mistake of the tiny driver on a packed queue, and with features that change how
// either ring is used.
#include "mistake_case.hpp"

using namespace tiny;

namespace {

// On a packed ring of `options.queue_size`.
void expect_packed(Mistake mistake, const std::string& rule, Options options = {},
                   std::uint32_t reset_reads = 0) {
  options.packed = true;
  expect({.mistake = mistake,
          .rule = rule,
          .setup = kPackedSetup,
          .options = options,
          .knobs = {.reset_reads = reset_reads}});
}

}  // namespace

// --- Set-up -------------------------------------------------------------------------------------

TEST_CASE("RING_PACKED offered and not accepted is packed.unaccepted") {
  expect_packed(Mistake::PackedUnaccepted, "packed.unaccepted");
}

TEST_CASE("A packed ring at a multiple of 8 is queue.misaligned") {
  expect_packed(Mistake::RingUnaligned, "queue.misaligned");
}

TEST_CASE("An event area at a multiple of 2 is queue.misaligned") {
  expect_packed(Mistake::EventAreaUnaligned, "queue.misaligned");
}

TEST_CASE("A packed ring's address that is a pointer is queue.memory") {
  expect_packed(Mistake::RingAddressIsPointer, "queue.memory");
}

TEST_CASE("An event area that was not zeroed is queue.not_zeroed") {
  expect_packed(Mistake::RingNotZeroed, "queue.not_zeroed");
}

// --- The ring -----------------------------------------------------------------------------------

TEST_CASE("A wrap counter that does not change at the ring's end is packed.wrap") {
  expect_packed(Mistake::ForgetsWrapCounter, "packed.wrap", {.queue_size = 7});
}

TEST_CASE("A wrap counter that does not change, between two buffers, is packed.wrap") {
  expect_packed(Mistake::ForgetsWrapCounter, "packed.wrap", {.queue_size = 3, .indirect = true});
}

TEST_CASE("A descriptor made available whose USED is not the inverse is packed.wrap") {
  expect_packed(Mistake::ForgetsUsedFlag, "packed.wrap", {.queue_size = 3, .indirect = true});
}

TEST_CASE("A list whose first descriptor alone has AVAIL is packed.list_flags") {
  expect_packed(Mistake::FlagsOnlyFirst, "packed.list_flags");
}

TEST_CASE("A list whose first descriptor is made available before the others is packed.partial") {
  expect_packed(Mistake::PublishesFirstFirst, "packed.partial");
}

TEST_CASE("A buffer id used again in flight is packed.id_in_flight") {
  expect_packed(Mistake::ReusesId, "packed.id_in_flight");
}

TEST_CASE("A device-writable descriptor before a device-readable one is packed.order") {
  expect_packed(Mistake::WritableFirst, "packed.order");
}

TEST_CASE("A buffer's address that is a pointer is packed.buffer_address") {
  expect_packed(Mistake::AddressIsPointer, "packed.buffer_address");
}

TEST_CASE("A descriptor of the packed ring changed in flight is packed.entry_changed") {
  expect_packed(Mistake::ChangesDescriptor, "packed.entry_changed");
}

TEST_CASE("A table changed in flight is packed.entry_changed") {
  expect_packed(Mistake::ChangesTable, "packed.entry_changed", {.indirect = true});
}

TEST_CASE("The header changed in flight is packed.buffer_changed") {
  expect_packed(Mistake::ChangesHeader, "packed.buffer_changed");
}

TEST_CASE("A buffer taken back in flight is packed.buffer_taken_back") {
  expect_packed(Mistake::TakesBufferBack, "packed.buffer_taken_back");
}

TEST_CASE("A packed ring freed before the reset is packed.rings_taken_back") {
  expect_packed(Mistake::FreesRingsBeforeReset, "packed.rings_taken_back");
}

TEST_CASE("A packed ring freed before the reset is complete is reset.unread") {
  expect_packed(Mistake::FreesRingsDuringReset, "reset.unread", {}, 3);
}

TEST_CASE("A list for which the ring has no room is packed.no_room") {
  for (const Mistake mistake : {Mistake::OverrunsRing, Mistake::None}) {
    Bench bench({}, kPackedSetup);
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    bench.device.knobs.hold = true;
    Driver driver(bench.world, bench.device, {.queue_size = 8, .packed = true}, mistake);
    REQUIRE(driver.start());
    for (int i = 0; i < 2; ++i) {
      REQUIRE(driver.submit(0, 0, {}, 512).has_value());
    }
    bench.device.run();
    CHECK(driver.submit(0, 0, {}, 512).has_value() == (mistake != Mistake::None));
    bench.device.run();
    CHECK(bench.device.judge.has("packed.no_room") == (mistake != Mistake::None));
    CHECK(bench.device.verdicts().size() == (mistake == Mistake::None ? 0 : 1));
    driver.stop();
  }
}

// --- Indirect tables ----------------------------------------------------------------------------

TEST_CASE("A packed indirect table without INDIRECT_DESC is packed.indirect_unnegotiated") {
  expect_packed(Mistake::IndirectUnnegotiated, "packed.indirect_unnegotiated");
}

TEST_CASE("An indirect descriptor with NEXT is packed.indirect_in_list") {
  expect_packed(Mistake::IndirectNext, "packed.indirect_in_list", {.indirect = true});
}

TEST_CASE("An indirect descriptor behind another one is packed.indirect_in_list") {
  expect_packed(Mistake::IndirectInList, "packed.indirect_in_list", {.indirect = true});
}

TEST_CASE("A packed indirect table of two and a half descriptors is packed.indirect_table") {
  expect_packed(Mistake::IndirectRagged, "packed.indirect_table", {.indirect = true});
}

TEST_CASE("An indirect descriptor within a table is packed.table_flags") {
  expect_packed(Mistake::IndirectNested, "packed.table_flags", {.indirect = true});
}

TEST_CASE("NEXT within an indirect table is packed.table_flags") {
  expect_packed(Mistake::TableHasNext, "packed.table_flags", {.indirect = true});
}

TEST_CASE("A packed indirect table longer than the queue is packed.too_long") {
  expect_packed(Mistake::IndirectTooLong, "packed.too_long", {.indirect = true});
}

// --- Event areas and notifications --------------------------------------------------------------

TEST_CASE("The device's event area written by the driver is packed.device_area_written") {
  expect_packed(Mistake::WritesUsedRing, "packed.device_area_written");
}

TEST_CASE("Event flags of 3 are packed.event_flags") {
  expect_packed(Mistake::EventFlagsReserved, "packed.event_flags", {.event_idx = true});
}

TEST_CASE("Events for one descriptor without EVENT_IDX are packed.event_flags") {
  expect_packed(Mistake::EventAtDescriptorUnnegotiated, "packed.event_flags");
}

TEST_CASE("An event offset beyond the ring is packed.event_offset") {
  expect_packed(Mistake::EventBeyondRing, "packed.event_offset", {.event_idx = true});
}

TEST_CASE("Reserved bits of the event flags are packed.event_reserved") {
  expect_packed(Mistake::EventReservedBits, "packed.event_reserved");
}

TEST_CASE("A forgotten notification is packed.notify_missing") {
  expect_packed(Mistake::ForgetsNotification, "packed.notify_missing");
}

TEST_CASE("A forgotten notification with EVENT_IDX is packed.notify_missing") {
  expect_packed(Mistake::ForgetsNotification, "packed.notify_missing", {.event_idx = true});
}

TEST_CASE("A notification that tells another place is packed.notification_data") {
  expect({.mistake = Mistake::NotifiesWrongData,
          .rule = "packed.notification_data",
          .setup = {.added = referee::kFeatureRingPacked | referee::kFeatureNotificationData},
          .options = {.packed = true, .notification_data = true}});
}

// --- Features of the split ring that nobody is offered unless the test says so -------------------

TEST_CASE("A notification that tells another index is split.notification_data") {
  expect({.mistake = Mistake::NotifiesWrongData,
          .rule = "split.notification_data",
          .setup = {.added = referee::kFeatureNotificationData},
          .options = {.notification_data = true}});
}

TEST_CASE("Descriptors out of order with IN_ORDER are split.in_order") {
  expect({.mistake = Mistake::SplitOutOfOrder,
          .rule = "split.in_order",
          .setup = {.added = referee::kFeatureInOrder},
          .options = {.in_order = true}});
}

TEST_CASE("A table whose entries jump with IN_ORDER is indirect.in_order") {
  expect({.mistake = Mistake::TableOutOfOrder,
          .rule = "indirect.in_order",
          .setup = {.added = referee::kFeatureInOrder},
          .options = {.indirect = true, .in_order = true}});
}
