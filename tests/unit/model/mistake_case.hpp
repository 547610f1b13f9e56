// A deliberate mistake of the tiny driver: the referee names its rule and no other, and finds
// nothing in the same driver mended. Used by the tests of mistakes.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "bench.hpp"
#include "tests/catch.hpp"

namespace tiny {

struct Case {
  Mistake mistake;
  std::string rule;
  referee::BlockOptions block{};
  referee::Setup setup{};
  Options options{};
  referee::Knobs knobs{};
  bool starts = true;  // without the mistake; else the driver sees that it must not
};

inline referee::Setup legacy(std::uint64_t withheld = 0) {
  return {.version = 1, .withheld = withheld};
}

inline referee::Setup with_features(std::uint64_t features) {
  return {.features = features};
}

// Runs the driver to its end. True where everything that it did came out right.
inline bool run(Bench& bench, const Case& test, Mistake mistake) {
  bench.device.knobs = test.knobs;
  Driver driver(bench.world, bench.device, test.options, mistake);
  const bool writes = !test.block.read_only || mistake == Mistake::WritesReadOnlyDisk;
  const bool started = driver.start();
  bool right = started && routine(driver, writes);
  if (right && test.options.ring_reset) {
    right = driver.submit(0, 1, {}, 512) && bench.device.step() && driver.restart_queue(16) &&
            routine(driver, writes);
  }
  if (started || test.starts) {
    driver.stop();
  }
  bench.device.check_end();
  return right;
}

inline void expect(const Case& test) {
  {
    Bench bench(test.block, test.setup);
    bench.device.judge.mode = referee::Judge::Mode::Collect;
    run(bench, test, test.mistake);
    std::set<std::string_view> named;
    for (const referee::Verdict& verdict : bench.device.verdicts()) {
      named.insert(verdict.rule->id);
    }
    INFO(bench.device.judge.report());
    CHECK(named == std::set<std::string_view>{test.rule});
  }
  {
    Bench bench(test.block, test.setup);
    CHECK(run(bench, test, Mistake::None) == test.starts);
    CHECK(bench.device.judge.report() == "");
  }
}

}  // namespace tiny
