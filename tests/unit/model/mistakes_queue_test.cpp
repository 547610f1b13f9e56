// Every deliberate mistake of the tiny driver with queues: set-up, notifications, the split queue.
#include "mistake_case.hpp"

using namespace tiny;

// --- Queue set-up -------------------------------------------------------------------------------

TEST_CASE("A queue set up that is not there is queue.absent") {
  expect({.mistake = Mistake::AbsentQueue, .rule = "queue.absent"});
}

TEST_CASE("A legacy queue whose QueueNumMax was not read is queue.max_unread") {
  expect({.mistake = Mistake::NumMaxUnread, .rule = "queue.max_unread", .setup = legacy()});
}

TEST_CASE("QueueNum above QueueNumMax is queue.too_large") {
  expect({.mistake = Mistake::QueueTooLarge,
          .rule = "queue.too_large",
          .setup = {.queue_num_max = 16}});
}

TEST_CASE("A queue of six is queue.power_of_two") {
  expect({.mistake = Mistake::QueueNotPowerOfTwo, .rule = "queue.power_of_two"});
}

TEST_CASE("QueueReady before the addresses is queue.incomplete") {
  expect({.mistake = Mistake::ReadyBeforeAddresses, .rule = "queue.incomplete"});
}

TEST_CASE("A legacy queue started without QueueAlign is queue.incomplete") {
  expect(
      {.mistake = Mistake::LegacyQueueWithoutAlign, .rule = "queue.incomplete", .setup = legacy()});
}

TEST_CASE("A descriptor table at a multiple of 8 is queue.misaligned") {
  expect({.mistake = Mistake::RingUnaligned, .rule = "queue.misaligned"});
}

TEST_CASE("A ring's address that is a pointer is queue.memory") {
  expect({.mistake = Mistake::RingAddressIsPointer, .rule = "queue.memory"});
}

TEST_CASE("A used ring that was not zeroed is queue.not_zeroed") {
  expect({.mistake = Mistake::RingNotZeroed, .rule = "queue.not_zeroed"});
}

TEST_CASE("A used ring that was not zeroed, legacy is queue.not_zeroed") {
  expect({.mistake = Mistake::RingNotZeroed, .rule = "queue.not_zeroed", .setup = legacy()});
}

TEST_CASE("QueueNum written while the queue is ready is queue.in_use") {
  expect({.mistake = Mistake::QueueRegisterWhileReady, .rule = "queue.in_use"});
}

TEST_CASE("QueueNumMax read while a legacy queue is in use is queue.in_use") {
  expect({.mistake = Mistake::QueueNumMaxWhileInUse, .rule = "queue.in_use", .setup = legacy()});
}

TEST_CASE("A queue stopped without reading QueueReady back is queue.stop_unread") {
  expect({.mistake = Mistake::StopUnread, .rule = "queue.stop_unread"});
}

TEST_CASE("QueueReset read without RING_RESET is queue.reset_unnegotiated") {
  expect({.mistake = Mistake::QueueResetUnnegotiated, .rule = "queue.reset_unnegotiated"});
}

TEST_CASE("QueueReset written 2 is queue.reset_value") {
  expect({.mistake = Mistake::QueueResetTwo,
          .rule = "queue.reset_value",
          .setup = with_features(referee::kFeatureRingReset),
          .options = {.ring_reset = true}});
}

TEST_CASE("A queue's rings freed before QueueReset was read back is queue.reset_unread") {
  expect({.mistake = Mistake::QueueResetUnread,
          .rule = "queue.reset_unread",
          .setup = with_features(referee::kFeatureRingReset),
          .options = {.ring_reset = true}});
}

TEST_CASE("A queue's rings freed while its reset goes on is queue.reset_unread") {
  expect({.mistake = Mistake::QueueResetUnread,
          .rule = "queue.reset_unread",
          .setup = with_features(referee::kFeatureRingReset),
          .options = {.ring_reset = true},
          .knobs = {.queue_reset_reads = 3}});
}

TEST_CASE("A queue enabled again and not set up anew is queue.incomplete") {
  expect({.mistake = Mistake::ReenabledUnconfigured,
          .rule = "queue.incomplete",
          .setup = with_features(referee::kFeatureRingReset),
          .options = {.ring_reset = true}});
}

// --- Notifications and interrupts ---------------------------------------------------------------

TEST_CASE("A notification before DRIVER_OK is notify.early") {
  expect({.mistake = Mistake::NotifiesEarly, .rule = "notify.early"});
}

TEST_CASE("A notification for a queue that is not there is notify.no_queue") {
  expect({.mistake = Mistake::NotifiesAbsentQueue, .rule = "notify.no_queue"});
}

TEST_CASE("A forgotten notification is notify.missing") {
  expect({.mistake = Mistake::ForgetsNotification, .rule = "notify.missing"});
}

TEST_CASE("A forgotten notification with EVENT_IDX is notify.missing") {
  expect({.mistake = Mistake::ForgetsNotification,
          .rule = "notify.missing",
          .options = {.event_idx = true}});
}

TEST_CASE("avail_event obeyed without EVENT_IDX is notify.missing") {
  expect({.mistake = Mistake::ObeysAvailEvent, .rule = "notify.missing"});
}

TEST_CASE("A notification that the device said it does not need is notify.needless") {
  expect({.mistake = Mistake::NotifiesNeedlessly, .rule = "notify.needless"});
}

