// What a node of the device tree says of itself and of its neighbours.
// Reference: Devicetree Specification 0.4, 2.2 (structure), 2.3 (standard properties), 2.4
// (interrupts).
#include <algorithm>
#include <array>

#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/fdt_tokens.hpp>

namespace sluice::fdt {
namespace {

// A number of one or two big-endian cells; nothing for another count, or where `value` ends before
// it.
std::optional<u64> read_cells(Bytes value, usize offset, u32 cells) {
  if (cells == 1) {
    const std::optional<be32> one = read_object<be32>(value, offset);
    return one ? std::optional<u64>(u32{*one}) : std::nullopt;
  }
  if (cells == 2) {
    const std::optional<be64> two = read_object<be64>(value, offset);
    return two ? std::optional<u64>(u64{*two}) : std::nullopt;
  }
  return std::nullopt;
}

std::string_view before_at(std::string_view name) {
  return name.substr(0, name.find('@'));
}

}  // namespace

// --- Node: the structure
// -----------------------------------------------------------------------------------------------

std::string_view Node::name() const {
  return tree_ == nullptr ? std::string_view{} : token_at(tree_->structure_, offset_).text;
}

// Finding a parent takes a walk from the root: who goes through children, and asks each for what
// depends on the parent, need not walk.
Node Node::remember_parent(Node node, u32 parent) {
  node.tree_->last_parent_.store(u64{node.offset_} << 32 | parent, std::memory_order_relaxed);
  return Node(node.tree_, parent);
}

Node Node::parent() const {
  if (tree_ == nullptr) {
    return {};
  }
  const u64 last = tree_->last_parent_.load(std::memory_order_relaxed);
  if (last != 0 && last >> 32 == offset_) {
    return Node(tree_, static_cast<u32>(last));
  }
  // Only the way down from the root knows the ancestors.
  std::array<u32, kMaxDepth> above{};
  u32 depth = 0;
  for (u32 at = 0; at < offset_;) {
    const Token token = token_at(tree_->structure_, at);
    if (token.kind == Kind::BeginNode && depth < kMaxDepth) {
      above[depth++] = at;
    } else if (token.kind == Kind::EndNode && depth > 0) {
      --depth;
    } else if (token.kind == Kind::Bad) {
      return {};
    }
    at = token.next;
  }
  return depth == 0 ? Node{} : remember_parent(*this, above[depth - 1]);
}

Node Node::first_child() const {
  if (tree_ == nullptr) {
    return {};
  }
  u32 at = token_at(tree_->structure_, offset_).next;
  Token token = token_at(tree_->structure_, at);
  while (token.kind == Kind::Property || token.kind == Kind::Nop) {
    at = token.next;
    token = token_at(tree_->structure_, at);
  }
  if (token.kind != Kind::BeginNode) {
    return {};
  }
  const Node child(tree_, at);
  remember_parent(child, offset_);
  return child;
}

Node Node::next_sibling() const {
  if (tree_ == nullptr) {
    return {};
  }
  u32 depth = 0;
  for (u32 at = offset_;;) {
    const Token token = token_at(tree_->structure_, at);
    if (token.kind == Kind::End || token.kind == Kind::Bad) {
      return {};
    }
    at = token.next;
    if (token.kind == Kind::BeginNode) {
      ++depth;
    } else if (token.kind == Kind::EndNode && --depth == 0) {
      const std::optional<u32> sibling = node_at(tree_->structure_, at);
      if (!sibling) {
        return {};
      }
      const Node node(tree_, *sibling);
      const u64 last = tree_->last_parent_.load(std::memory_order_relaxed);
      if (last != 0 && last >> 32 == offset_) {
        remember_parent(node, static_cast<u32>(last));
      }
      return node;
    }
  }
}

Node Node::child(std::string_view name) const {
  Node by_base;
  for (const Node node : children()) {
    const std::string_view full = node.name();
    if (full == name) {
      return node;
    }
    if (!by_base && before_at(full) == name) {
      by_base = node;
    }
  }
  return by_base;
}

// --- Node: properties
// --------------------------------------------------------------------------------------------------

std::optional<Property> Node::property(std::string_view name) const {
  if (tree_ == nullptr) {
    return std::nullopt;
  }
  const Bytes structure = tree_->structure_;
  Token token = solid_token_at(structure, token_at(structure, offset_).next);
  for (; token.kind == Kind::Property; token = solid_token_at(structure, token.next)) {
    // The end of the name is compared too, so that no length is needed first.
    const std::string_view there = as_text(tree_->strings_).substr(token.name_offset);
    if (there.starts_with(name) && there.substr(name.size()).starts_with('\0')) {
      return Property{there.substr(0, name.size()), token.value};
    }
  }
  return std::nullopt;
}

std::optional<Property> Node::property_at(u32 index) const {
  if (tree_ == nullptr) {
    return std::nullopt;
  }
  const Bytes structure = tree_->structure_;
  Token token = solid_token_at(structure, token_at(structure, offset_).next);
  for (; token.kind == Kind::Property; token = solid_token_at(structure, token.next)) {
    if (index-- == 0) {
      return Property{property_name(tree_->strings_, token.name_offset).value_or(""), token.value};
    }
  }
  return std::nullopt;
}

std::optional<u32> Node::cell(std::string_view name) const {
  const std::optional<Property> found = property(name);
  return found && found->value.size() == 4 ? cell_at(name, 0) : std::nullopt;
}

std::optional<u64> Node::number(std::string_view name) const {
  const std::optional<Property> found = property(name);
  if (!found || (found->value.size() != 4 && found->value.size() != 8)) {
    return std::nullopt;
  }
  return read_cells(found->value, 0, static_cast<u32>(found->value.size() / 4));
}

std::optional<std::string_view> Node::text(std::string_view name) const {
  return text_at(name, 0);
}

std::optional<std::string_view> Node::text_at(std::string_view name, u32 index) const {
  const std::optional<Property> found = property(name);
  if (!found) {
    return std::nullopt;
  }
  usize at = 0;
  std::optional<std::string_view> text = string_at(found->value, at);
  for (; text && index > 0; --index) {
    at += text->size() + 1;
    text = string_at(found->value, at);
  }
  return text;
}

std::optional<u32> Node::cell_at(std::string_view name, u32 index) const {
  const std::optional<Property> found = property(name);
  const std::optional<u64> cell =
      found ? read_cells(found->value, usize{index} * 4, 1) : std::nullopt;
  return cell ? std::optional<u32>(static_cast<u32>(*cell)) : std::nullopt;
}

bool Node::is_compatible(std::string_view what) const {
  return is_compatible(std::span(&what, 1));
}

bool Node::is_compatible(std::span<const std::string_view> any) const {
  const std::optional<Property> found = property("compatible");
  if (!found) {
    return false;
  }
  for (usize at = 0;;) {
    const std::optional<std::string_view> text = string_at(found->value, at);
    if (!text) {
      return false;
    }
    if (std::ranges::find(any, *text) != any.end()) {
      return true;
    }
    at += text->size() + 1;
  }
}

bool Node::enabled() const {
  if (!property("status")) {
    return true;
  }
  const std::optional<std::string_view> status = text("status");
  return status == "okay" || status == "ok";
}

std::optional<Range> Node::reg(u32 index) const {
  const std::optional<Property> found = property("reg");
  const Node above = found ? parent() : Node{};
  if (!above) {
    return std::nullopt;
  }
  const u32 address_cells = above.cell("#address-cells").value_or(2);
  const u32 size_cells = above.cell("#size-cells").value_or(1);
  if (address_cells < 1 || address_cells > 2 || size_cells > 2) {
    return std::nullopt;
  }
  const usize at = usize{index} * (address_cells + size_cells) * 4;
  const std::optional<u64> base = read_cells(found->value, at, address_cells);
  const std::optional<u64> bytes =
      size_cells == 0 ? 0 : read_cells(found->value, at + address_cells * 4, size_cells);
  if (!base || !bytes || (*bytes > 0 && *base + (*bytes - 1) < *base)) {
    return std::nullopt;
  }
  return Range{*base, *bytes};
}

std::optional<u32> Node::interrupt_parent() const {
  for (Node node = *this; node; node = node.parent()) {
    if (const std::optional<u32> phandle = node.cell("interrupt-parent")) {
      return phandle;
    }
  }
  return std::nullopt;
}

}  // namespace sluice::fdt
