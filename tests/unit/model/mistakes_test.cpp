// Every deliberate mistake of the tiny driver up to FEATURES_OK: registers, configuration, status.
#include <utility>

#include "mistake_case.hpp"

using namespace tiny;

// --- Registers ----------------------------------------------------------------------------------

TEST_CASE("Registers used before MagicValue and Version were read is mmio.discovery") {
  expect({.mistake = Mistake::NoDiscovery, .rule = "mmio.discovery"});
}

TEST_CASE("Registers used before DeviceID was read is mmio.discovery") {
  expect({.mistake = Mistake::NoDeviceId, .rule = "mmio.discovery"});
}

TEST_CASE("A device of another MagicValue used is mmio.magic") {
  expect({.mistake = Mistake::IgnoresMagic,
          .rule = "mmio.magic",
          .setup = {.magic = 0x20202020},
          .starts = false});
}

TEST_CASE("A device of a later Version used is mmio.version") {
  expect({.mistake = Mistake::IgnoresVersion,
          .rule = "mmio.version",
          .setup = {.version = 3},
          .starts = false});
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

TEST_CASE("DriverFeatures written before DriverFeaturesSel was written is mmio.features_sel") {
  expect({.mistake = Mistake::NoDriverFeaturesSel, .rule = "mmio.features_sel"});
}

// --- Configuration space ------------------------------------------------------------------------

TEST_CASE("A 64-bit field read with 16 bits is config.width") {
  expect({.mistake = Mistake::ConfigWidth, .rule = "config.width"});
}

TEST_CASE("A field read whose feature is not offered is config.feature") {
  expect({.mistake = Mistake::ConfigNotOffered, .rule = "config.feature"});
}

TEST_CASE("A capacity read without ConfigGeneration is config.generation") {
  expect({.mistake = Mistake::ConfigReadOnce, .rule = "config.generation"});
}

TEST_CASE("A legacy device's capacity read only once is config.legacy_reread") {
  expect({.mistake = Mistake::ConfigReadOnce, .rule = "config.legacy_reread", .setup = legacy()});
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

TEST_CASE("DRIVER without ACKNOWLEDGE is status.order") {
  expect({.mistake = Mistake::SkipsAcknowledge, .rule = "status.order"});
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

TEST_CASE("Features accepted that were not read is features.unread") {
  expect({.mistake = Mistake::FeaturesUnread, .rule = "features.unread"});
}

TEST_CASE("VERSION_1 not accepted is features.version_1") {
  expect({.mistake = Mistake::NoVersion1, .rule = "features.version_1"});
}

TEST_CASE("ANY_LAYOUT of a legacy device not accepted is features.any_layout") {
  expect({.mistake = Mistake::NoAnyLayout, .rule = "features.any_layout", .setup = legacy()});
}

TEST_CASE("ACCESS_PLATFORM and ORDER_PLATFORM not accepted is features.platform") {
  expect(
      {.mistake = Mistake::NoPlatform,
       .rule = "features.platform",
       .setup = with_features(referee::kFeatureAccessPlatform | referee::kFeatureOrderPlatform)});
}

TEST_CASE("Bit 30 of a legacy device accepted is features.bit_30") {
  expect({.mistake = Mistake::AcceptsBit30,
          .rule = "features.bit_30",
          .setup = {.version = 1,
                    .features = referee::kFeatureAnyLayout | referee::kFeatureUnused30}});
}

TEST_CASE("Feature bits written after FEATURES_OK is features.late") {
  expect({.mistake = Mistake::FeaturesLate, .rule = "features.late"});
}

TEST_CASE("Going on although FEATURES_OK did not hold is status.features_refused") {
  expect({.mistake = Mistake::IgnoresRefusal,
          .rule = "status.features_refused",
          .knobs = {.refuse_features = true},
          .starts = false});
}

TEST_CASE("Giving up without a word is status.given_up") {
  expect({.mistake = Mistake::GivesUpSilently,
          .rule = "status.given_up",
          .knobs = {.refuse_features = true},
          .starts = false});
}

TEST_CASE("Sending to a device that said it needs a reset is status.needs_reset") {
  for (const Mistake mistake : {Mistake::IgnoresNeedsReset, Mistake::None}) {
    Bench bench;
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    Driver driver(bench.world, bench.device, {}, mistake);
    REQUIRE(driver.start());
    bench.device.break_down();
    CHECK_FALSE(driver.read(3, 512).has_value());  // it could not know
    CHECK_FALSE(driver.read(3, 512).has_value());
    driver.stop();
    CHECK(bench.device.judge.has("status.needs_reset") == (mistake != Mistake::None));
    CHECK(bench.device.verdicts().size() == (mistake == Mistake::None ? 0 : 1));
  }
}
