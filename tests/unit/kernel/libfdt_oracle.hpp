// The device tree's reader beside libfdt: what one says of a tree, the other has to say.
// Used by the tests of kernel/fdt, by the fuzz target fdt, and by the test over the trees of other
// machines.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <sluice/kernel/fdt.hpp>

namespace sluice::test {

using TreeBytes = std::span<const std::byte>;

// Does libfdt take the whole of it?
bool libfdt_takes(TreeBytes blob);

struct Comparison {
  u32 nodes = 0;
  u32 properties = 0;
  u32 differences = 0;
  std::string first;  // difference: whose, and in what

  void expect(bool holds, const char* what, fdt::Node of);
};

// Every node, equal in order, name, parent and properties. The blob is one that both take.
Comparison compare(const fdt::Tree& tree, TreeBytes blob);

// What is found by path, phandle and `compatible`, `reg`, and the reservations. Slow: each node is
// looked for from the root.
Comparison compare_searches(const fdt::Tree& tree, TreeBytes blob);

// Asks a tree everything once. What it answers is not the point, that it answers is.
usize interrogate(const fdt::Tree& tree);

}  // namespace sluice::test
