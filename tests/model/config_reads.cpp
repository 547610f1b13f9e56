// The driver's reads of wide configuration fields.
#include "config_reads.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "rules.hpp"

namespace referee {

void ConfigReads::note(const ConfigField& field, std::uint64_t first, unsigned bytes,
                       std::uint32_t generation) {
  Field& read = fields_[&field];
  for (std::uint64_t byte = first; byte < first + bytes; ++byte) {
    read.generation[byte] = generation;
    ++read.times[byte];
  }
  read.framed = generation_known_;
  read.closed = false;
}

void ConfigReads::generation_read() {
  generation_known_ = true;
  for (auto& [field, read] : fields_) {
    read.closed = true;
  }
}

void ConfigReads::check(bool legacy, Judge& judge) {
  for (const auto& [field, read] : std::exchange(fields_, {})) {
    const auto& times = read.times;
    const auto& generation = read.generation;
    const bool whole = std::count(times.begin(), times.end(), 0U) == 0;
    const bool one_generation =
        std::all_of(generation.begin(), generation.end(),
                    [&](std::uint32_t each) { return each == generation[0]; });
    if (!whole) {
      continue;
    }
    const std::string name(field->name);
    if (legacy) {
      if (std::count(times.begin(), times.end(), 1U) == 8) {
        judge.broken(rule::config_legacy_reread, name);
      }
    } else if (!one_generation) {
      judge.broken(rule::config_torn, name);
    } else if (!read.framed || !read.closed) {
      judge.broken(rule::config_generation, name);
    }
  }
}

}  // namespace referee
