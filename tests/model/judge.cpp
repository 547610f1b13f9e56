// The score: verdicts are written down, and thrown where that is the mode.
#include "judge.hpp"

#include <algorithm>
#include <exception>

namespace referee {

std::string Verdict::text() const {
  std::string text = std::string(rule->id) + " (virtio 1.2, " + std::string(rule->clause) +
                     "): " + std::string(rule->sentence);
  if (!detail.empty()) {
    text += " [" + detail + "]";
  }
  return text;
}

void Judge::broken(const Rule& rule, std::string detail) {
  if (tolerated_.contains(rule.id) || (rule.should && !judges_shoulds)) {
    return;
  }
  verdicts_.push_back({&rule, std::move(detail)});
  if (mode == Mode::Throw && std::uncaught_exceptions() == 0) {
    throw Violation(verdicts_.back());
  }
}

bool Judge::has(std::string_view id) const {
  return std::any_of(verdicts_.begin(), verdicts_.end(),
                     [id](const Verdict& verdict) { return verdict.rule->id == id; });
}

std::string Judge::report() const {
  std::string report;
  for (const Verdict& verdict : verdicts_) {
    report += verdict.text() + "\n";
  }
  return report;
}

std::string hex(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), kDigits[value % 16]);
    value /= 16;
  } while (value != 0);
  return "0x" + digits;
}

}  // namespace referee
