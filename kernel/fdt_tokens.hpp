// The tokens of a device tree's structure block, read with bounds.
// Used by kernel/fdt.cpp and kernel/fdt_node.cpp alone; a Token of a tree that parse() took is
// never bad. Reference: Devicetree Specification 0.4, 5.4 (structure block), 5.5 (strings block).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include <sluice/kernel/endian.hpp>

namespace sluice::fdt {

using Bytes = std::span<const std::byte>;
using be32 = Be<u32>;
using be64 = Be<u64>;

inline constexpr u32 kMaxDepth = 64;  // of nodes in nodes

enum class Kind : u32 { BeginNode = 1, EndNode = 2, Property = 3, Nop = 4, End = 9, Bad = 0 };

struct Token {
  Kind kind = Kind::Bad;
  u32 next = 0;             // where the next token starts
  std::string_view text{};  // a node's name; what is wrong with a bad token
  Bytes value{};            // a property's
  u32 name_offset = 0;      // of a property's name in the strings block
};

// The token at `at`, which is a multiple of 4. Whatever the bytes are: it ends inside the block,
// behind `at`, or is bad.
Token token_at(Bytes structure, u32 at);

// The next token that is no NOP, from `at`.
Token solid_token_at(Bytes structure, u32 at);

// The offset of the first FDT_BEGIN_NODE from `at` with nothing but NOPs before it.
std::optional<u32> node_at(Bytes structure, u32 at);

// The string at `offset` of `bytes`, without its end; nothing where it does not end inside.
std::optional<std::string_view> string_at(Bytes bytes, usize offset);

// A property's name in the strings block, bounded in length: many properties may share one.
std::optional<std::string_view> property_name(Bytes strings, u32 offset);

inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace sluice::fdt
