// The formatter of kernel/format.hpp.
#include "tests/catch.hpp"

#include <string>

#include <sluice/kernel/format.hpp>

using namespace sluice;

namespace {

template <class... Args>
std::string format(FormatString<Args...> text, const Args&... args) {
  char buffer[200];
  BufferSink sink(buffer);
  format_to<Args...>(sink, text, args...);
  return std::string(sink.text());
}

}  // namespace

TEST_CASE("integers of every width print in decimal and hexadecimal") {
  CHECK(format("{} {} {}", 0u, -5, ~u64{0}) == "0 -5 18446744073709551615");
  CHECK(format("{}", std::int64_t{-9223372036854775807 - 1}) == "-9223372036854775808");
  CHECK(format("{:x} {:#x} {:08x} {:#06x}", 255u, 255u, 255u, 255u) == "ff 0xff 000000ff 0x00ff");
}

TEST_CASE("text and numbers are aligned to a width") {
  CHECK(format("[{:5}][{:<5}][{:>5}]", 42, 42, 42) == "[   42][42   ][   42]");
  CHECK(format("[{:5}][{:<5}][{:>5}]", "ab", "ab", "ab") == "[ab   ][ab   ][   ab]");
}

TEST_CASE("doubled braces print one") {
  CHECK(format("{{{}}}", 1) == "{1}");
}

TEST_CASE("what does not fit into the buffer is dropped") {
  char buffer[4];
  BufferSink sink(buffer);
  format_to<const char*>(sink, "{}", "abcdef");
  CHECK(sink.text() == "abcd");
}

TEST_CASE("a character is text, and a pointer is its address") {
  CHECK(format("[{}][{:3}][{:>3}]", 'x', 'y', 'z') == "[x][y  ][  z]");
  CHECK(format("{:#x}", reinterpret_cast<const void*>(0x1234)) == "0x1234");
}
