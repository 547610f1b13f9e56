// The flattened device tree, read where it lies.
// Used by boot (memory, chosen) and by the platform bus. Nothing in the blob is trusted: parse()
// checks the whole structure once, and every count, offset and depth has a bound. Reference:
// Devicetree Specification 0.4, chapter 5.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <string_view>

#include <sluice/kernel/endian.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fdt {

class Tree;

// A property's value is big-endian cells, strings or bytes, as its name implies.
struct Property {
  std::string_view name;
  std::span<const std::byte> value;
};

// An address range of a `reg` property, in the parent's cells.
struct Range {
  u64 base = 0;
  u64 bytes = 0;
};

// A node: a place in a tree; cheap to copy. A default one is null: it has no name, no properties
// and no children.
class Node {
 public:
  Node() = default;
  explicit operator bool() const { return tree_ != nullptr; }
  bool operator==(const Node&) const = default;

  const Tree* tree() const { return tree_; }
  std::string_view name() const;  // "virtio_mmio@10001000"; "" for the root
  Node parent() const;            // null for the root
  Node first_child() const;
  Node next_sibling() const;
  Node child(std::string_view name) const;  // by full name, or by the name before the '@'

  std::optional<Property> property(std::string_view name) const;
  std::optional<Property> property_at(u32 index) const;  // in the order of the blob
  std::optional<u32> cell(std::string_view name) const;  // a property of exactly one cell
  // One or two cells (4 or 8 bytes) as a number.
  std::optional<u64> number(std::string_view name) const;
  // A string without its end; nothing where the property is absent or not terminated.
  std::optional<std::string_view> text(std::string_view name) const;
  // String `index` of a list of strings.
  std::optional<std::string_view> text_at(std::string_view name, u32 index) const;
  // Cell `index` of a list of cells.
  std::optional<u32> cell_at(std::string_view name, u32 index) const;
  // Is `what` one of the strings of `compatible`?
  bool is_compatible(std::string_view what) const;
  bool is_compatible(std::span<const std::string_view> any) const;
  // False where `status` says anything but "okay" or "ok".
  bool enabled() const;
  // Range `index` of `reg`, by the #address-cells and #size-cells of the parent (default 2 and 1; 1
  // or 2, size also 0).
  std::optional<Range> reg(u32 index) const;
  // The phandle of the controller of this node's interrupts: `interrupt-parent` here or at the
  // nearest ancestor.
  std::optional<u32> interrupt_parent() const;

  // For `for (Node child : node.children())`.
  class Children;
  Children children() const;

 private:
  friend class Tree;
  Node(const Tree* tree, u32 offset) : tree_(tree), offset_(offset) {}
  static Node remember_parent(Node node, u32 parent);
  const Tree* tree_ = nullptr;
  u32 offset_ = 0;  // of its FDT_BEGIN_NODE in the structure block
};

class Node::Children {
 public:
  class iterator {
   public:
    explicit iterator(Node node) : node_(node) {}
    Node operator*() const { return node_; }
    iterator& operator++() {
      node_ = node_.next_sibling();
      return *this;
    }
    bool operator==(const iterator&) const = default;

   private:
    Node node_;
  };
  explicit Children(Node first) : first_(first) {}
  iterator begin() const { return iterator(first_); }
  iterator end() const { return iterator(Node{}); }

 private:
  Node first_;
};

// A tree over a blob that outlives it. Immovable once nodes exist: keep it where it was parsed to.
class Tree {
 public:
  Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  // Checks header and structure of the blob, which may be longer than the tree. Malformed, with
  // what and where in the log; then the tree is empty.
  Result<void> parse(std::span<const std::byte> blob);
  // The total size that a blob's header claims, to know how much to map before parse(). Nothing: no
  // magic number.
  static std::optional<u32> claimed_bytes(std::span<const std::byte> header);

  Node root() const;
  // By absolute path, unit addresses may be left out: "/soc/plic"; or with an alias instead of the
  // first '/': "serial0". Null where there is none.
  Node find(std::string_view path) const;
  Node find_phandle(u32 phandle) const;
  // The first node, in the blob's order, that is compatible with `what`; `after` continues a
  // search.
  Node find_compatible(std::string_view what, Node after = {}) const;
  // The node after `node` in the order of the blob, whatever its depth; null after the last.
  Node next(Node node) const;

  u32 bytes() const { return static_cast<u32>(blob_.size()); }
  // Entry `index` of the memory reservation block.
  std::optional<Range> reserved(u32 index) const;

 private:
  friend class Node;
  std::span<const std::byte> blob_;
  std::span<const std::byte> structure_;
  std::span<const std::byte> strings_;
  std::span<const std::byte> reservations_;
  // The node whose parent was told last, and that parent: two offsets in one word, so that harts
  // need no lock. 0: none yet (the root has no parent to tell).
  mutable std::atomic<u64> last_parent_{0};
  // A phandle, and where its node is: most devices have the same interrupt controller.
  mutable std::atomic<u64> last_phandle_{0};
};

inline Node::Children Node::children() const {
  return Children(first_child());
}

}  // namespace sluice::fdt
