// The device tree as a whole: parse() checks everything once, then nodes are found.
// Reference: Devicetree Specification 0.4, 5.2 (header), 5.3 (reservations), 5.4 (structure), 5.5
// (strings).
#include <sluice/kernel/fdt.hpp>

#include <sluice/kernel/fdt_tokens.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::fdt {
namespace {

constexpr u32 kMagic = 0xd00dfeed;
constexpr u32 kVersion = 17;  // the first whose header gives the size of the structure block

struct Header {  // 5.2
  be32 magic;
  be32 totalsize;
  be32 off_dt_struct;
  be32 off_dt_strings;
  be32 off_mem_rsvmap;
  be32 version;
  be32 last_comp_version;
  be32 boot_cpuid_phys;
  be32 size_dt_strings;
  be32 size_dt_struct;
};
static_assert(sizeof(Header) == 40 && alignof(Header) == 1);

struct Reservation {  // 5.3.1
  be64 address;
  be64 size;
};
static_assert(sizeof(Reservation) == 16);

std::unexpected<Errc> malformed(std::string_view what, u64 offset) {
  log::error("device tree: {} (at offset {:#x})", what, offset);
  return fail(Errc::Malformed);
}

// Is [offset, offset + bytes) inside the first `total` bytes, past the header, and aligned?
Result<Bytes> block(Bytes blob, u32 offset, u32 bytes, u32 alignment, std::string_view name) {
  if (offset < sizeof(Header) || u64{offset} + bytes > blob.size()) {
    log::error(
        "device tree: its {} block, {} bytes at offset {:#x}, does not lie inside its {} bytes",
        name, bytes, offset, blob.size());
    return fail(Errc::Malformed);
  }
  if (offset % alignment != 0) {
    log::error("device tree: its {} block at offset {:#x} is not aligned to {}", name, offset,
               alignment);
    return fail(Errc::Malformed);
  }
  return blob.subspan(offset, bytes);
}

// The entries before the terminating one, which must be there.
Result<Bytes> check_reservations(Bytes blob, u32 offset) {
  const Bytes rest = TRY(block(blob, offset, 0, 8, "reservation"));
  const Bytes entries = blob.subspan(static_cast<usize>(rest.data() - blob.data()));
  for (usize at = 0;; at += sizeof(Reservation)) {
    const std::optional<Reservation> entry = read_object<Reservation>(entries, at);
    if (!entry) {
      return malformed("the reservation block does not end", offset + at);
    }
    if (entry->address == 0 && entry->size == 0) {
      return entries.first(at);
    }
  }
}

// Walks the structure once: one root, every node ended, properties before children, names in the
// strings block, nothing deeper than kMaxDepth. `base` is the block's offset in the blob, for
// messages.
Result<void> check_structure(Bytes structure, Bytes strings, u32 base) {
  u32 depth = 0;
  bool properties_allowed = false;
  bool root_seen = false;
  for (u32 at = 0;;) {
    const Token token = token_at(structure, at);
    const u64 place = u64{base} + at;
    switch (token.kind) {
      case Kind::BeginNode:
        if (depth == 0 && root_seen) {
          return malformed("a second root node", place);
        }
        if (depth > 0 && token.text.empty()) {
          return malformed("a node without a name", place);
        }
        if (depth == kMaxDepth) {
          return malformed("nodes nested too deeply", place);
        }
        root_seen = true;
        properties_allowed = true;
        ++depth;
        break;
      case Kind::EndNode:
        if (depth == 0) {
          return malformed("FDT_END_NODE without a node", place);
        }
        properties_allowed = false;
        --depth;
        break;
      case Kind::Property:
        if (!properties_allowed) {
          return malformed("a property that does not stand at the start of a node", place);
        }
        if (!property_name(strings, token.name_offset)) {
          return malformed("a property whose name does not lie in the strings block", place);
        }
        break;
      case Kind::Nop:
        break;
      case Kind::End:
        if (depth > 0 || !root_seen) {
          return malformed("FDT_END before the root node has ended", place);
        }
        return {};
      case Kind::Bad:
        return malformed(token.text, place);
    }
    at = token.next;
  }
}

}  // namespace

// --- Tree
// ------------------------------------------------------------------------------------------------------------

