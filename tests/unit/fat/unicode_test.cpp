// UTF-8 and letter case (fs/fat/unicode.hpp).
#include "tests/catch.hpp"

#include <string>

#include <sluice/fs/fat/unicode.hpp>

using namespace sluice;
using namespace sluice::fat;

namespace {

std::string utf8(u32 code_point) {
  char bytes[4];
  return {bytes, put_code_point(code_point, bytes)};
}

}  // namespace

TEST_CASE("every code point survives the way through UTF-8") {
  for (u32 code_point = 0; code_point <= 0x10ffff; ++code_point) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
      continue;
    }
    const std::string bytes = utf8(code_point);
    std::string_view rest = bytes;
    if (take_code_point(rest) != code_point || !rest.empty()) {
      FAIL("code point " << code_point);
    }
  }
  CHECK(utf8(0x20ac) == "\xe2\x82\xac");
  CHECK(utf8(0x1f600) == "\xf0\x9f\x98\x80");
}

TEST_CASE("a surrogate or a number beyond Unicode is written as U+FFFD") {
  CHECK(utf8(0xd800) == "\xef\xbf\xbd");
  CHECK(utf8(0x110000) == "\xef\xbf\xbd");
}

TEST_CASE("bytes that are not UTF-8 are taken one by one") {
  const auto first = [](std::string_view text) {
    const usize before = text.size();
    const u32 code_point = take_code_point(text);
    return std::pair(code_point, before - text.size());
  };
  const std::pair<u32, usize> wrong(kNotUtf8, 1);
  CHECK(first("\x80") == wrong);
  CHECK(first("\xff") == wrong);
  CHECK(first("\xc3") == wrong);  // cut short
  CHECK(first("\xc3(") == wrong);
  CHECK(first("\xc0\xaf") == wrong);  // longer than needed
  CHECK(first("\xe0\x80\xaf") == wrong);
  CHECK(first("\xed\xa0\x80") == wrong);      // a surrogate
  CHECK(first("\xf4\x90\x80\x80") == wrong);  // beyond 0x10ffff
}

TEST_CASE("letters fold as the Unicode Standard says") {
  CHECK(fold_case('A') == 'a');
  CHECK(fold_case('[') == '[');
  CHECK(fold_case(0xd7) == 0xd7);  // multiplication sign, among letters
  CHECK(fold_case(0xdc) == 0xfc);
  CHECK(fold_case(0xdf) == 0xdf);    // sharp s
  CHECK(fold_case(0xb5) == 0x3bc);   // micro sign
  CHECK(fold_case(0x130) == 0x130);  // dotted I: not an i
  CHECK(fold_case(0x178) == 0xff);
  CHECK(fold_case(0x17d) == 0x17e);
  CHECK(fold_case(0x17e) == 0x17e);
  CHECK(fold_case(0x17f) == 's');
  CHECK(fold_case(0x3a3) == 0x3c3);
  CHECK(fold_case(0x3c2) == 0x3c3);  // final sigma
  CHECK(fold_case(0x416) == 0x436);
  CHECK(fold_case(0x401) == 0x451);
  CHECK(fold_case(0x4c1) == 0x4c2);
  CHECK(fold_case(0x65e5) == 0x65e5);
  CHECK(fold_case(0x1e9e) == 0xdf);      // capital sharp s
  CHECK(fold_case(0x212a) == 'k');       // Kelvin sign
  CHECK(fold_case(0x2c00) == 0x2c30);    // Glagolitic
  CHECK(fold_case(0xab70) == 0x13a0);    // Cherokee folds to its capitals
  CHECK(fold_case(0x10400) == 0x10428);  // Deseret, beyond the basic plane
  CHECK(fold_case(0x1e900) == 0x1e922);
}

TEST_CASE("lower case is for upper-case letters alone") {
  CHECK(to_lower_case('Q') == 'q');
  CHECK(to_lower_case(0xc4) == 0xe4);
  CHECK(to_lower_case(0xb5) == 0xb5);
  CHECK(to_lower_case(0x3c2) == 0x3c2);
}

TEST_CASE("as many code points fold as Unicode has, and folding twice changes nothing more") {
  u32 folding = 0;
  for (u32 code_point = 0; code_point <= 0x10ffff; ++code_point) {
    const u32 folded = fold_case(code_point);
    folding += folded != code_point ? 1 : 0;
    if (fold_case(folded) != folded) {
      FAIL("code point " << code_point);
    }
  }
  CHECK(folding == 1454);  // statuses C and S of CaseFolding-15.0.0.txt
}

TEST_CASE("names are compared without regard to case") {
  CHECK(equal_ignoring_case("ReadMe.TXT", "readme.txt"));
  CHECK(equal_ignoring_case("ÜBER straße", "über STRAßE"));
  CHECK(equal_ignoring_case("ПРИВЕТ", "привет"));
  CHECK(equal_ignoring_case("ΣΊΣΥΦΟΣ", "σίσυφος"));
  CHECK(equal_ignoring_case("", ""));
  CHECK_FALSE(equal_ignoring_case("a", "ab"));
  CHECK_FALSE(equal_ignoring_case("ab", "a"));
  CHECK_FALSE(equal_ignoring_case("日本", "日木"));
  CHECK_FALSE(equal_ignoring_case("\xff", "\xff"));
}
