// Digits to a number.
#include <sluice/kernel/number.hpp>

namespace sluice {
namespace {

constexpr u32 kNoDigit = ~u32{0};

u32 digit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<u32>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<u32>(lower - 'a') + 10 : kNoDigit;
}

}  // namespace

std::optional<u64> parse_number(std::string_view text) {
  u32 base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  if (text.empty()) {
    return std::nullopt;
  }
  u64 value = 0;
  for (const char c : text) {
    const u32 next = digit(c);
    if (next >= base || __builtin_mul_overflow(value, base, &value) ||
        __builtin_add_overflow(value, next, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

}  // namespace sluice
