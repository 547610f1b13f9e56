// Text<N>: a string of at most N bytes, stored in place; what does not fit is dropped.
// Used for names, labels, reasons and notes, so that nothing is allocated for them.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include <sluice/kernel/format.hpp>

namespace sluice::fat {

template <usize Capacity>
class Text {
 public:
  static_assert(Capacity <= 0xffff);

  Text() = default;
  Text(std::string_view text) { append(text); }  // NOLINT: meant to convert
  Text(const Text& other) { append(other.view()); }
  Text& operator=(const Text& other) {
    if (this != &other) {
      clear();
      append(other.view());
    }
    return *this;
  }

  std::string_view view() const { return {bytes_.data(), used_}; }
  operator std::string_view() const { return view(); }  // NOLINT: meant to convert
  bool empty() const { return used_ == 0; }

  void clear() { used_ = 0; }
  // Back to its first `bytes`, where it has more.
  void truncate(usize bytes) { used_ = static_cast<u16>(std::min<usize>(used_, bytes)); }
  // Appends as much as there is room for.
  void append(std::string_view text) {
    const usize fits = std::min(text.size(), Capacity - used_);
    std::copy_n(text.data(), fits, bytes_.data() + used_);
    used_ = static_cast<u16>(used_ + fits);
  }

  // A text made as log lines are (kernel/format.hpp).
  template <class... Args>
  static Text formatted(FormatString<Args...> format, const Args&... args) {
    const FormatArg erased[] = {FormatArg(args)..., FormatArg(0u)};
    return vformatted(format.text(), std::span(erased, sizeof...(Args)));
  }
  // The same once for all kinds of arguments.
  [[gnu::noinline]] static Text vformatted(std::string_view format,
                                           std::span<const FormatArg> args) {
    Text text;
    BufferSink sink(text.bytes_);
    vformat(sink, format, args);
    text.used_ = static_cast<u16>(sink.text().size());
    return text;
  }

 private:
  std::array<char, Capacity> bytes_;  // valid up to used_: a copy copies no more
  u16 used_ = 0;
};

}  // namespace sluice::fat
