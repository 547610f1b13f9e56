// Every deliberate mistake of the tiny driver: the referee names its rule and no other, and finds
// nothing in the same driver mended.
#include "mistake_case.hpp"

using namespace tiny;

namespace {

referee::Setup legacy(std::uint64_t withheld = 0) {
  return {.version = 1, .withheld = withheld};
}

}  // namespace

// --- Registers ----------------------------------------------------------------------------------

TEST_CASE("Registers used before MagicValue and Version were read is mmio.discovery") {
  expect({.mistake = Mistake::NoDiscovery, .rule = "mmio.discovery"});
}

TEST_CASE("A control register read with 8 bits is mmio.width") {
  expect({.mistake = Mistake::NarrowAccess, .rule = "mmio.width"});
}

TEST_CASE("A write-only register read is mmio.write_only") {
  expect({.mistake = Mistake::ReadsWriteOnly, .rule = "mmio.write_only"});
}

TEST_CASE("A read-only register written is mmio.read_only") {
  expect({.mistake = Mistake::WritesReadOnly, .rule = "mmio.read_only"});
}

TEST_CASE("A legacy register used on version 2 is mmio.legacy_register") {
  expect({.mistake = Mistake::LegacyRegister, .rule = "mmio.legacy_register"});
}

TEST_CASE("A register of version 2 used on a legacy device is mmio.modern_register") {
  expect({.mistake = Mistake::ModernRegister, .rule = "mmio.modern_register", .setup = legacy()});
}

TEST_CASE("A register that the layout does not have is mmio.undescribed") {
  expect({.mistake = Mistake::UndescribedRegister, .rule = "mmio.undescribed"});
}

TEST_CASE("DeviceFeatures read before DeviceFeaturesSel was written is mmio.features_sel") {
  expect({.mistake = Mistake::NoFeaturesSel, .rule = "mmio.features_sel"});
}

// --- Configuration space ------------------------------------------------------------------------

TEST_CASE("A 64-bit field read with 16 bits is config.width") {
  expect({.mistake = Mistake::ConfigWidth, .rule = "config.width"});
}

TEST_CASE("A field read whose feature is not offered is config.feature") {
  expect({.mistake = Mistake::ConfigNotOffered, .rule = "config.feature"});
}

TEST_CASE("The configuration written before FEATURES_OK is config.write_early") {
  expect({.mistake = Mistake::ConfigWrittenEarly,
          .rule = "config.write_early",
          .block = {.config_wce = true}});
}

TEST_CASE("The capacity written by the driver is config.read_only") {
  expect({.mistake = Mistake::ConfigReadOnly, .rule = "config.read_only"});
}

TEST_CASE("The cache mode read before FEATURES_OK is blk.writeback_early") {
  expect({.mistake = Mistake::WritebackReadEarly,
          .rule = "blk.writeback_early",
          .block = {.config_wce = true}});
}

// --- Status and features ------------------------------------------------------------------------

TEST_CASE("No reset at the beginning is reset.first") {
  expect({.mistake = Mistake::NoReset, .rule = "reset.first"});
}

TEST_CASE("A reset that is not read back is reset.unread") {
  expect({.mistake = Mistake::ResetUnread, .rule = "reset.unread"});
}

TEST_CASE("DRIVER_OK written without the bits before it is status.cleared") {
  expect({.mistake = Mistake::ClearsStatus, .rule = "status.cleared"});
}

TEST_CASE("FEATURES_OK without DRIVER is status.order") {
  expect({.mistake = Mistake::SkipsDriver, .rule = "status.order"});
}

TEST_CASE("DRIVER_OK without FEATURES_OK is status.features_ok_skipped") {
  expect({.mistake = Mistake::NoFeaturesOk, .rule = "status.features_ok_skipped"});
}

TEST_CASE("FEATURES_OK not read again is status.features_ok_unread") {
  expect({.mistake = Mistake::FeaturesOkUnread, .rule = "status.features_ok_unread"});
}

TEST_CASE("FEATURES_OK on a legacy device is status.features_ok_legacy") {
  expect({.mistake = Mistake::FeaturesOkOnLegacy,
          .rule = "status.features_ok_legacy",
          .setup = legacy()});
}

TEST_CASE("A feature accepted that is not offered is features.not_offered") {
  expect({.mistake = Mistake::FeatureNotOffered, .rule = "features.not_offered"});
}

TEST_CASE("VERSION_1 not accepted is features.version_1") {
  expect({.mistake = Mistake::NoVersion1, .rule = "features.version_1"});
}

TEST_CASE("ANY_LAYOUT of a legacy device not accepted is features.any_layout") {
  expect({.mistake = Mistake::NoAnyLayout, .rule = "features.any_layout", .setup = legacy()});
}

TEST_CASE("Feature bits written after FEATURES_OK is features.late") {
  expect({.mistake = Mistake::FeaturesLate, .rule = "features.late"});
}

// --- Queue set-up -------------------------------------------------------------------------------

