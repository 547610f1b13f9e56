// Letters and the forms to which they are equal when case is ignored: a table of ranges, sorted.
// Used by unicode.cpp alone; generated (tools/make_case_table.py). Reference: the Unicode Standard,
// chapter 3.13, "Default Caseless Matching".
#pragma once

#include <span>

#include <sluice/kernel/types.hpp>

namespace sluice::fat {

// Code points first, first + step, … first + length, each `delta` away from its partner.
struct CaseRange {
  enum class Kind : u8 {
    Upper,    // an upper-case letter: the partner is its lower-case form
    Variant,  // another form of a letter, equal to its partner only when case is ignored
  };
  u32 first;
  i32 delta;
  u16 length;
  u8 step;
  Kind kind;

  constexpr u32 last() const { return first + length; }
};

extern const std::span<const CaseRange> kCaseTable;

}  // namespace sluice::fat
