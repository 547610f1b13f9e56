// Which request fails, and how.
#include <sluice/drivers/block/ram_faults.hpp>

#include <algorithm>

namespace sluice::blk {
namespace {

// SplitMix64 (Steele, Lea and Flood, 2014).
u64 scramble(u64 value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

u64 by_chance(u64 seed, u64 number) {
  return scramble(scramble(seed) + number);
}

RamFaults::RamFaults(const FaultOptions& options) : options_(options) {
  any_ = std::any_of(options.bad.begin(), options.bad.end(),
                     [](const BadSectors& bad) { return bad.sectors > 0; }) ||
         std::any_of(options.rules.begin(), options.rules.end(),
                     [](const FaultRule& rule) { return rule.when != FaultRule::When::Never; });
}

RamFaults::Verdict RamFaults::judge(const Request& request) {
  Verdict verdict;
  if (touches_bad(request)) {
    verdict.status = Status::MediumError;
  }
  bool decided = false;
  // All rules count the request, whichever decides.
  for (usize at = 0; at < options_.rules.size(); ++at) {
    if (applies(at, request.op()) && !decided) {
      decided = true;
      verdict = {options_.rules[at].status, options_.rules[at].swallow};
    }
  }
  return verdict;
}

bool RamFaults::applies(usize rule_index, Op op) {
  const FaultRule& rule = options_.rules[rule_index];
  if (rule.when == FaultRule::When::Never || (rule.op && *rule.op != op)) {
    return false;
  }
  const u64 nth = seen_[rule_index].fetch_add(1, std::memory_order_relaxed) + 1;
  switch (rule.when) {
    case FaultRule::When::Every:
      return nth % rule.number == 0;
    case FaultRule::When::Nth:
      return nth == rule.number;
    case FaultRule::When::OneIn:
      return by_chance(options_.seed + rule_index, nth) % rule.number == 0;
    case FaultRule::When::Never:
      break;
  }
  return false;
}

bool RamFaults::touches_bad(const Request& request) const {
  if (request.op() == Op::Flush || request.op() == Op::Discard) {
    return false;
  }
  const u64 first = request.sector().value();
  const u64 sectors = request.bytes() >> kSectorShift;
  // Each distance is compared with the length before it, so that nothing overflows.
  return std::any_of(options_.bad.begin(), options_.bad.end(), [=](const BadSectors& bad) {
    return first < bad.first ? bad.first - first < sectors && bad.sectors > 0
                             : first - bad.first < bad.sectors;
  });
}

}  // namespace sluice::blk
