// The kernel command line: `name=value` words for the kernel, then `--`, then the program's own
// words. Used by boot, drivers (their parameters) and the program. The kernel's words are split at
// blanks and know no quotes; the program's are its own to split (words.hpp).
#pragma once

#include <optional>
#include <string_view>

#include <sluice/kernel/result.hpp>

namespace sluice::command_line {

// Remembers the line, which must live as long as the kernel. Called once at start-up.
void set(std::string_view line);

// The value of `name=` among the kernel's words, the last where there are several; nothing where
// there is none.
std::optional<std::string_view> value(std::string_view name);

// A value as a number, decimal or 0x…, in [minimum, maximum]. What is no such number is logged,
// with the bounds, and counts as absent.
std::optional<u64> number(std::string_view name, u64 minimum, u64 maximum);

// Logs, as warnings, what is wrong with the kernel's words that begin with `prefix`: those whose
// rest is no `name=value` with a name of `names` (a list with blanks), nor one that `knows` (null:
// nobody) takes; and names that stand there twice. Some by name, the rest counted.
void report_unknown(std::string_view prefix, std::string_view names,
                    bool (*knows)(std::string_view name) = nullptr);

// What stands after ` -- `, unsplit; empty where there is no such thing.
std::string_view program_words();

}  // namespace sluice::command_line
