// Both readers over one blob, node by node.
#include "tests/unit/kernel/libfdt_oracle.hpp"

#include <libfdt.h>

#include <array>
#include <cstring>

namespace sluice::test {
namespace {

constexpr usize kMaxPath = 4096;

std::string path_of(fdt::Node node) {
  std::string path;
  for (; node.parent(); node = node.parent()) {
    path.insert(0, node.name());
    path.insert(0, "/");
  }
  return path.empty() ? "/" : path;
}

// A property by its place and by its name.
void compare_properties(Comparison& result, fdt::Node node, TreeBytes blob, int offset) {
  u32 index = 0;
  int property = 0;
  fdt_for_each_property_offset(property, blob.data(), offset) {
    const char* name = nullptr;
    int bytes = 0;
    const void* value = fdt_getprop_by_offset(blob.data(), property, &name, &bytes);
    if (value == nullptr) {
      return;  // where libfdt itself gives up
    }
    ++result.properties;
    const auto ours = node.property_at(index++);
    result.expect(ours && ours->name == name && ours->value.data() == value &&
                      ours->value.size() == static_cast<usize>(bytes),
                  "a property", node);
    const void* first = fdt_getprop(blob.data(), offset, name, nullptr);
    const auto by_name = node.property(name);
    result.expect(by_name && by_name->value.data() == first, "a property by its name", node);
  }
  result.expect(!node.property_at(index), "one property too many", node);
}

// The children of a node, in their order.
void compare_children(Comparison& result, fdt::Node node, TreeBytes blob, int offset) {
  int below = fdt_first_subnode(blob.data(), offset);
  for (const fdt::Node child : node.children()) {
    const char* name = below >= 0 ? fdt_get_name(blob.data(), below, nullptr) : nullptr;
    result.expect(name != nullptr && child.name() == name && child.parent() == node, "a child",
                  node);
    if (below < 0) {
      return;
    }
    below = fdt_next_subnode(blob.data(), below);
  }
  result.expect(below < 0, "one child too few", node);
}

// A child by its name before the '@': the first, unless one has exactly that name.
void compare_base_names(Comparison& result, fdt::Node node, TreeBytes blob, int offset) {
  int below = 0;
  fdt_for_each_subnode(below, blob.data(), offset) {
    const std::string_view name = fdt_get_name(blob.data(), below, nullptr);
    const std::string_view base = name.substr(0, name.find('@'));
    int wanted =
        fdt_subnode_offset_namelen(blob.data(), offset, base.data(), static_cast<int>(base.size()));
    int other = 0;
    fdt_for_each_subnode(other, blob.data(), offset) {
      if (fdt_get_name(blob.data(), other, nullptr) == base) {
        wanted = other;
        break;
      }
    }
    const char* there = fdt_get_name(blob.data(), wanted, nullptr);
    result.expect(node.child(base).name().data() == there, "a child by the start of its name",
                  node);
  }
}

// `reg` by the cells of the node above: of 1 or 2, size also 0.
void compare_reg(Comparison& result, fdt::Node node, TreeBytes blob, int offset) {
  const int above = fdt_parent_offset(blob.data(), offset);
  int bytes = 0;
  const void* value = fdt_getprop(blob.data(), offset, "reg", &bytes);
  if (above < 0 || value == nullptr) {
    result.expect(!node.reg(0), "reg, where there is none", node);
    return;
  }
  const int address_cells = fdt_address_cells(blob.data(), above);
  const int size_cells = fdt_size_cells(blob.data(), above);
  if (address_cells < 1 || address_cells > 2 || size_cells < 0 || size_cells > 2) {
    result.expect(address_cells < 0 || size_cells < 0 || !node.reg(0),
                  "reg, of cells that make no sense", node);
    return;
  }
  const auto* cells = static_cast<const fdt32_t*>(value);
  const auto number = [](const fdt32_t* from, int count) {
    u64 sum = 0;
    for (int i = 0; i < count; ++i) {
      sum = sum << 32 | fdt32_to_cpu(from[i]);
    }
    return sum;
  };
  const int entry = address_cells + size_cells;
  for (int at = 0, index = 0; index < 4; at += entry, ++index) {
    const std::optional<fdt::Range> ours = node.reg(static_cast<u32>(index));
    if ((at + entry) * 4 > bytes) {
      result.expect(!ours, "one range too many in reg", node);
      return;
    }
    const u64 base = number(cells + at, address_cells);
    const u64 size = number(cells + at + address_cells, size_cells);
    const bool wraps = size > 0 && base + (size - 1) < base;
    result.expect(wraps ? !ours : ours && ours->base == base && ours->bytes == size, "reg", node);
  }
}

void compare_path(Comparison& result, fdt::Node node, TreeBytes blob, int offset) {
  std::array<char, kMaxPath> path{};
  if (fdt_get_path(blob.data(), offset, path.data(), path.size()) != 0) {
    return;
  }
  result.expect(path_of(node) == path.data(), "the path", node);
  // A name that came before may hide it, and then libfdt finds another.
  result.expect(
      fdt_path_offset(blob.data(), path.data()) != offset || node.tree()->find(path.data()) == node,
      "what its path leads to", node);
}

void compare_searches_of(Comparison& result, fdt::Node node, TreeBytes blob, int offset) {
  const fdt::Tree& tree = *node.tree();
  const std::optional<u32> phandle = node.cell("phandle");
  if (phandle && *phandle != 0 && *phandle != ~u32{0}) {
    const fdt::Node found = tree.find_phandle(*phandle);
    const int there = fdt_node_offset_by_phandle(blob.data(), *phandle);
    // libfdt also knows the older `linux,phandle`, which may hide ours.
    result.expect(
        found && (fdt_getprop(blob.data(), there, "linux,phandle", nullptr) != nullptr ||
                  (there >= 0 && fdt_get_name(blob.data(), there, nullptr) == found.name().data())),
        "the phandle", node);
  }
  for (u32 i = 0; i < 2; ++i) {
    const auto what = node.text_at("compatible", i);
    if (!what || what->empty()) {
      break;
    }
    const std::string name(*what);
    const fdt::Node found = tree.find_compatible(name);
    const int there = fdt_node_offset_by_compatible(blob.data(), -1, name.c_str());
    result.expect(
        found && there >= 0 && fdt_get_name(blob.data(), there, nullptr) == found.name().data(),
        "the first that is as compatible", node);
  }
  compare_reg(result, node, blob, offset);
  compare_children(result, node, blob, offset);
  compare_base_names(result, node, blob, offset);
}

void compare_reservations(Comparison& result, const fdt::Tree& tree, TreeBytes blob) {
  const int count = fdt_num_mem_rsv(blob.data());
  for (int i = 0; i < count; ++i) {
    u64 base = 0;
    u64 bytes = 0;
    const bool there = fdt_get_mem_rsv(blob.data(), i, reinterpret_cast<uint64_t*>(&base),
                                       reinterpret_cast<uint64_t*>(&bytes)) == 0;
    const std::optional<fdt::Range> ours = tree.reserved(static_cast<u32>(i));
    // libfdt ends at a size of 0, the specification where the address is 0 as well.
    result.expect(there && ours && ours->base == base && ours->bytes == bytes, "a reservation", {});
  }
}

template <class Use>
void walk(Comparison& result, const fdt::Tree& tree, TreeBytes blob, Use use) {
  int offset = 0;
  for (fdt::Node node = tree.root(); node || offset >= 0; node = tree.next(node)) {
    if (!node || offset < 0) {
      result.expect(false, "one has more nodes than the other", node);
      return;
    }
    ++result.nodes;
    use(node, offset);
    offset = fdt_next_node(blob.data(), offset, nullptr);
  }
}

}  // namespace

bool libfdt_takes(TreeBytes blob) {
  return fdt_check_full(blob.data(), blob.size()) == 0;
}

void Comparison::expect(bool holds, const char* what, fdt::Node of) {
  if (!holds && differences++ == 0) {
    first = path_of(of) + ": " + what;
  }
}

Comparison compare(const fdt::Tree& tree, TreeBytes blob) {
  Comparison result;
  walk(result, tree, blob, [&](fdt::Node node, int offset) {
    const int above = fdt_parent_offset(blob.data(), offset);
    const char* above_name = above >= 0 ? fdt_get_name(blob.data(), above, nullptr) : nullptr;
    const char* name = fdt_get_name(blob.data(), offset, nullptr);
    result.expect(name != nullptr && node.name() == name, "the name", node);
    result.expect(above_name == nullptr ? !node.parent() : node.parent().name() == above_name,
                  "the parent", node);
    compare_properties(result, node, blob, offset);
  });
  return result;
}

Comparison compare_searches(const fdt::Tree& tree, TreeBytes blob) {
  Comparison result;
  bool slashes = false;  // in names: libfdt takes what follows them for names of their own
  walk(result, tree, blob, [&](fdt::Node node, int offset) {
    slashes = slashes || node.name().contains('/');
    if (!slashes) {
      compare_path(result, node, blob, offset);
    }
    compare_searches_of(result, node, blob, offset);
  });
  compare_reservations(result, tree, blob);
  return result;
}

usize interrogate(const fdt::Tree& tree) {
  usize answers = 0;
  for (fdt::Node node = tree.root(); node; node = tree.next(node)) {
    answers += node.name().size() + (node.enabled() ? 1 : 0) + (node.parent() ? 1 : 0);
    for (u32 i = 0; const auto property = node.property_at(i); ++i) {
      answers += property->value.size() + (node.property(property->name) ? 1 : 0);
    }
    for (u32 i = 0; i < 3; ++i) {
      answers += node.reg(i) ? 1 : 0;
      answers += node.text_at("compatible", i).value_or("").size();
      answers += node.cell_at("interrupts-extended", i).value_or(0);
    }
    answers += node.interrupt_parent().value_or(0) + node.number("reg").value_or(0);
    answers += node.child("cpu").name().size() + node.next_sibling().name().size();
  }
  for (const char* path : {"/soc/virtio_mmio", "serial0", "/", "", "/cpus/cpu@0/", "serial0//x"}) {
    answers += tree.find(path).name().size();
  }
  answers += tree.find_phandle(3) ? 1 : 0;
  for (fdt::Node node = tree.find_compatible("virtio,mmio"); node;
       node = tree.find_compatible("virtio,mmio", node)) {
    ++answers;
  }
  for (u32 i = 0; tree.reserved(i); ++i) {
    ++answers;
  }
  return answers;
}

}  // namespace sluice::test
