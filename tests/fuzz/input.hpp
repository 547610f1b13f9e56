// The bytes that a fuzzer tries, taken one after the other; when they are at an end, zeroes.
// Used by the harnesses of tests/fuzz.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace sluice::fuzz {

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  template <class T>
  T take() {
    static_assert(std::is_unsigned_v<T>);
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T) && !bytes_.empty(); ++i) {
      value = static_cast<T>(value | static_cast<T>(T{bytes_[0]} << (8 * i)));
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }
  // What is left to others: the next `count` bytes, or as many as there are.
  Input split(std::size_t count) {
    const auto first = bytes_.first(count < bytes_.size() ? count : bytes_.size());
    bytes_ = bytes_.subspan(first.size());
    return Input(first);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace sluice::fuzz
