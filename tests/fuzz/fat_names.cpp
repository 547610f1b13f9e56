// Fuzzes the names of a FAT volume, from the bytes on the disk to UTF-8, and UTF-8 itself: what
// comes out is what went in, or is refused for a reason that is written here once more.
//
// Input: a byte that says what is tried, then what it is tried on.
#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <vector>

#include <sluice/fs/fat/name.hpp>
#include <sluice/fs/fat/unicode.hpp>

#include "fat_rules.hpp"
#include "input.hpp"
#include "require.hpp"

namespace sluice::fuzz {
namespace {

using Units = std::vector<u16>;

constexpr usize kMostUnits = 300;
constexpr usize kMostSlots = 24;

std::string text_of(Input input) {
  std::string text;
  while (!input.empty()) {
    text.push_back(static_cast<char>(input.take<u8>()));
  }
  return text;
}

fat::RawShortName short_name_of(Input& input) {
  fat::RawShortName raw;
  for (u8& byte : raw) {
    byte = input.take<u8>();
  }
  return raw;
}

std::string utf8_of(std::u32string_view code_points) {
  std::string text;
  for (const char32_t code_point : code_points) {
    std::array<char, 4> bytes;
    text.append(bytes.data(), fat::put_code_point(code_point, bytes));
  }
  return text;
}

// --- Long names ----------------------------------------------------------------------------------

Units utf16_of(const fat::Name& name) {
  std::u32string code_points;
  require(decode_utf8(name.view(), code_points), "a name is not UTF-8");
  Units units;
  for (const char32_t code_point : code_points) {
    if (code_point >= 0x10000) {
      units.push_back(static_cast<u16>(0xd7c0 + (code_point >> 10)));
      units.push_back(static_cast<u16>(0xdc00 + (code_point & 0x3ff)));
    } else {
      units.push_back(static_cast<u16>(code_point));
    }
  }
  return units;
}

// With U+FFFD in the place of each surrogate that is not one of a pair.
Units well_formed(Units units) {
  const auto is = [&](usize at, u32 mark) { return at < units.size() && units[at] >> 10 == mark; };
  for (usize i = 0; i < units.size(); ++i) {
    if (is(i, 0xd800 >> 10) && is(i + 1, 0xdc00 >> 10)) {
      ++i;
    } else if (is(i, 0xd800 >> 10) || is(i, 0xdc00 >> 10)) {
      units[i] = 0xfffd;
    }
  }
  return units;
}

bool can_be_name(const Units& units) {
  return !units.empty() && units.size() <= fat::kMaxLongNameUnits && units != Units{'.'} &&
         units != Units{'.', '.'} &&
         std::ranges::none_of(units, [](u16 unit) { return unit < 0x20 || unit == '/'; });
}

void require_name_of(const Units& units, bool given, const fat::Name& name) {
  require(given == can_be_name(units), "a long name is refused, or taken, wrongly");
  if (given) {
    require_name(name.view(), 765);
    require(utf16_of(name) == well_formed(units), "a long name is another one in UTF-8");
  }
}

void try_units(Input input) {
  Units units;
  while (!input.empty() && units.size() < kMostUnits) {
    units.push_back(input.take<u16>());
  }
  fat::Name name;
  require_name_of(units, fat::decode_long_name(units, name), name);
}

// Do they end with all slots of one name, which belong to this short name? Then its units.
bool gather(const std::vector<fat::LongNameSlot>& slots, const fat::RawShortName& raw,
            Units& units) {
  const auto first = std::find_if(slots.rbegin(), slots.rend(), [](const auto& slot) {
    return (slot.order & fat::kLastSlot) != 0;
  });
  if (first == slots.rend()) {
    return false;
  }
  const usize count = static_cast<usize>(first - slots.rbegin()) + 1;
  for (usize order = 1; order <= count; ++order) {
    const fat::LongNameSlot& slot = slots[slots.size() - order];
    const usize mark = order == count ? fat::kLastSlot : 0;
    if (slot.order != (order | mark) || order > 20 || slot.type != 0 ||
        slot.checksum != fat::short_name_checksum(raw)) {
      return false;
    }
    units.insert(units.end(), slot.name1.begin(), slot.name1.end());
    units.insert(units.end(), slot.name2.begin(), slot.name2.end());
    units.insert(units.end(), slot.name3.begin(), slot.name3.end());
  }
  const auto terminator = std::ranges::find(units, 0);
  const bool ended = terminator != units.end();
  units.erase(terminator, units.end());
  while (!ended && !units.empty() && units.back() == 0xffff) {
    units.pop_back();
  }
  return true;
}

// `honest`: the slots are of a long name and belong to the short one; their order is the input's.
void try_slots(Input input, bool honest) {
  const fat::RawShortName raw = short_name_of(input);
  std::vector<fat::LongNameSlot> slots;
  fat::LongNameSlots gathering;
  while (!input.empty() && slots.size() < kMostSlots) {
    std::array<u8, sizeof(fat::LongNameSlot)> bytes;
    for (u8& byte : bytes) {
      byte = input.take<u8>();
    }
    auto slot = std::bit_cast<fat::LongNameSlot>(bytes);
    if (honest) {
      slot.type = 0;
      slot.checksum = fat::short_name_checksum(raw);
    }
    slots.push_back(slot);
    gathering.add(slot);
  }
  Units units;
  const bool whole = gather(slots, raw, units);
  fat::Name name;
  const bool given = gathering.decode(raw, name);
  if (whole) {
    require_name_of(units, given, name);
  } else {
    require(!given, "a long name comes from slots that are none");
  }
}

// --- Short names and labels ----------------------------------------------------------------------

void try_short_name(Input input) {
  const fat::RawShortName raw = short_name_of(input);
  const fat::ShortName plain = fat::decode_short_name(raw, 0);
  const fat::ShortName shown = fat::decode_short_name(raw, input.take<u8>());
  const bool blank = std::ranges::all_of(raw, [](u8 byte) { return byte == ' '; });
  require(plain.empty() == blank && shown.empty() == blank, "a short name is empty, or is not");
  if (!blank) {
    require_name(plain.view(), 36);
    require_name(shown.view(), 36);
  }
  require(fat::equal_ignoring_case(plain, shown), "lower case makes another short name");
}

void try_label(Input input) {
  const fat::Label label = fat::decode_label(short_name_of(input));
  require_text(label.view(), 33);
  require(!label.view().ends_with(' '), "a label keeps its padding");
}

// --- UTF-8 and case ------------------------------------------------------------------------------

std::u32string folded(std::u32string code_points) {
  for (char32_t& code_point : code_points) {
    code_point = fat::fold_case(code_point);
  }
  return code_points;
}

void try_equal(Input input) {
  const std::string a = text_of(input.split(input.take<u8>()));
  const std::string b = text_of(input);
  std::u32string left, right;
  const bool left_valid = decode_utf8(a, left);
  const bool right_valid = decode_utf8(b, right);
  const bool equal = fat::equal_ignoring_case(a, b);
  require(equal == (left_valid && right_valid && folded(left) == folded(right)),
          "two names are equal, or are not, wrongly");
  require(equal == fat::equal_ignoring_case(b, a), "equality of names has a direction");
  require(fat::equal_ignoring_case(a, a) == left_valid, "a name does not equal itself");
  if (left_valid) {
    std::u32string lower = left;
    std::ranges::transform(lower, lower.begin(), [](u32 c) { return fat::to_lower_case(c); });
    require(fat::equal_ignoring_case(a, utf8_of(lower)), "a name differs from its lower case");
    require(fat::equal_ignoring_case(utf8_of(folded(left)), a), "a name differs from its folding");
  }
}

void try_text(Input input) {
  const std::string text = text_of(input);
  std::string_view rest = text;
  std::u32string taken, decoded;
  bool valid = true;
  while (!rest.empty()) {
    const std::string_view before = rest;
    const u32 code_point = fat::take_code_point(rest);
    const std::string_view sequence = before.substr(0, before.size() - rest.size());
    require(!sequence.empty(), "a code point takes no bytes");
    if (code_point == fat::kNotUtf8) {
      valid = false;
      require(sequence.size() == 1, "what is not UTF-8 takes more than a byte");
      continue;
    }
    taken.push_back(code_point);
    require(utf8_of(std::u32string{code_point}) == sequence,
            "a code point is written in other bytes than it was read from");
  }
  require(decode_utf8(text, decoded) == valid, "UTF-8 is refused, or taken, wrongly");
  require(!valid || decoded == taken, "UTF-8 has other code points");
}

void try_code_points(Input input) {
  while (!input.empty()) {
    const u32 code_point = input.take<u32>();
    const bool scalar = code_point < 0xd800 || (code_point > 0xdfff && code_point <= 0x10ffff);
    const std::string text = utf8_of(std::u32string{code_point});
    std::string_view rest = text;
    require(fat::take_code_point(rest) == (scalar ? code_point : fat::kReplacement) && rest.empty(),
            "a code point is another one after a round trip");
    const u32 fold = fat::fold_case(code_point);
    const u32 lower = fat::to_lower_case(code_point);
    require(fat::fold_case(fold) == fold, "a folded code point folds on");
    require(fat::to_lower_case(lower) == lower, "lower case has a lower case");
    require(fat::fold_case(lower) == fold, "a code point differs from its lower case");
  }
}

void run(Input input) {
  switch (input.take<u8>() % 8) {
    case 0:
      return try_units(input);
    case 1:
      return try_slots(input, false);
    case 2:
      return try_slots(input, true);
    case 3:
      return try_short_name(input);
    case 4:
      return try_label(input);
    case 5:
      return try_equal(input);
    case 6:
      return try_text(input);
    default:
      return try_code_points(input);
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  sluice::fuzz::run(sluice::fuzz::Input({data, bytes}));
  return 0;
}
