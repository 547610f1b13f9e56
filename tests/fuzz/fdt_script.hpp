// A device tree by an input's bytes: one that is well-formed, with the names that mean something to
// the kernel and any values. Used by the fuzz target fdt.
#pragma once

#include <cstddef>
#include <vector>

#include "input.hpp"

namespace sluice::fuzz {

// Each step is a byte: a node begins or ends, or, in a node without children so far, has one more
// property; then come the name's number and what the value is made of. Nodes left open end with it.
std::vector<std::byte> tree_of_script(Input script);

}  // namespace sluice::fuzz
