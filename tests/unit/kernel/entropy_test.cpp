// The pool of entropy, and the cipher that it is made of.
#include <sluice/kernel/entropy.hpp>

#include <set>
#include <string_view>
#include <vector>

#include "tests/catch.hpp"
#include "tests/port/world.hpp"

using namespace sluice;
using entropy::Pool;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// What a pool gives after these were added, each by a call.
u64 first_of(const std::vector<std::string_view>& added) {
  Pool pool;
  for (const std::string_view text : added) {
    pool.add(bytes_of(text));
  }
  u64 value = 0;
  pool.fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

}  // namespace

TEST_CASE("ChaCha20 makes the blocks of RFC 8439") {
  // 2.3.2
  const ChaChaKey key{0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                      0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c};
  CHECK(chacha20_block(key, {1, 0x09000000, 0x4a000000, 0}) ==
        ChaChaBlock{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
                    0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                    0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2});
  // A.1, test vector 1
  const ChaChaBlock zeroes = chacha20_block({}, {});
  CHECK(zeroes.front() == 0xade0b876);
  CHECK(zeroes.back() == 0x8665eeb2);
}

TEST_CASE("A pool gives the same for the same, and something else for anything else") {
  const std::string_view seed = "thirty-two bytes from a firmware";
  CHECK(first_of({seed}) == first_of({seed}));
  const std::string_view zero("\0", 1);
  const std::vector<std::vector<std::string_view>> different = {
      {},
      {""},
      {zero},
      {zero, zero},
      {seed},
      {seed, zero},
      {seed, seed},
      {seed.substr(0, 16), seed.substr(16)},
      {seed.substr(0, 31)},
      {seed.substr(1)},
      {"Thirty-two bytes from a firmware"},
      {"thirty-two bytes from a firmwarE"},
      {"0123456789abcdef"},
      {std::string_view("0123456789abcdef\0", 17)},
  };
  std::set<u64> values;
  for (const auto& added : different) {
    values.insert(first_of(added));
  }
  CHECK(values.size() == different.size());
}

TEST_CASE("A pool gives as many bytes as are asked for, and none of them again") {
  Pool pool;
  pool.add(bytes_of("seed"));
  std::set<u64> values;
  usize count = 0;
  for (const usize words : {1U, 3U, 4U, 5U, 100U}) {
    std::vector<u64> filled(words + 1, 0);
    pool.fill(std::as_writable_bytes(std::span(filled).first(words)));
    CHECK(filled.back() == 0);
    values.insert(filled.begin(), filled.end() - 1);
    count += words;
  }
  CHECK(values.size() == count);
  CHECK_FALSE(values.contains(0));
}

TEST_CASE("Seeds differ from call to call, also where nothing was ever added") {
  const test::World world;
  std::set<u64> seeds;
  for (int i = 0; i < 1000; ++i) {
    seeds.insert(entropy::seed64());
  }
  CHECK(seeds.size() == 1000);
}

TEST_CASE("What was added is counted, and much can be had at once") {
  const test::World world;
  const u64 before = entropy::bytes_added();
  entropy::add(bytes_of("0123456789"));
  CHECK(entropy::bytes_added() == before + 10);
  std::vector<u64> words(1001, 0);
  entropy::fill(std::as_writable_bytes(std::span(words).first(1000)));
  CHECK(std::set<u64>(words.begin(), words.end()).size() == 1001);
  CHECK(words.back() == 0);
}

TEST_CASE("What is wiped is zeroes, to its last byte") {
  std::vector<std::byte> secret(33, std::byte{7});
  entropy::wipe(std::span(secret).first(32));
  CHECK(std::count(secret.begin(), secret.end(), std::byte{0}) == 32);
  CHECK(secret.back() == std::byte{7});
}
