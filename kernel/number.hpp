// Numbers as people write them: decimal, or hexadecimal behind 0x.
// Used for the kernel's command line and by programs. Any context.
#pragma once

#include <optional>
#include <string_view>

#include <sluice/kernel/types.hpp>

namespace sluice {

// The whole text as a number; nothing where it is none, or does not fit. (<charconv> is no
// freestanding header with every compiler.)
std::optional<u64> parse_number(std::string_view text);

}  // namespace sluice
