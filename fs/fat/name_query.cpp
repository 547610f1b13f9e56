// Names that are looked for; see name_query.hpp.
#include <sluice/fs/fat/name_query.hpp>

#include <algorithm>

#include <sluice/fs/fat/unicode.hpp>

namespace sluice::fat {

namespace {

bool is_surrogate(u16 unit) {
  return (unit & 0xf800) == 0xd800;
}

u8 to_lower_ascii(u8 byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<u8>(byte + ('a' - 'A')) : byte;
}

}  // namespace

NameQuery::NameQuery(std::string_view name) {
  write_short_pattern(name);
  while (!name.empty()) {
    const u32 code_point = take_code_point(name);
    const usize units = code_point >= 0x10000 ? 2 : 1;
    if (code_point == kNotUtf8 || unit_count_ + units > units_.size()) {
      unit_count_ = 0;
      return;
    }
    // A surrogate without its partner is read as U+FFFD.
    const bool any = units == 2 || code_point == kReplacement;
    for (usize i = 0; i < units; ++i) {
      units_[unit_count_++] = any ? kAny : static_cast<u16>(fold_case(code_point));
    }
  }
}

// At most eight characters and three, each a byte on the disk; which byte, the code page says of
// those that are not ASCII. What cannot be in a name is read as '_'.
void NameQuery::write_short_pattern(std::string_view name) {
  short_pattern_.fill(' ');
  usize place = 0;
  usize end = 8;
  while (!name.empty()) {
    const u32 code_point = take_code_point(name);
    if (code_point == '.' && end == 8) {
      place = 8;
      end = 11;
      continue;
    }
    if (code_point == kNotUtf8 || place == end) {
      return;
    }
    const bool exact = code_point < 0x80 && code_point != '_';
    short_pattern_[place++] = exact ? to_lower_ascii(static_cast<u8>(code_point)) : u8{kAny};
  }
  may_be_short_ = true;
}

bool NameQuery::may_be_long(const LongNameSlots& slots) const {
  return unit_count_ != 0 && !slots.all().empty() &&
         std::ranges::all_of(slots.all(),
                             [this](const LongNameSlot& slot) { return may_hold(slot); });
}

bool NameQuery::may_hold(const LongNameSlot& slot) const {
  const usize order = slot.order & ~kLastSlot;
  if (order == 0 || ((slot.order & kLastSlot) != 0 && order * kUnitsPerSlot < unit_count_)) {
    return false;
  }
  usize place = (order - 1) * kUnitsPerSlot;
  const auto match = [&](u16 unit) { return matches(place++, unit); };
  return std::ranges::all_of(slot.name1, match) && std::ranges::all_of(slot.name2, match) &&
         std::ranges::all_of(slot.name3, match);
}

bool NameQuery::matches(usize place, u16 unit) const {
  if (place >= unit_count_) {
    return place > unit_count_ || unit == 0 || unit == 0xffff;
  }
  return units_[place] == kAny || is_surrogate(unit) || fold_case(unit) == units_[place];
}

bool NameQuery::may_be_short(const RawShortName& raw) const {
  if (!may_be_short_) {
    return false;
  }
  for (usize i = 0; i < raw.size(); ++i) {
    if (short_pattern_[i] != kAny && to_lower_ascii(raw[i]) != short_pattern_[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace sluice::fat
