// JSON as QEMU writes it, read into a tree. Used by the QMP client. Reference: RFC 8259, of which
// only what QEMU uses of escapes and numbers is understood.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qemu {

struct Json {
  enum class Kind { Null, Bool, Number, String, Array, Object };

  // The whole of `text`. Throws a Failure where it is no JSON.
  static Json parse(std::string_view text);

  // A member of an object; one of kind Null where there is none.
  const Json& operator[](std::string_view key) const;
  // A whole number that is not negative. Throws a Failure where it is none.
  std::uint64_t number() const;
  bool is_true() const { return kind == Kind::Bool && text == "true"; }
  bool exists() const { return kind != Kind::Null; }

  Kind kind = Kind::Null;
  std::string text;               // of a string, number or bool
  std::vector<std::string> keys;  // of an object
  std::vector<Json> items;        // of an array; of an object, in the order of its keys
};

}  // namespace qemu
