// UTF-8 and letter case; see unicode.hpp.
#include <sluice/fs/fat/unicode.hpp>

#include <algorithm>
#include <iterator>

namespace sluice::fat {

namespace {

// Code points first, first + step, … last, each `delta` away from its partner.
struct CaseRange {
  enum class Kind : u8 {
    Upper,    // an upper-case letter: the partner is its lower-case form
    Variant,  // another form of a letter, equal to its partner only when case is ignored
  };
  u16 first;
  u16 last;
  std::int16_t delta;
  u8 step;
  Kind kind;
};
constexpr auto kUpper = CaseRange::Kind::Upper;
constexpr auto kVariant = CaseRange::Kind::Variant;

// Simple case folding (CaseFolding.txt, statuses C and S) of ASCII, Latin-1, Latin Extended-A,
// Greek and Cyrillic, sorted.
constexpr CaseRange kCaseRanges[] = {
    {0x0041, 0x005a, 32, 1, kUpper},     // A…Z
    {0x00b5, 0x00b5, 775, 1, kVariant},  // micro sign: mu
    {0x00c0, 0x00d6, 32, 1, kUpper},
    {0x00d8, 0x00de, 32, 1, kUpper},
    {0x0100, 0x012e, 1, 2, kUpper},  // Latin Extended-A; not the Turkish I with and without dot
    {0x0132, 0x0136, 1, 2, kUpper},
    {0x0139, 0x0147, 1, 2, kUpper},
    {0x014a, 0x0176, 1, 2, kUpper},
    {0x0178, 0x0178, -121, 1, kUpper},  // Y with diaeresis: Latin-1
    {0x0179, 0x017d, 1, 2, kUpper},
    {0x017f, 0x017f, -268, 1, kVariant},  // long s: s
    {0x0370, 0x0372, 1, 2, kUpper},       // Greek
    {0x0376, 0x0376, 1, 1, kUpper},
    {0x037f, 0x037f, 116, 1, kUpper},
    {0x0386, 0x0386, 38, 1, kUpper},
    {0x0388, 0x038a, 37, 1, kUpper},
    {0x038c, 0x038c, 64, 1, kUpper},
    {0x038e, 0x038f, 63, 1, kUpper},
    {0x0391, 0x03a1, 32, 1, kUpper},
    {0x03a3, 0x03ab, 32, 1, kUpper},
    {0x03c2, 0x03c2, 1, 1, kVariant},  // sigma at the end of a word
    {0x03cf, 0x03cf, 8, 1, kUpper},
    {0x03d0, 0x03d0, -30, 1, kVariant},  // beta
    {0x03d1, 0x03d1, -25, 1, kVariant},  // theta
    {0x03d5, 0x03d5, -15, 1, kVariant},  // phi
    {0x03d6, 0x03d6, -22, 1, kVariant},  // pi
    {0x03d8, 0x03ee, 1, 2, kUpper},      // archaic and Coptic letters
    {0x03f0, 0x03f0, -54, 1, kVariant},  // kappa
    {0x03f1, 0x03f1, -48, 1, kVariant},  // rho
    {0x03f4, 0x03f4, -60, 1, kUpper},    // capital theta symbol
    {0x03f5, 0x03f5, -64, 1, kVariant},  // epsilon
    {0x03f7, 0x03f7, 1, 1, kUpper},
    {0x03f9, 0x03f9, -7, 1, kUpper},
    {0x03fa, 0x03fa, 1, 1, kUpper},
    {0x03fd, 0x03ff, -130, 1, kUpper},
    {0x0400, 0x040f, 80, 1, kUpper},  // Cyrillic
    {0x0410, 0x042f, 32, 1, kUpper},
    {0x0460, 0x0480, 1, 2, kUpper},
    {0x048a, 0x04be, 1, 2, kUpper},
    {0x04c0, 0x04c0, 15, 1, kUpper},  // palochka
    {0x04c1, 0x04cd, 1, 2, kUpper},
    {0x04d0, 0x052e, 1, 2, kUpper},
};
static_assert(std::is_sorted(std::begin(kCaseRanges), std::end(kCaseRanges),
                             [](const CaseRange& a, const CaseRange& b) {
                               return a.last < b.first;
                             }));

// The range that the code point is one of, or null.
const CaseRange* find_range(u32 code_point) {
  const CaseRange* range =
      std::lower_bound(std::begin(kCaseRanges), std::end(kCaseRanges), code_point,
                       [](const CaseRange& r, u32 value) { return r.last < value; });
  if (range == std::end(kCaseRanges) || code_point < range->first ||
      (code_point - range->first) % range->step != 0) {
    return nullptr;
  }
  return range;
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
  return range != nullptr && range->kind == kUpper ? partner(*range, code_point) : code_point;
}

u32 fold_case(u32 code_point) {
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
