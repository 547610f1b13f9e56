// The mistakes of a driver of an entropy device: the referee names the rule, and finds nothing in
// the same driver mended, legacy and not. Reference: virtio 1.2, 5.4.6.
#include <string_view>

#include "bench.hpp"
#include "tests/catch.hpp"
#include "tests/model/entropy_device.hpp"

using namespace tiny;

namespace {

// Of a driver of an entropy device, legacy and not.
void expect_of_entropy(Mistake mistake, std::string_view rule) {
  for (const std::uint32_t version : {1U, 2U}) {
    for (const Mistake made : {mistake, Mistake::None}) {
      sluice::test::World world;
      referee::EntropyDevice source;
      referee::SluiceMemory memory(world);
      referee::MmioDevice device(source, memory, {.version = version});
      device.judge.mode = referee::Judge::Mode::Collect;
      Driver driver(world, device, {.entropy = true}, made);
      REQUIRE(driver.start());
      const auto first = driver.random(32);
      const auto second = driver.random(32);
      driver.stop();
      INFO(device.judge.report());
      CHECK(device.judge.has(rule) == (made != Mistake::None));
      if (made == Mistake::None) {
        CHECK(device.verdicts().empty());
        REQUIRE((first && second));
        CHECK(*first != *second);
      }
      for (const referee::Verdict& verdict : device.verdicts()) {
        CHECK(verdict.rule->id == rule);
      }
    }
  }
}

}  // namespace

TEST_CASE("A field read of an entropy device, which has none, is config.undescribed") {
  expect_of_entropy(Mistake::ReadsCapacity, "config.undescribed");
}

TEST_CASE("A buffer for random bytes that the device may only read is rng.readable") {
  expect_of_entropy(Mistake::EntropyReadable, "rng.readable");
}

TEST_CASE("A header in front of the buffer for random bytes is rng.readable") {
  expect_of_entropy(Mistake::EntropyBehindHeader, "rng.readable");
}

TEST_CASE("A buffer of no bytes for random ones is rng.no_room") {
  expect_of_entropy(Mistake::EntropyOfNothing, "rng.no_room");
}