std::optional<u32> Tree::claimed_bytes(Bytes header) {
  const std::optional<be32> magic = read_object<be32>(header, 0);
  const std::optional<be32> total = read_object<be32>(header, offsetof(Header, totalsize));
  if (!magic || !total || *magic != kMagic) {
    return std::nullopt;
  }
  return u32{*total};
}

Result<void> Tree::parse(Bytes blob) {
  blob_ = structure_ = strings_ = reservations_ = {};
  last_parent_ = 0;
  last_phandle_ = 0;
  const std::optional<Header> header = read_object<Header>(blob, 0);
  if (!header) {
    return malformed("it ends within its header", blob.size());
  }
  if (header->magic != kMagic) {
    log::error("device tree: its magic number is {:#010x}, not {:#010x}", u32{header->magic},
               kMagic);
    return fail(Errc::Malformed);
  }
  if (header->totalsize < sizeof(Header) || header->totalsize > blob.size()) {
    log::error("device tree: it claims {} bytes and there are {}", u32{header->totalsize},
               blob.size());
    return fail(Errc::Malformed);
  }
  if (header->version < kVersion || header->last_comp_version > kVersion) {
    log::error("device tree: version {}, readable as {}; version {} is needed",
               u32{header->version}, u32{header->last_comp_version}, kVersion);
    return fail(Errc::Malformed);
  }
  const Bytes whole = blob.first(header->totalsize);
  const Bytes structure =
      TRY(block(whole, header->off_dt_struct, header->size_dt_struct, 4, "structure"));
  const Bytes strings =
      TRY(block(whole, header->off_dt_strings, header->size_dt_strings, 1, "strings"));
  const Bytes reservations = TRY(check_reservations(whole, header->off_mem_rsvmap));
  TRY(check_structure(structure, strings, header->off_dt_struct));
  blob_ = whole;
  structure_ = structure;
  strings_ = strings;
  reservations_ = reservations;
  return {};
}

Node Tree::root() const {
  const std::optional<u32> at = node_at(structure_, 0);
  return at ? Node(this, *at) : Node{};
}

Node Tree::next(Node node) const {
  if (!node) {
    return {};
  }
  u32 at = token_at(structure_, node.offset_).next;
  while (true) {
    const Token token = token_at(structure_, at);
    if (token.kind == Kind::BeginNode) {
      return Node(this, at);
    }
    if (token.kind == Kind::End || token.kind == Kind::Bad) {
      return {};
    }
    at = token.next;
  }
}

Node Tree::find(std::string_view path) const {
  Node node = root();
  if (!path.starts_with('/')) {
    const std::string_view alias = path.substr(0, path.find('/'));
    const std::optional<std::string_view> target = node.child("aliases").text(alias);
    if (!target || !target->starts_with('/')) {
      return {};
    }
    node = find(*target);  // absolute: no further alias
    path.remove_prefix(alias.size());
  }
  while (node && !path.empty()) {
    path.remove_prefix(1);
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size());
    if (!name.empty()) {
      node = node.child(name);
    }
  }
  return node;
}

Node Tree::find_phandle(u32 phandle) const {
  if (phandle == 0 || phandle == ~u32{0}) {  // 2.3.3: no node has these
    return {};
  }
  const u64 last = last_phandle_.load(std::memory_order_relaxed);
  if (last >> 32 == phandle) {
    return Node(this, static_cast<u32>(last));
  }
  for (Node node = root(); node; node = next(node)) {
    if (node.cell("phandle") == phandle) {
      last_phandle_.store(u64{phandle} << 32 | node.offset_, std::memory_order_relaxed);
      return node;
    }
  }
  return {};
}

Node Tree::find_compatible(std::string_view what, Node after) const {
  for (Node node = after ? next(after) : root(); node; node = next(node)) {
    if (node.is_compatible(what)) {
      return node;
    }
  }
  return {};
}

std::optional<Range> Tree::reserved(u32 index) const {
  const auto entry = read_object<Reservation>(reservations_, u64{index} * sizeof(Reservation));
  if (!entry) {
    return std::nullopt;
  }
  return Range{entry->address, entry->size};
}

}  // namespace sluice::fdt
