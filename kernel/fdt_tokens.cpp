// The tokenizer of the structure block.
#include <sluice/kernel/fdt_tokens.hpp>

#include <algorithm>

namespace sluice::fdt {
namespace {

constexpr usize kMaxPropertyName = 255;  // bytes; the specification has 31

constexpr Token bad(std::string_view why) {
  return {.kind = Kind::Bad, .text = why};
}

}  // namespace

std::optional<std::string_view> string_at(Bytes bytes, usize offset) {
  if (offset >= bytes.size()) {
    return std::nullopt;
  }
  const std::string_view rest = as_text(bytes).substr(offset);
  const usize end = rest.find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  return rest.substr(0, end);
}

std::optional<std::string_view> property_name(Bytes strings, u32 offset) {
  return string_at(strings.first(std::min(strings.size(), usize{offset} + kMaxPropertyName + 1)),
                   offset);
}

Token token_at(Bytes structure, u32 at) {
  const std::optional<be32> word = read_object<be32>(structure, at);
  if (!word) {
    return bad("the structure block ends without FDT_END");
  }
  const u32 body = at + 4;
  switch (static_cast<Kind>(u32{*word})) {
    case Kind::BeginNode: {
      const std::optional<std::string_view> name = string_at(structure, body);
      if (!name) {
        return bad("a node's name does not end");
      }
      const u64 next = align_up(u64{body} + name->size() + 1, 4);
      return {.kind = Kind::BeginNode, .next = static_cast<u32>(next), .text = *name};
    }
    case Kind::Property: {
      const std::optional<be32> bytes = read_object<be32>(structure, body);
      const std::optional<be32> name = read_object<be32>(structure, usize{body} + 4);
      if (!bytes || !name) {
        return bad("a property is cut short");
      }
      const u32 value = body + 8;
      if (*bytes > structure.size() - value) {
        return bad("a property's value goes beyond the structure block");
      }
      return {.kind = Kind::Property,
              .next = static_cast<u32>(align_up(u64{value} + *bytes, 4)),
              .text = {},
              .value = structure.subspan(value, *bytes),
              .name_offset = *name};
    }
    case Kind::EndNode:
    case Kind::Nop:
    case Kind::End:
      return {.kind = static_cast<Kind>(u32{*word}), .next = body};
    default:
      return bad("an unknown token");
  }
}

Token solid_token_at(Bytes structure, u32 at) {
  Token token = token_at(structure, at);
  while (token.kind == Kind::Nop) {
    token = token_at(structure, token.next);
  }
  return token;
}

std::optional<u32> node_at(Bytes structure, u32 at) {
  Token token = token_at(structure, at);
  while (token.kind == Kind::Nop) {
    at = token.next;
    token = token_at(structure, at);
  }
  if (token.kind != Kind::BeginNode) {
    return std::nullopt;
  }
  return at;
}

}  // namespace sluice::fdt