TEST_CASE("A notification off avail_event with EVENT_IDX is notify.needless") {
  expect({.mistake = Mistake::NotifiesNeedlessly,
          .rule = "notify.needless",
          .options = {.event_idx = true}});
}

TEST_CASE("An event acknowledged that did not happen is irq.ack_unseen") {
  expect({.mistake = Mistake::AcksUnseenEvent, .rule = "irq.ack_unseen"});
}

TEST_CASE("An undefined bit acknowledged is irq.ack_undefined") {
  expect({.mistake = Mistake::AcksUndefinedBit, .rule = "irq.ack_undefined"});
}

TEST_CASE("InterruptStatus acknowledged with bits that nobody knows is irq.ack_undefined") {
  expect({.mistake = Mistake::EchoesInterruptStatus,
          .rule = "irq.ack_undefined",
          .knobs = {.undefined_events = 0x10}});
}

TEST_CASE("An interrupt that is never acknowledged is irq.unacknowledged") {
  expect({.mistake = Mistake::NeverAcks, .rule = "irq.unacknowledged"});
}

// --- The split queue ----------------------------------------------------------------------------

TEST_CASE("An available index that jumps by more than the queue's size is split.available_index") {
  expect({.mistake = Mistake::IndexJumps, .rule = "split.available_index"});
}

TEST_CASE("An available index taken back is split.available_index") {
  expect({.mistake = Mistake::IndexTakenBack, .rule = "split.available_index"});
}

TEST_CASE("A legacy available index in big-endian order is split.available_index") {
  expect({.mistake = Mistake::BigEndianIndex, .rule = "split.available_index", .setup = legacy()});
}

TEST_CASE("A flag of the available ring that is not defined is split.available_flags") {
  expect({.mistake = Mistake::AvailFlagsUndefined, .rule = "split.available_flags"});
}

TEST_CASE("The NO_INTERRUPT flag with EVENT_IDX is split.available_flags") {
  expect({.mistake = Mistake::AvailFlagsWithEventIdx,
          .rule = "split.available_flags",
          .options = {.event_idx = true}});
}

TEST_CASE("The used ring written by the driver is split.used_written") {
  expect({.mistake = Mistake::WritesUsedRing, .rule = "split.used_written"});
}

TEST_CASE("A head out of range is split.head") {
  expect({.mistake = Mistake::HeadOutOfRange, .rule = "split.head"});
}

TEST_CASE("A next index out of range is split.next") {
  expect({.mistake = Mistake::NextOutOfRange, .rule = "split.next"});
}

TEST_CASE("A loop of descriptors is split.loop") {
  expect({.mistake = Mistake::Loop, .rule = "split.loop"});
}

TEST_CASE("A device-writable descriptor before a device-readable one is split.order") {
  expect({.mistake = Mistake::WritableFirst, .rule = "split.order"});
}

TEST_CASE("A buffer cut into pieces of 8 bytes is split.excessive") {
  expect(
      {.mistake = Mistake::TinyPieces, .rule = "split.excessive", .options = {.queue_size = 256}});
}

TEST_CASE("A buffer's address that is a pointer is split.buffer_address") {
  expect({.mistake = Mistake::AddressIsPointer, .rule = "split.buffer_address"});
}

TEST_CASE("Descriptors of a buffer in flight used again is split.descriptor_in_flight") {
  expect({.mistake = Mistake::ReusesDescriptors, .rule = "split.descriptor_in_flight"});
}

TEST_CASE("A descriptor changed in flight is split.entry_changed") {
  expect({.mistake = Mistake::ChangesDescriptor, .rule = "split.entry_changed"});
}

TEST_CASE("The header changed in flight is split.buffer_changed") {
  expect({.mistake = Mistake::ChangesHeader, .rule = "split.buffer_changed"});
}

TEST_CASE("A buffer taken back in flight is split.buffer_taken_back") {
  expect({.mistake = Mistake::TakesBufferBack, .rule = "split.buffer_taken_back"});
}

TEST_CASE("Ring memory freed before the reset is split.rings_taken_back") {
  expect({.mistake = Mistake::FreesRingsBeforeReset, .rule = "split.rings_taken_back"});
}

TEST_CASE("Ring memory freed before the reset is complete is reset.unread") {
  expect({.mistake = Mistake::FreesRingsDuringReset,
          .rule = "reset.unread",
          .knobs = {.reset_reads = 3}});
}

TEST_CASE("Ring memory freed before the reset was read back is reset.unread") {
  expect({.mistake = Mistake::FreesRingsDuringReset, .rule = "reset.unread"});
}

TEST_CASE("An indirect table without INDIRECT_DESC is indirect.unnegotiated") {
  expect({.mistake = Mistake::IndirectUnnegotiated, .rule = "indirect.unnegotiated"});
}

TEST_CASE("An indirect descriptor within an indirect table is indirect.nested") {
  expect({.mistake = Mistake::IndirectNested,
          .rule = "indirect.nested",
          .options = {.indirect = true}});
}

TEST_CASE("An indirect descriptor with NEXT is indirect.next") {
  expect(
      {.mistake = Mistake::IndirectNext, .rule = "indirect.next", .options = {.indirect = true}});
}

TEST_CASE("An indirect table of two and a half descriptors is indirect.table") {
  expect({.mistake = Mistake::IndirectRagged,
          .rule = "indirect.table",
          .options = {.indirect = true}});
}

TEST_CASE("An indirect table longer than the queue is split.too_long") {
  expect({.mistake = Mistake::IndirectTooLong,
          .rule = "split.too_long",
          .options = {.indirect = true}});
}
