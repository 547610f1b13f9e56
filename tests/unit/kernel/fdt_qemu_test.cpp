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

// The properties of a node in both readers, equal in order, name and value; the number of
// differences.
int property_differences(fdt::Node node, const Blob& blob, int offset) {
  int differences = 0;
  u32 index = 0;
  int property = 0;
  fdt_for_each_property_offset(property, blob.data(), offset) {
    const char* name = nullptr;
    int bytes = 0;
    const void* value = fdt_getprop_by_offset(blob.data(), property, &name, &bytes);
    if (value == nullptr) {
      return differences;  // where libfdt itself gives up
    }
    const auto ours = node.property_at(index++);
    const bool same = ours && ours->name == name &&
                      ours->value.size() == static_cast<usize>(bytes) &&
                      std::memcmp(ours->value.data(), value, ours->value.size()) == 0;
    int first_bytes = 0;
    const void* first = fdt_getprop(blob.data(), offset, name, &first_bytes);
    const auto by_name = node.property(name);
    const bool same_by_name = by_name && first != nullptr && by_name->value.data() == first;
    differences += same && same_by_name ? 0 : 1;
  }
  return differences + (node.property_at(index) ? 1 : 0);
}

// Every node in both readers, equal in order, name, parent and properties; the number of
// differences, and of nodes.
std::pair<int, int> compare(const fdt::Tree& tree, const Blob& blob) {
  int differences = 0;
  int nodes = 0;
  int offset = 0;
  for (fdt::Node node = tree.root(); node || offset >= 0; node = tree.next(node)) {
    if (!node || offset < 0) {
      return {differences + 1, nodes};
    }
    ++nodes;
    const int parent = fdt_parent_offset(blob.data(), offset);
    const char* parent_name = parent >= 0 ? fdt_get_name(blob.data(), parent, nullptr) : nullptr;
    const bool same_parent =
        parent_name == nullptr ? !node.parent() : node.parent().name() == parent_name;
    const char* name = fdt_get_name(blob.data(), offset, nullptr);
    differences += name != nullptr && node.name() == name && same_parent ? 0 : 1;
    differences += property_differences(node, blob, offset);
    offset = fdt_next_node(blob.data(), offset, nullptr);
  }
  return {differences, nodes};
}

// Asks a tree everything once; what it answers is not the point, that it answers is.
usize interrogate(const fdt::Tree& tree) {
  usize answers = 0;
  for (fdt::Node node = tree.root(); node; node = tree.next(node)) {
    answers += node.name().size() + (node.enabled() ? 1 : 0) + (node.parent() ? 1 : 0);
    for (u32 i = 0; const auto property = node.property_at(i); ++i) {
      answers += property->value.size();
    }
    for (u32 i = 0; i < 3; ++i) {
      answers += node.reg(i) ? 1 : 0;
      answers += node.text_at("compatible", i).value_or("").size();
      answers += node.cell_at("interrupts-extended", i).value_or(0);
    }
    answers += node.interrupt_parent().value_or(0) + node.number("reg").value_or(0);
  }
  answers += tree.find("/soc/virtio_mmio").name().size() + (tree.find_phandle(3) ? 1 : 0);
  answers += tree.find_compatible("sifive,plic-1.0.0").name().size();
  for (u32 i = 0; tree.reserved(i); ++i) {
    ++answers;
  }
  return answers;
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
  CHECK(interrogate(tree) > 0);
  // Comparing is slow: every fourth is enough.
  if (taken % 4 == 0 && fdt_check_full(blob.data(), blob.size()) == 0) {
    CHECK(compare(tree, blob).first == 0);
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
    REQUIRE(fdt_check_full(dumped.blob.data(), dumped.blob.size()) == 0);
    const auto [differences, nodes] = compare(tree, dumped.blob);
    CHECK(differences == 0);
    CHECK(nodes > 10);
  }
}

TEST_CASE("fdt: paths and phandles of QEMU's trees lead where libfdt's lead") {
  for (const Dumped& dumped : dumped_trees()) {
    INFO(dumped.name);
    fdt::Tree tree;
    REQUIRE(tree.parse(dumped.blob));
    int offset = 0;
    for (fdt::Node node = tree.root(); node; node = tree.next(node)) {
      char path[256];
      REQUIRE(fdt_get_path(dumped.blob.data(), offset, path, sizeof(path)) == 0);
      CHECK(tree.find(path) == node);
      if (const u32 phandle = fdt_get_phandle(dumped.blob.data(), offset)) {
        CHECK(tree.find_phandle(phandle) == node);
      }
      offset = fdt_next_node(dumped.blob.data(), offset, nullptr);
    }
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
