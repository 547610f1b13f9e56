// Numbers as kernel/number.hpp reads them.
#include "tests/catch.hpp"

#include <sluice/kernel/number.hpp>

using namespace sluice;

TEST_CASE("number: decimal and hexadecimal ones are read up to 64 bits and no further") {
  CHECK(parse_number("0") == 0u);
  CHECK(parse_number("18446744073709551615") == ~u64{0});
  CHECK(parse_number("18446744073709551616") == std::nullopt);
  CHECK(parse_number("184467440737095516150") == std::nullopt);
  CHECK(parse_number("0xffffffffffffffff") == ~u64{0});
  CHECK(parse_number("0XabCDef09") == 0xabcdef09u);
  CHECK(parse_number("0x10000000000000000") == std::nullopt);
}

TEST_CASE("number: what is not all digits is none") {
  for (const char* text : {"", "0x", "x", "-1", "+1", " 1", "1 ", "12a", "0xg", "1.5", "0x0x1"}) {
    CAPTURE(text);
    CHECK(parse_number(text) == std::nullopt);
  }
}