TEST_CASE("A queue set up that is not there is queue.absent") {
  expect({.mistake = Mistake::AbsentQueue, .rule = "queue.absent"});
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

TEST_CASE("An event acknowledged that did not happen is irq.ack_unseen") {
  expect({.mistake = Mistake::AcksUnseenEvent, .rule = "irq.ack_unseen"});
}

TEST_CASE("An undefined bit acknowledged is irq.ack_undefined") {
  expect({.mistake = Mistake::AcksUndefinedBit, .rule = "irq.ack_undefined"});
}

TEST_CASE("An interrupt that is never acknowledged is irq.unacknowledged") {
  expect({.mistake = Mistake::NeverAcks, .rule = "irq.unacknowledged"});
}

// --- The split queue ----------------------------------------------------------------------------

TEST_CASE("An available index that jumps by more than the queue's size is split.available_index") {
  expect({.mistake = Mistake::IndexJumps, .rule = "split.available_index"});
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
  expect({.mistake = Mistake::FreesRingsDuringReset, .rule = "reset.unread", .reset_reads = 3});
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

// --- The block device ---------------------------------------------------------------------------

TEST_CASE("A header of 8 bytes is blk.header") {
  expect({.mistake = Mistake::ShortHeader, .rule = "blk.header"});
}

TEST_CASE("A status byte that is not device-writable is blk.status") {
  expect({.mistake = Mistake::StatusReadable, .rule = "blk.status"});
}

TEST_CASE("A write whose data is device-writable is blk.data_direction") {
  expect({.mistake = Mistake::DataBothWays, .rule = "blk.data_direction"});
}

TEST_CASE("Data that is not a multiple of 512 bytes is blk.data_multiple") {
  expect({.mistake = Mistake::DataRagged, .rule = "blk.data_multiple"});
}

TEST_CASE("A read beyond the capacity is blk.capacity") {
  expect({.mistake = Mistake::BeyondCapacity, .rule = "blk.capacity"});
}

TEST_CASE("A write to a read-only disk is blk.read_only") {
  expect({.mistake = Mistake::WritesReadOnlyDisk,
          .rule = "blk.read_only",
          .block = {.read_only = true}});
}

TEST_CASE("A flush without FLUSH is blk.command_feature") {
  expect({.mistake = Mistake::FlushUnnegotiated, .rule = "blk.command_feature"});
}

TEST_CASE("A flush of a sector is blk.flush_sector") {
  expect({.mistake = Mistake::FlushWithSector, .rule = "blk.flush_sector"});
}

TEST_CASE("An id of 16 bytes is blk.id_bytes") {
  expect({.mistake = Mistake::IdTooShort, .rule = "blk.id_bytes"});
}

TEST_CASE("More segments than seg_max is blk.seg_max") {
  expect({.mistake = Mistake::TooManySegments,
          .rule = "blk.seg_max",
          .block = {.seg_max = 2},
          .options = {.limits = true, .segment_bytes = 512}});
}

TEST_CASE("A segment longer than size_max is blk.size_max") {
  expect({.mistake = Mistake::SegmentTooLong,
          .rule = "blk.size_max",
          .block = {.size_max = 512},
          .options = {.limits = true, .segment_bytes = 512}});
}

TEST_CASE("A header in two pieces on a legacy device without ANY_LAYOUT is blk.legacy_framing") {
  expect({.mistake = Mistake::SplitHeaderOnLegacy,
          .rule = "blk.legacy_framing",
          .setup = legacy(referee::kFeatureAnyLayout)});
}

// --- Mistakes that need a device that moves ------------------------------------------------------

TEST_CASE("Going on although FEATURES_OK did not hold is status.features_refused") {
  for (const Mistake mistake : {Mistake::IgnoresRefusal, Mistake::None}) {
    Bench bench;
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    bench.device.knobs.refuse_features = true;
    Driver driver(bench.world, bench.device, {}, mistake);
    CHECK(driver.start() == (mistake != Mistake::None));
    driver.stop();
    REQUIRE(bench.device.verdicts().size() == (mistake == Mistake::None ? 0 : 1));
    CHECK(bench.device.judge.has("status.features_refused") == (mistake != Mistake::None));
  }
}

TEST_CASE("A capacity of two halves from before and after a change is config.torn") {
  for (const Mistake mistake : {Mistake::ConfigTorn, Mistake::None}) {
    Bench bench({.sectors = 0xffff'ffff});
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    bool changed = false;
    bench.device.before_access = [&](std::uint64_t offset, bool) {
      if (offset == 0x104 && !std::exchange(changed, true)) {
        bench.disk.set_capacity(0x1'0000'0000);
        bench.device.config_changed();
      }
    };
    Driver driver(bench.world, bench.device, {}, mistake);
    REQUIRE(driver.start());
    CHECK(driver.capacity() ==
          (mistake == Mistake::None ? std::uint64_t{0x1'0000'0000} : 0x1'ffff'ffff));
    driver.stop();
    CHECK(bench.device.judge.has("config.torn") == (mistake != Mistake::None));
    CHECK(bench.device.verdicts().size() == (mistake == Mistake::None ? 0 : 1));
  }
}
