// Catch2, version 2 or 3, under one set of names.
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>

using Catch::Approx;  // where version 2 has it
#else
#include <catch2/catch.hpp>

namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text) {
  return Contains(text);
}
}  // namespace Catch::Matchers
#endif

// Ends a test that lacks something on this machine: CTest shows it as skipped, and why.
inline void skip_test(const std::string& why) {
#ifdef SKIP
  SKIP("skipped: " << why);
#else
  FAIL("skipped: " << why);  // version 2 knows only this
#endif
}
