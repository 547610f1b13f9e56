// Short names, labels and long names as UTF-8; see name.hpp.
#include <sluice/fs/fat/name.hpp>

#include <algorithm>

#include <sluice/fs/fat/unicode.hpp>

namespace sluice::fat {

namespace {

constexpr u8 kStandsForE5 = 0x05;  // 0xe5 itself in front marks a deleted entry

template <usize Capacity>
void append_code_point(Text<Capacity>& text, u32 code_point) {
  std::array<char, 4> bytes;
  text.append({bytes.data(), put_code_point(code_point, bytes)});
}

bool is_control(u32 code_point) {
  return code_point < 0x20 || code_point == 0x7f;
}

// What is left of a part once its padding is off.
std::span<const u8> unpadded(std::span<const u8> part) {
  while (!part.empty() && part.back() == ' ') {
    part = part.first(part.size() - 1);
  }
  return part;
}

RawShortName with_first_byte_restored(RawShortName raw) {
  if (raw[0] == kStandsForE5) {
    raw[0] = 0xe5;
  }
  return raw;
}

void append_part(ShortName& name, std::span<const u8> part, bool lower_case, CodePage code_page) {
  for (const u8 byte : unpadded(part)) {
    // A dot within a part would make "." and ".." possible.
    const bool impossible = is_control(byte) || byte == '/' || byte == '.';
    const u32 code_point = impossible ? u32{'_'} : from_code_page(byte, code_page);
    append_code_point(name, lower_case ? to_lower_case(code_point) : code_point);
  }
}

bool is_high_surrogate(u32 unit) {
  return (unit & 0xfc00) == 0xd800;
}
bool is_low_surrogate(u32 unit) {
  return (unit & 0xfc00) == 0xdc00;
}

}  // namespace

ShortName decode_short_name(const RawShortName& raw, u8 nt_flags, CodePage code_page) {
  const RawShortName bytes = with_first_byte_restored(raw);
  const std::span<const u8> all(bytes);
  ShortName name;
  append_part(name, all.first(8), (nt_flags & kLowerCaseBase) != 0, code_page);
  if (!unpadded(all.subspan(8)).empty()) {
    name.append(".");
    append_part(name, all.subspan(8), (nt_flags & kLowerCaseExtension) != 0, code_page);
  }
  return name;
}

Label decode_label(const RawShortName& raw, CodePage code_page) {
  const RawShortName bytes = with_first_byte_restored(raw);
  Label label;
  for (const u8 byte : unpadded(bytes)) {
    append_code_point(label, is_control(byte) ? u32{'_'} : from_code_page(byte, code_page));
  }
  return label;
}

u8 short_name_checksum(const RawShortName& raw) {
  u32 sum = 0;
  for (const u8 byte : raw) {
    const u32 rotated = (sum & 1) << 7 | sum >> 1;
    sum = (rotated + byte) & 0xff;
  }
  return static_cast<u8>(sum);
}

bool LongNameSlots::decode(const RawShortName& short_name, Name& name) const {
  std::array<u16, kMaxSlots * kUnitsPerSlot> units;
  if (count_ == 0 || (slots_[0].order & ~kLastSlot) != count_) {
    return false;
  }
  const u8 checksum = short_name_checksum(short_name);
  usize order = count_;
  for (const LongNameSlot& slot : all()) {
    if ((slot.order & ~kLastSlot) != order || slot.checksum != checksum || slot.type != 0) {
      return false;
    }
    u16* to = &units[--order * kUnitsPerSlot];
    to = std::copy(slot.name1.begin(), slot.name1.end(), to);
    to = std::copy(slot.name2.begin(), slot.name2.end(), to);
    std::copy(slot.name3.begin(), slot.name3.end(), to);
  }
  // The padding behind the terminator is not looked at: 0xffff as a rule, but not with everyone.
  // Where it is all that ends the name, it does.
  std::span<const u16> text = std::span(units).first(count_ * kUnitsPerSlot);
  if (const auto end = std::ranges::find(text, 0); end != text.end()) {
    text = {text.begin(), end};
  } else {
    while (!text.empty() && text.back() == 0xffff) {
      text = text.first(text.size() - 1);
    }
  }
  return decode_long_name(text, name);
}

bool decode_long_name(std::span<const u16> units, Name& name) {
  if (units.empty() || units.size() > kMaxLongNameUnits) {
    return false;
  }
  name.clear();
  for (usize i = 0; i < units.size(); ++i) {
    u32 code_point = units[i];
    if (code_point < 0x20 || code_point == '/') {
      return false;
    }
    if (is_high_surrogate(code_point) && i + 1 < units.size() && is_low_surrogate(units[i + 1])) {
      ++i;
      code_point = 0x10000 + ((code_point & 0x3ff) << 10 | (units[i] & 0x3ffu));
    }
    append_code_point(name, code_point);
  }
  return name.view() != "." && name.view() != "..";
}

}  // namespace sluice::fat
