#include "app/arguments.hpp"
#include "app/growing_array.hpp"
#include "app/quantity.hpp"
#include "app/volumes.hpp"

#include <string>
#include <vector>

#include "tests/catch.hpp"

using namespace sluice;
using namespace sluice::app;

namespace {

// What the reader makes of words: options as "-l", values as "=5", operands at the end.
std::vector<std::string> read(std::vector<std::string_view> words,
                              std::string_view with_value = "") {
  OptionReader reader(words);
  std::vector<std::string> seen;
  while (reader.next()) {
    seen.push_back((reader.is_long() ? "--" : "-") + std::string(reader.name()));
    if (reader.is(with_value)) {
      seen.push_back(reader.take_value() ? "=" + std::string(reader.value()) : "no value");
    }
    if (reader.has_unwanted_value()) {
      seen.push_back("unwanted");
    }
  }
  for (const std::string_view operand : reader.operands()) {
    seen.emplace_back(operand);
  }
  return seen;
}

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE("options may be joined and stand behind operands") {
  CHECK(read({"-lR", "vda:/"}) == Seen{"-l", "-R", "vda:/"});
  CHECK(read({"vda", "-s", "5", "-v"}, "s") == Seen{"-s", "=5", "-v", "vda"});
  CHECK(read({"-s5", "x"}, "s") == Seen{"-s", "=5", "x"});
  CHECK(read({"-vs", "5"}, "s") == Seen{"-v", "-s", "=5"});
}

TEST_CASE("behind -- and for a lone dash there are no options") {
  CHECK(read({"-l", "--", "-R", "--json"}) == Seen{"-l", "-R", "--json"});
  CHECK(read({"-", ""}) == Seen{"-", ""});
}

TEST_CASE("long options take their value from either place and say when it is unwanted") {
  CHECK(read({"--bs=4k"}, "bs") == Seen{"--bs", "=4k"});
  CHECK(read({"--bs", "4k"}, "bs") == Seen{"--bs", "=4k"});
  CHECK(read({"--bs="}, "bs") == Seen{"--bs", "="});
  CHECK(read({"--bs"}, "bs") == Seen{"--bs", "no value"});
  CHECK(read({"--json=1"}) == Seen{"--json", "unwanted"});
}

TEST_CASE("sizes take one suffix and refuse everything else") {
  CHECK(parse_size("0") == 0u);
  CHECK(parse_size("4k") == 4096u);
  CHECK(parse_size("1M") == 1048576u);
  CHECK(parse_size("2g") == 2147483648u);
  CHECK(parse_size("0x10") == 16u);
  CHECK(parse_size("0X10k") == 16384u);
  CHECK(parse_size("16777215T") == 16777215ull << 40);
  for (const char* wrong : {"", "k", "-1", "+1", " 1", "1 ", "1kk", "1kb", "0x", "4.5k",
                            "16777216T", "18446744073709551616"}) {
    INFO(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
}

TEST_CASE("a path has a disk before the colon") {
  CHECK(parse_path("vda:/a:b")->disk == "vda");
  CHECK(parse_path("vda:/a:b")->inside == "/a:b");
  CHECK(parse_path("vda:")->inside.empty());
  CHECK_FALSE(parse_path("vda"));
  CHECK_FALSE(parse_path(":/x"));
}

TEST_CASE("a growing array keeps what was appended") {
  GrowingArray<int> array;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(array.push_back(i));
  }
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(array[static_cast<usize>(i)] == i);
  }
  array.truncate(10);
  CHECK(array.count() == 10);
}

TEST_CASE("quantities are rounded and carry the right unit") {
  CHECK(scale(7, 10, 4) == 18);
  CHECK(scale(~u64{0}, 1000, 1000) == ~u64{0});
  CHECK(scale(~u64{0}, 3, 2) == ~u64{0});
  CHECK(scale(1, 1, 0) == ~u64{0});
  CHECK(scale(u64{1} << 60, 1'000'000'000, 3'000'000'000) == 384307168202282325);
  CHECK(decimal(1234, 2).view() == "1.23");
  CHECK(decimal(1999, 0).view() == "2");
  CHECK(decimal(50, 2).view() == "0.05");
  CHECK(size_text(512).view() == "512B");
  CHECK(size_text(16 << 20).view() == "16M");
  CHECK(size_text(1536).view() == "1.5K");
  CHECK(size_text(u64{3} << 40).view() == "3T");
  CHECK(metric_text(16777216, "B").view() == "16.8 MB");
  CHECK(binary_text(16777216, "B").view() == "16.0 MiB");
  CHECK(metric_text(999, "B").view() == "999 B");
  CHECK(metric_text(999999, "B").view() == "1.00 MB");
  CHECK(metric_text(71234, "", "").view() == "71.2k");
  CHECK(binary_text(1023 * 1024, "B", "").view() == "1023KiB");
}
