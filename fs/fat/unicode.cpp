// UTF-8 and letter case; see unicode.hpp.
#include <sluice/fs/fat/unicode.hpp>

#include <algorithm>

#include <sluice/fs/fat/case_table.hpp>

namespace sluice::fat {

namespace {

// The range that the code point is one of, or null.
const CaseRange* find_range(u32 code_point) {
  const auto range = std::ranges::lower_bound(kCaseTable, code_point, {}, &CaseRange::last);
  if (range == kCaseTable.end() || code_point < range->first ||
      (code_point - range->first) % range->step != 0) {
    return nullptr;
  }
  return &*range;
}

u32 partner(const CaseRange& range, u32 code_point) {
  return static_cast<u32>(static_cast<i32>(code_point) + range.delta);
}

// How many bytes a sequence has and how small its code point may be at least, by its first byte.
struct Lead {
  usize bytes;
  u32 bits;
  u32 smallest;
};
Lead lead_of(u8 byte) {
  if (byte < 0x80) {
    return {1, byte, 0};
  }
  if ((byte & 0xe0) == 0xc0) {
    return {2, byte & 0x1fu, 0x80};
  }
  if ((byte & 0xf0) == 0xe0) {
    return {3, byte & 0x0fu, 0x800};
  }
  if ((byte & 0xf8) == 0xf0) {
    return {4, byte & 0x07u, 0x10000};
  }
  return {0, 0, 0};
}

bool is_scalar_value(u32 code_point) {
  return code_point < 0xd800 || (code_point > 0xdfff && code_point <= 0x10ffff);
}

}  // namespace

u32 take_code_point(std::string_view& text) {
  const Lead lead = lead_of(static_cast<u8>(text.front()));
  u32 code_point = lead.bits;
  bool valid = lead.bytes != 0 && lead.bytes <= text.size();
  for (usize i = 1; valid && i < lead.bytes; ++i) {
    const u8 byte = static_cast<u8>(text[i]);
    valid = (byte & 0xc0) == 0x80;
    code_point = code_point << 6 | (byte & 0x3fu);
  }
  valid = valid && code_point >= lead.smallest && is_scalar_value(code_point);
  text.remove_prefix(valid ? lead.bytes : 1);
  return valid ? code_point : kNotUtf8;
}

usize put_code_point(u32 code_point, std::span<char, 4> out) {
  if (!is_scalar_value(code_point)) {
    code_point = kReplacement;
  }
  if (code_point < 0x80) {
    out[0] = static_cast<char>(code_point);
    return 1;
  }
  const usize bytes = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  for (usize i = bytes - 1; i > 0; --i) {
    out[i] = static_cast<char>(0x80 | (code_point & 0x3f));
    code_point >>= 6;
  }
  const u32 marker = 0xf00u >> bytes & 0xff;  // as many ones as the sequence has bytes
  out[0] = static_cast<char>(marker | code_point);
  return bytes;
}

u32 to_lower_case(u32 code_point) {
  const CaseRange* range = find_range(code_point);
  return range != nullptr && range->kind == CaseRange::Kind::Upper ? partner(*range, code_point)
                                                                   : code_point;
}

u32 fold_case(u32 code_point) {
  if (code_point < 0x80) {  // most are
    return code_point >= 'A' && code_point <= 'Z' ? code_point + ('a' - 'A') : code_point;
  }
  const CaseRange* range = find_range(code_point);
  return range != nullptr ? partner(*range, code_point) : code_point;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const u32 left = take_code_point(a);
    const u32 right = take_code_point(b);
    if (left == kNotUtf8 || right == kNotUtf8 || fold_case(left) != fold_case(right)) {
      return false;
    }
  }
  return a.empty() && b.empty();
}

}  // namespace sluice::fat
