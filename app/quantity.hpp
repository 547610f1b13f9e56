// Numbers for people, without floating point: sizes, rates, decimals.
// Used by lsblk, dd and bench. Pure; any context.
#pragma once

#include <sluice/fs/fat/text.hpp>

namespace sluice::app {

using QuantityText = fat::Text<32>;

// value · numerator / denominator, rounded to nearest; the highest number where it does not fit or
// the denominator is 0.
u64 scale(u64 value, u64 numerator, u64 denominator);

// thousandths as a decimal with `places` (0…3) digits behind the point: 1234, 2 → "1.23".
QuantityText decimal(u64 thousandths, u32 places = 3);

// "16M", "1.5G": powers of 1024, one digit behind the point where it is not 0, as Linux's lsblk.
QuantityText size_text(u64 bytes);

// Three significant digits and a unit: "17 MB" (powers of 1000), "16 MiB" (powers of 1024). `space`
// stands between.
QuantityText metric_text(u64 value, std::string_view unit, std::string_view space = " ");
QuantityText binary_text(u64 value, std::string_view unit, std::string_view space = " ");

}  // namespace sluice::app
