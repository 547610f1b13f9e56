// Scaling and printing with integers.
#include "quantity.hpp"

namespace sluice::app {
namespace {

__extension__ typedef unsigned __int128 u128;

constexpr std::string_view kPrefixes = "kMGTPE";

struct Scaled {
  u64 thousandths;
  u32 power;
};

Scaled scale_down(u64 value, u64 base) {
  u64 unit = 1;
  u32 power = 0;
  while (power < kPrefixes.size() && value / unit >= base) {
    unit *= base;
    ++power;
  }
  // 999.6 would be shown as 1000.
  if (power > 0 && power < kPrefixes.size() && scale(value, 1, unit) == base) {
    unit *= base;
    ++power;
  }
  return {scale(value, 1000, unit), power};
}

QuantityText with_unit(const Scaled& scaled, std::string_view prefix_end, std::string_view unit,
                       std::string_view space) {
  const u64 whole = scaled.thousandths / 1000;
  const u32 places = scaled.power == 0 || whole >= 100 ? 0 : whole >= 10 ? 1 : 2;
  QuantityText text = decimal(scaled.thousandths, places);
  text.append(space);
  if (scaled.power > 0) {
    char prefix = kPrefixes[scaled.power - 1];
    if (!prefix_end.empty() && prefix == 'k') {
      prefix = 'K';
    }
    text.append({&prefix, 1});
    text.append(prefix_end);
  }
  text.append(unit);
  return text;
}

}  // namespace

u64 scale(u64 value, u64 numerator, u64 denominator) {
  if (denominator == 0) {
    return ~u64{0};
  }
  // Products are small enough for 64 bits mostly; else a long division, bit by bit, so that no
  // 128-bit one is needed.
  u128 rest = u128{value} * numerator + denominator / 2;
  if ((rest >> 64) == 0) {
    return static_cast<u64>(rest) / denominator;
  }
  if (static_cast<u64>(rest >> 64) >= denominator) {
    return ~u64{0};
  }
  u64 quotient = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const u128 part = u128{denominator} << bit;
    if (rest >= part) {
      rest -= part;
      quotient |= u64{1} << bit;
    }
  }
  return quotient;
}

QuantityText decimal(u64 thousandths, u32 places) {
  switch (places) {
    case 0:
      return QuantityText::formatted("{}", (thousandths + 500) / 1000);
    case 1: {
      const u64 tenths = (thousandths + 50) / 100;
      return QuantityText::formatted("{}.{}", tenths / 10, tenths % 10);
    }
    case 2: {
      const u64 hundredths = (thousandths + 5) / 10;
      return QuantityText::formatted("{}.{:02}", hundredths / 100, hundredths % 100);
    }
    default:
      return QuantityText::formatted("{}.{:03}", thousandths / 1000, thousandths % 1000);
  }
}

QuantityText size_text(u64 bytes) {
  const Scaled scaled = scale_down(bytes, 1024);
  const bool whole = (scaled.thousandths + 50) / 100 % 10 == 0;
  QuantityText text = decimal(scaled.thousandths, whole ? 0 : 1);
  char prefix = scaled.power == 0 ? 'B' : kPrefixes[scaled.power - 1];
  if (prefix == 'k') {
    prefix = 'K';
  }
  text.append({&prefix, 1});
  return text;
}

QuantityText metric_text(u64 value, std::string_view unit, std::string_view space) {
  return with_unit(scale_down(value, 1000), "", unit, space);
}

QuantityText binary_text(u64 value, std::string_view unit, std::string_view space) {
  return with_unit(scale_down(value, 1024), "i", unit, space);
}

}  // namespace sluice::app
