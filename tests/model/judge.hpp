// Who keeps the score: rules that a driver can break, and the verdicts of those it broke.
// Used by every part of the referee; a test asks it what happened.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace referee {

// A sentence of the specification that a driver can break. All of them stand in rules.hpp.
struct Rule {
  std::string_view id;      // "split.loop"
  std::string_view clause;  // of virtio 1.2
  std::string_view sentence;
  bool should = false;  // the specification says SHOULD, or SHOULD NOT
};

struct Verdict {
  const Rule* rule;
  std::string detail;  // the values at hand

  // "split.loop (virtio 1.2, 2.7.5.2): sentence [detail]"
  std::string text() const;
};

// What a broken rule throws, unless verdicts are collected.
struct Violation : std::runtime_error {
  explicit Violation(const Verdict& verdict)
      : std::runtime_error(verdict.text()), rule(verdict.rule) {}
  const Rule* rule;
};

class Judge {
 public:
  // Throw: the first broken rule ends the test (the default). Collect: it is written down and the
  // device goes on as a real one might; for tests of wrong drivers, which then look at verdicts().
  enum class Mode { Throw, Collect };
  Mode mode = Mode::Throw;

  // Written down always; thrown in Mode::Throw (not while another exception is on its way).
  void broken(const Rule& rule, std::string detail = {});

  // Whether what a driver merely SHOULD do, or SHOULD NOT, is judged like the rest.
  bool judges_shoulds = true;

  // A rule that this test lets the driver break: `id` as in rules.hpp.
  void tolerate(std::string_view id) { tolerated_.insert(std::string(id)); }

  const std::vector<Verdict>& verdicts() const { return verdicts_; }
  bool has(std::string_view id) const;
  // All verdicts' texts, a line each; empty where no rule was broken.
  std::string report() const;
  void clear() { verdicts_.clear(); }

 private:
  std::vector<Verdict> verdicts_;
  std::set<std::string, std::less<>> tolerated_;
};

// "0x1f", for details.
std::string hex(std::uint64_t value);

}  // namespace referee
