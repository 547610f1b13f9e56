// The device tree's reader beside libfdt, over the trees that QEMU makes for its machines, and over
// what is left of them after mutation and truncation.
#include "tests/catch.hpp"

#include <libfdt.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <sluice/kernel/fdt.hpp>

#include "tests/unit/kernel/libfdt_oracle.hpp"

using namespace sluice;

namespace {

using Blob = std::vector<std::byte>;

Blob read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  Blob blob(bytes.size());
  std::memcpy(blob.data(), bytes.data(), bytes.size());
  return blob;
}

struct Dumped {
  std::string name;
  Blob blob;
};

std::vector<Dumped> dumped_trees() {
  std::vector<Dumped> trees;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_TREES)) {
    if (entry.path().extension() == ".dtb") {
      trees.push_back({entry.path().stem().string(), read_file(entry.path())});
    }
  }
  std::ranges::sort(trees, {}, &Dumped::name);
  return trees;
}

// Parses a hostile blob and, where it is taken, asks it everything, and compares with libfdt where
// that takes it too.
void survive(const Blob& blob, int& taken) {
  fdt::Tree tree;
  if (!tree.parse(blob)) {
    CHECK_FALSE(tree.root());
    return;
  }
  ++taken;
  CHECK(test::interrogate(tree) > 0);
  // Comparing is slow: every fourth is enough.
  if (taken % 4 == 0 && test::libfdt_takes(blob)) {
    CHECK(test::compare(tree, blob).first == "");
  }
}

Blob mutate(const Blob& original, std::mt19937& random) {
  static constexpr u32 kWords[] = {0, 1,          2,          3,          4,
                                   9, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc};
  Blob blob = original;
  const u32 changes = 1 + random() % 4;
  for (u32 i = 0; i < changes; ++i) {
    // The header is small and rules all: one change in four goes there.
    const usize range = random() % 4 == 0 ? 40 : blob.size();
    const usize at = random() % range;
    const usize word_at = at & ~usize{3};
    if (random() % 2 == 0 || word_at + 4 > blob.size()) {
      blob[at] = static_cast<std::byte>(random());
    } else {
      const u32 word = random() % 2 == 0 ? kWords[random() % std::size(kWords)] : random() % 4096;
      for (u32 byte = 0; byte < 4; ++byte) {
        blob[word_at + byte] = static_cast<std::byte>(word >> (24 - 8 * byte));
      }
    }
  }
  return blob;
}

void put_word(Blob& blob, usize at, usize word) {
  for (u32 byte = 0; byte < 4; ++byte) {
    blob[at + byte] = static_cast<std::byte>(word >> (24 - 8 * byte));
  }
}

}  // namespace

TEST_CASE("fdt: QEMU's trees read as libfdt reads them") {
  const auto trees = dumped_trees();
  REQUIRE(trees.size() >= 6);
  for (const Dumped& dumped : trees) {
    INFO(dumped.name);
    fdt::Tree tree;
    REQUIRE(tree.parse(dumped.blob));
    REQUIRE(test::libfdt_takes(dumped.blob));
    const test::Comparison result = test::compare(tree, dumped.blob);
    CHECK(result.first == "");
    CHECK(result.nodes > 10);
  }
}

TEST_CASE("fdt: what is found in QEMU's trees is what libfdt finds") {
  for (const Dumped& dumped : dumped_trees()) {
    INFO(dumped.name);
    fdt::Tree tree;
    REQUIRE(tree.parse(dumped.blob));
    CHECK(test::compare_searches(tree, dumped.blob).first == "");
  }
}

TEST_CASE("fdt: mutated trees are refused or read without harm") {
  std::mt19937 random(20240917);
  int taken = 0;
  int refused = 0;
  for (const Dumped& dumped : dumped_trees()) {
    INFO(dumped.name);
    const int rounds = dumped.name == "virt-1" ? 1000 : 150;
    for (int round = 0; round < rounds; ++round) {
      const int before = taken;
      survive(mutate(dumped.blob, random), taken);
      refused += before == taken ? 1 : 0;
    }
  }
  CHECK(taken > 300);
  CHECK(refused > 300);
}

TEST_CASE("fdt: a tree that is cut short is refused, whatever its length") {
  for (const Dumped& dumped : dumped_trees()) {
    INFO(dumped.name);
    fdt::Tree tree;
    REQUIRE(tree.parse(dumped.blob));
    int accepted = 0;
    for (usize bytes = 0; bytes < tree.bytes(); ++bytes) {
      const Blob cut(dumped.blob.begin(), dumped.blob.begin() + static_cast<std::ptrdiff_t>(bytes));
      accepted += fdt::Tree().parse(cut) ? 1 : 0;
    }
    CHECK(accepted == 0);
  }
}

TEST_CASE("fdt: a tree whose header agrees with where it was cut is refused or read without harm") {
  for (const Dumped& dumped : dumped_trees()) {
    INFO(dumped.name);
    const usize structure = fdt_off_dt_struct(dumped.blob.data());
    const usize strings = fdt_off_dt_strings(dumped.blob.data());
    const usize structure_bytes = fdt_size_dt_struct(dumped.blob.data());
    const usize strings_bytes = fdt_size_dt_strings(dumped.blob.data());
    int taken = 0;
    for (usize bytes = 40; bytes < strings + strings_bytes; ++bytes) {
      Blob cut(dumped.blob.begin(), dumped.blob.begin() + static_cast<std::ptrdiff_t>(bytes));
      put_word(cut, 4, bytes);
      put_word(cut, 32, std::min(strings_bytes, bytes - std::min(bytes, strings)));
      put_word(cut, 36, std::min(structure_bytes, bytes - std::min(bytes, structure)));
      survive(cut, taken);
    }
    CHECK(taken == 0);
  }
}
