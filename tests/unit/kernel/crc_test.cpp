// CRCs against the values that their standards give, in every way of cutting the data.
#include <sluice/kernel/crc.hpp>

#include <array>
#include <cstring>
#include <vector>

#include "tests/catch.hpp"

using namespace sluice;

namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

}  // namespace

TEST_CASE("both CRCs of 123456789 are the published check values") {
  const std::vector<std::byte> digits = bytes_of("123456789");
  CHECK(crc32(digits) == 0xcbf43926);
  CHECK(crc32c(digits) == 0xe3069283);
}

TEST_CASE("crc32c has the values of RFC 3720, B.4") {
  std::array<std::byte, 32> data{};
  CHECK(crc32c(data) == 0x8a9136aa);
  data.fill(std::byte{0xff});
  CHECK(crc32c(data) == 0x62a8ab43);
  for (u32 i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(i);
  }
  CHECK(crc32c(data) == 0x46dd794e);
  for (u32 i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(31 - i);
  }
  CHECK(crc32c(data) == 0x113fdb5c);
}

TEST_CASE("nothing has the CRC 0, and adds nothing") {
  CHECK(crc32({}) == 0);
  CHECK(crc32c({}) == 0);
  CHECK(crc32({}, 0x12345678) == 0x12345678);
}

TEST_CASE("a CRC does not depend on where its data lie or are cut") {
  std::vector<std::byte> data(100);
  for (u32 i = 0; i < data.size(); ++i) {
    data[i] = static_cast<std::byte>(i * 37 + 11);
  }
  const u32 whole = crc32(data);
  const u32 whole_c = crc32c(data);
  for (usize cut = 0; cut <= data.size(); ++cut) {
    const std::span<const std::byte> all(data);
    REQUIRE(crc32(all.subspan(cut), crc32(all.first(cut))) == whole);
    REQUIRE(crc32c(all.subspan(cut), crc32c(all.first(cut))) == whole_c);
  }
  for (usize offset = 1; offset < 8; ++offset) {
    std::vector<std::byte> moved(offset);
    moved.insert(moved.end(), data.begin(), data.end());
    REQUIRE(crc32(std::span(moved).subspan(offset)) == whole);
  }
}
