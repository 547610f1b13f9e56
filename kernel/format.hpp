// Formatting of messages: a subset of std::format, without locale, floating point or allocation.
// {} decimal or text, {:x} {:#x} hexadecimal, {:08x} zero-padded, {:>8} {:<8} aligned. The number
// of arguments is checked at compile time. Any context.
#pragma once

#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

#include <sluice/kernel/types.hpp>

namespace sluice {

// Where formatted characters go.
class Sink {
 public:
  virtual void put(std::string_view text) = 0;

 protected:
  ~Sink() = default;
};

// A sink that fills a caller's array and drops what does not fit.
class BufferSink final : public Sink {
 public:
  explicit BufferSink(std::span<char> buffer) : buffer_(buffer) {}
  void put(std::string_view text) override;
  std::string_view text() const { return {buffer_.data(), used_}; }

 private:
  std::span<char> buffer_;
  usize used_ = 0;
};

// One argument, its type erased.
class FormatArg {
 public:
  enum class Kind : u8 { Unsigned, Signed, Text, Character };

  template <std::integral T>
  constexpr FormatArg(T value)  // NOLINT: meant to convert
      : kind_(std::is_signed_v<T> ? Kind::Signed : Kind::Unsigned),
        number_(static_cast<u64>(value)) {}
  constexpr FormatArg(bool value) : kind_(Kind::Text), text_(value ? "true" : "false") {}  // NOLINT
  constexpr FormatArg(char value)
      : kind_(Kind::Character), number_(static_cast<u8>(value)) {}                // NOLINT
  constexpr FormatArg(std::string_view text) : kind_(Kind::Text), text_(text) {}  // NOLINT
  constexpr FormatArg(const char* text) : kind_(Kind::Text), text_(text) {}       // NOLINT
  FormatArg(const void* pointer)                                                  // NOLINT
      : kind_(Kind::Unsigned), number_(reinterpret_cast<u64>(pointer)) {}
  template <class Tag>
  constexpr FormatArg(Strong<Tag> value)
      : kind_(Kind::Unsigned), number_(value.value()) {}  // NOLINT

  Kind kind() const { return kind_; }
  u64 number() const { return number_; }
  std::string_view text() const { return text_; }

 private:
  Kind kind_;
  u64 number_ = 0;
  std::string_view text_;
};

// Not constexpr: where the compiler would have to call it, it says its name.
void another_number_of_fields_than_arguments();

// A format string whose fields are counted when it is compiled.
template <class... Args>
class BasicFormatString {
 public:
  template <class S>
    requires std::convertible_to<const S&, std::string_view>
  consteval BasicFormatString(const S& text) : text_(text) {  // NOLINT: meant to convert
    usize fields = 0;
    for (usize i = 0; i < text_.size(); ++i) {
      if (text_[i] == '{' && i + 1 < text_.size() && text_[i + 1] == '{') {
        ++i;
      } else if (text_[i] == '{') {
        ++fields;
      }
    }
    if (fields != sizeof...(Args)) {
      another_number_of_fields_than_arguments();
    }
  }
  constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

template <class... Args>
using FormatString = BasicFormatString<std::type_identity_t<Args>...>;

void vformat(Sink& sink, std::string_view format, std::span<const FormatArg> args);

template <class... Args>
void format_to(Sink& sink, FormatString<Args...> format, const Args&... args) {
  const FormatArg erased[] = {FormatArg(args)..., FormatArg(0u)};
  vformat(sink, format.text(), std::span(erased, sizeof...(Args)));
}

}  // namespace sluice
