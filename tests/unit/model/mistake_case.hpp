// A mistake, the rule that it breaks, and the device and driver that it is tried with: the referee
// must name this rule and no other, and nothing where the driver is mended.
// Used by mistakes_test.cpp and packed_mistakes_test.cpp.
#pragma once

#include <set>

#include "bench.hpp"
#include "tests/catch.hpp"

namespace tiny {

struct Case {
  Mistake mistake;
  std::string rule;
  referee::BlockOptions block{};
  referee::Setup setup{};
  Options options{};
  std::uint32_t reset_reads = 0;
};

// Runs the driver to its end. True where everything that it did came out right.
inline bool run(Bench& bench, const Case& test, Mistake mistake) {
  bench.device.knobs.reset_reads = test.reset_reads;
  Driver driver(bench.world, bench.device, test.options, mistake);
  const bool writes = !test.block.read_only || mistake == Mistake::WritesReadOnlyDisk;
  const bool right = driver.start() && routine(driver, writes);
  driver.stop();
  bench.device.check_memory();
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
    CHECK(run(bench, test, Mistake::None));
    CHECK(bench.device.judge.report() == "");
  }
}

}  // namespace tiny
