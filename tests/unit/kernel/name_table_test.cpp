// The table of names and frames: what is found at an address, and that a table which is none is
// not read.
#include "tests/catch.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <sluice/kernel/name_table.hpp>

using namespace sluice;

namespace {

constexpr u64 kCode = 0x8020'0000;

class Table {
 public:
  void add(u32 value) {
    const auto* const at = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), at, at + sizeof(value));
  }
  void add(const char* text) {
    const auto* const at = reinterpret_cast<const std::byte*>(text);
    bytes.insert(bytes.end(), at, at + std::strlen(text) + 1);
  }
  std::vector<std::byte> bytes;
};

// Two functions, at 0 and 0x40: the first sets up 32 bytes with ra 8 and s0 16 below their end from
// its third byte on; the second has its frame above s0, and ends at 0x60.
Table table_of_two() {
  Table table;
  for (const u32 value : {0x4d4e4c53U, 2U, 4U, 12U, 0U, 0U, 0x40U, 6U}) {
    table.add(value);
  }
  for (const u32 value : {0U, 0U, 2U, 0x0201'0002U, 0x40U, 0x0001'8001U, 0x60U, 0xffffU}) {
    table.add(value);
  }
  table.add("first");
  table.add("other");
  return table;
}

}  // namespace

TEST_CASE("a name table names the function that holds an address") {
  const Table bytes = table_of_two();
  NameTable table;
  REQUIRE(table.read(bytes.bytes, kCode));
  CHECK(NameTable::table_bytes(std::span(bytes.bytes).first<16>()) == bytes.bytes.size());
  CHECK_FALSE(table.function_at(kCode - 1));
  CHECK(table.function_at(kCode)->name == "first");
  CHECK(table.function_at(kCode + 0x3f)->offset == 0x3f);
  CHECK(table.function_at(kCode + 0x42)->name == "other");
  CHECK(table.function_at(kCode + 0x42)->offset == 2);
}

TEST_CASE(
    "a name table says where a function keeps what its caller needs, at each of its instructions") {
  const Table bytes = table_of_two();
  NameTable table;
  REQUIRE(table.read(bytes.bytes, kCode));
  CHECK_FALSE(table.frame_at(kCode - 1));
  CHECK(table.frame_at(kCode)->bytes == 0);
  CHECK(table.frame_at(kCode)->ra_bytes_below == 0);
  const auto inside = table.frame_at(kCode + 2);
  REQUIRE(inside);
  CHECK_FALSE(inside->from_s0);
  CHECK(inside->bytes == 32);
  CHECK(inside->ra_bytes_below == 8);
  CHECK(inside->s0_bytes_below == 16);
  CHECK(table.frame_at(kCode + 0x5f)->from_s0);
  CHECK(table.frame_at(kCode + 0x5f)->bytes == 16);
  CHECK_FALSE(table.frame_at(kCode + 0x60));
}

TEST_CASE("what is no name table is not read") {
  const Table bytes = table_of_two();
  NameTable table;
  CHECK_FALSE(table.read({}, kCode));
  CHECK_FALSE(table.read(std::vector<std::byte>(64), kCode));
  CHECK_FALSE(table.read(std::span(bytes.bytes).first(bytes.bytes.size() - 1), kCode));
  CHECK_FALSE(table.function_at(kCode));
  CHECK_FALSE(table.frame_at(kCode));

  Table wrong = table_of_two();  // a name beyond the text
  const u32 far = 0x7fff'ffff;
  std::memcpy(wrong.bytes.data() + 20, &far, sizeof(far));
  REQUIRE(table.read(wrong.bytes, kCode));
  CHECK_FALSE(table.function_at(kCode));
}
