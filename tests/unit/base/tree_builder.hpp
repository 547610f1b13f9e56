// Flattened device trees for tests, written from the Devicetree Specification 0.4, chapter 5,
// without Sluice's own reader. Used by the tests of kernel/fdt and of drivers/base.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::test {

class TreeBuilder {
 public:
  using Blob = std::vector<std::byte>;
  using Cells = std::vector<std::uint32_t>;

  TreeBuilder() { begin(""); }  // the root, which finish() ends

  TreeBuilder& begin(std::string_view name) {
    token(1);
    bytes(name.data(), name.size());
    structure_.push_back(std::byte{0});
    pad();
    return *this;
  }
  TreeBuilder& end() { return token(2); }
  TreeBuilder& nop() { return token(4); }

  TreeBuilder& raw(std::string_view name, std::string_view value) {
    token(3);
    token(static_cast<std::uint32_t>(value.size()));
    token(name_offset(name));
    bytes(value.data(), value.size());
    pad();
    return *this;
  }
  TreeBuilder& cells(std::string_view name, const Cells& values) {
    std::string value;
    for (const std::uint32_t cell : values) {
      for (int shift = 24; shift >= 0; shift -= 8) {
        value.push_back(static_cast<char>(cell >> shift));
      }
    }
    return raw(name, value);
  }
  TreeBuilder& texts(std::string_view name, const std::vector<std::string>& values) {
    std::string value;
    for (const std::string& text : values) {
      value += text;
      value.push_back('\0');
    }
    return raw(name, value);
  }
  TreeBuilder& text(std::string_view name, std::string_view value) {
    return texts(name, {std::string(value)});
  }

  // A word of the structure block, whatever it means.
  TreeBuilder& token(std::uint32_t word) {
    append(structure_, word);
    return *this;
  }
  TreeBuilder& reserve(std::uint64_t address, std::uint64_t size) {
    reservations_.emplace_back(address, size);
    return *this;
  }

  // Ends the root and the structure.
  Blob finish() {
    end();
    token(9);
    return assemble();
  }

  // Header, reservations, structure, strings, as they are.
  Blob assemble() const {
    Blob reservations;
    for (const auto& [address, size] : reservations_) {
      append64(reservations, address);
      append64(reservations, size);
    }
    append64(reservations, 0);
    append64(reservations, 0);
    const auto size = [](const Blob& part) { return static_cast<std::uint32_t>(part.size()); };
    const std::uint32_t structure_at = 40 + size(reservations);
    const std::uint32_t strings_at = structure_at + size(structure_);
    Blob blob;
    for (const std::uint32_t word :
         {0xd00dfeedu, strings_at + size(strings_), structure_at, strings_at, 40u, 17u, 16u, 0u,
          size(strings_), size(structure_)}) {
      append(blob, word);
    }
    for (const Blob* part : {&std::as_const(reservations), &structure_, &strings_}) {
      blob.insert(blob.end(), part->begin(), part->end());
    }
    return blob;
  }

  static void append(Blob& blob, std::uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      blob.push_back(static_cast<std::byte>(word >> shift));
    }
  }
  static void append64(Blob& blob, std::uint64_t word) {
    append(blob, static_cast<std::uint32_t>(word >> 32));
    append(blob, static_cast<std::uint32_t>(word));
  }
  // Overwrites the word at `offset` bytes.
  static void patch(Blob& blob, std::size_t offset, std::uint32_t word) {
    Blob bytes;
    append(bytes, word);
    std::memcpy(blob.data() + offset, bytes.data(), 4);
  }

 private:
  void bytes(const char* data, std::size_t count) {
    const auto* from = reinterpret_cast<const std::byte*>(data);
    structure_.insert(structure_.end(), from, from + count);
  }
  void pad() {
    while (structure_.size() % 4 != 0) {
      structure_.push_back(std::byte{0});
    }
  }
  std::uint32_t name_offset(std::string_view name) {
    const auto at = static_cast<std::uint32_t>(strings_.size());
    const auto* from = reinterpret_cast<const std::byte*>(name.data());
    strings_.insert(strings_.end(), from, from + name.size());
    strings_.push_back(std::byte{0});
    return at;
  }

  std::vector<std::pair<std::uint64_t, std::uint64_t>> reservations_;
  Blob structure_;
  Blob strings_;
};

}  // namespace sluice::test
