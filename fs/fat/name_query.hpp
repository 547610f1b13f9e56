// A name that is looked for, in the forms in which it may stand on the disk: most entries of a
// directory can be passed over without being decoded.
// Used by Directory::find. Whatever equal_ignoring_case() would find passes; some others, too.
#pragma once

#include <array>
#include <string_view>

#include <sluice/fs/fat/name.hpp>

namespace sluice::fat {

class NameQuery {
 public:
  // A name in UTF-8. Any context.
  explicit NameQuery(std::string_view name);

  bool may_be_long(const LongNameSlots& slots) const;
  bool may_be_short(const RawShortName& raw) const;

 private:
  static constexpr u16 kAny = 0;  // of both: stands for whatever may be there

  bool may_hold(const LongNameSlot& slot) const;
  bool matches(usize place, u16 unit) const;
  void write_short_pattern(std::string_view name);

  std::array<u16, kMaxLongNameUnits> units_;  // folded
  usize unit_count_ = 0;                      // 0: it can be no long name
  RawShortName short_pattern_{};              // lower case
  bool may_be_short_ = false;
};

}  // namespace sluice::fat
