// Every deliberate mistake of the tiny driver with the disk behind the transport.
#include "mistake_case.hpp"

using namespace tiny;

namespace {

constexpr referee::RangeLimits kLimits{.max_sectors = 64, .max_ranges = 4};

}  // namespace

TEST_CASE("A header of 8 bytes is blk.header") {
  expect({.mistake = Mistake::ShortHeader, .rule = "blk.header"});
}

TEST_CASE("A legacy header in big-endian order is blk.capacity") {
  expect({.mistake = Mistake::BigEndianHeader, .rule = "blk.capacity", .setup = legacy()});
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

TEST_CASE("A capacity not read again after it changed is blk.capacity_unread") {
  for (const Mistake mistake : {Mistake::CapacityUnread, Mistake::None}) {
    Bench bench;
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    Driver driver(bench.world, bench.device, {}, mistake);
    REQUIRE(driver.start());
    bench.device.config_changed();
    for (int i = 0; i < 20; ++i) {
      CHECK(driver.read(3, 512) == pattern_bytes(3, 512));
    }
    driver.stop();
    CHECK(bench.device.judge.has("blk.capacity_unread") == (mistake != Mistake::None));
    CHECK(bench.device.verdicts().size() == (mistake == Mistake::None ? 0 : 1));
  }
}

TEST_CASE("RO offered and not accepted is blk.read_only_unaccepted") {
  expect({.mistake = Mistake::ReadOnlyUnaccepted,
          .rule = "blk.read_only_unaccepted",
          .block = {.read_only = true}});
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

TEST_CASE("A flush with data is blk.flush_data") {
  expect({.mistake = Mistake::FlushWithData, .rule = "blk.flush_data"});
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

// --- Commands on ranges, lifetime, cache mode
// -----------------------------------------------------

TEST_CASE("A lifetime of 4 bytes is blk.lifetime_bytes") {
  expect({.mistake = Mistake::LifetimeTooShort,
          .rule = "blk.lifetime_bytes",
          .block = {.lifetime = referee::Lifetime{}}});
}

TEST_CASE("A range and a half is blk.range_multiple") {
  expect({.mistake = Mistake::RangesRagged,
          .rule = "blk.range_multiple",
          .block = {.discard = kLimits}});
}

TEST_CASE("No range at all is blk.range_count") {
  expect({.mistake = Mistake::NoRanges, .rule = "blk.range_count", .block = {.discard = kLimits}});
}

TEST_CASE("More ranges than max_discard_seg is blk.range_count") {
  expect({.mistake = Mistake::TooManyRanges,
          .rule = "blk.range_count",
          .block = {.discard = kLimits}});
}

TEST_CASE("More ranges than max_write_zeroes_seg is blk.range_count") {
  expect({.mistake = Mistake::TooManyRanges,
          .rule = "blk.range_count",
          .block = {.write_zeroes = kLimits}});
}

TEST_CASE("More ranges than max_secure_erase_seg is blk.range_count") {
  expect({.mistake = Mistake::TooManyRanges,
          .rule = "blk.range_count",
          .block = {.secure_erase = kLimits}});
}

TEST_CASE("A range longer than max_discard_sectors is blk.range_sectors") {
  expect({.mistake = Mistake::RangeTooLong,
          .rule = "blk.range_sectors",
          .block = {.discard = kLimits}});
}

TEST_CASE("A range of zeroes longer than max_write_zeroes_sectors is blk.range_sectors") {
  expect({.mistake = Mistake::RangeTooLong,
          .rule = "blk.range_sectors",
          .block = {.write_zeroes = kLimits}});
}

TEST_CASE("A range to erase longer than max_secure_erase_sectors is blk.range_sectors") {
  expect({.mistake = Mistake::RangeTooLong,
          .rule = "blk.range_sectors",
          .block = {.secure_erase = kLimits}});
}

TEST_CASE("A range beyond the capacity is blk.capacity") {
  expect({.mistake = Mistake::RangeBeyondCapacity,
          .rule = "blk.capacity",
          .block = {.write_zeroes = kLimits}});
}

TEST_CASE("A discard with the flag unmap is blk.discard_unmap") {
  expect({.mistake = Mistake::DiscardUnmaps,
          .rule = "blk.discard_unmap",
          .block = {.discard = kLimits}});
}

TEST_CASE("A range with a flag that nobody knows is blk.range_flags") {
  expect({.mistake = Mistake::RangeFlagUnknown,
          .rule = "blk.range_flags",
          .block = {.write_zeroes = kLimits}});
}

TEST_CASE("A discard whose ranges are device-writable is blk.data_direction") {
  expect({.mistake = Mistake::RangesWritable,
          .rule = "blk.data_direction",
          .block = {.discard = kLimits}});
}

TEST_CASE("A discard with a sector in its header is blk.sector_unused") {
  expect({.mistake = Mistake::DiscardWithSector,
          .rule = "blk.sector_unused",
          .block = {.discard = kLimits}});
}

TEST_CASE("A cache mode of 2 is blk.writeback_value") {
  expect({.mistake = Mistake::WritebackTwo,
          .rule = "blk.writeback_value",
          .block = {.config_wce = true}});
}
