// Code points, UTF-8 and letter case, as far as file names need them.
// Used by name and by lookup. References: RFC 3629; the Unicode Standard, chapter 3.13 (simple case
// folding).
#pragma once

#include <span>
#include <string_view>

#include <sluice/kernel/types.hpp>

namespace sluice::fat {

inline constexpr u32 kReplacement = 0xfffd;  // stands for a surrogate without its partner
inline constexpr u32 kNotUtf8 = ~u32{0};     // equal to no code point

// Takes the first code point off `text`, which is not empty. A byte that starts no valid sequence
// is taken alone and gives kNotUtf8. Any context.
u32 take_code_point(std::string_view& text);

// Writes a code point as UTF-8; how many bytes, 1…4. One that is not a Unicode scalar value is
// written as U+FFFD. Any context.
usize put_code_point(u32 code_point, std::span<char, 4> out);

// The lower-case partner of a letter; another code point itself. Any context.
u32 to_lower_case(u32 code_point);

// The form in which letters that differ only in case are equal. Any context.
u32 fold_case(u32 code_point);

// Are two UTF-8 texts the same name on a FAT volume? Bytes that are not UTF-8 equal nothing. Any
// context.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace sluice::fat
