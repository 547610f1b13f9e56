// free: who holds the machine's memory.
#include "commands.hpp"

#include <sluice/kernel/memory_usage.hpp>

namespace sluice::app {

// Everything below the first line adds up to it.
int run_free(Session&, Words words) {
  Words operands;
  if (!reject_options("free", words, operands)) {
    return kUsage;
  }
  if (!operands.empty()) {
    return usage_error("free", "takes no word", operands[0]);
  }
  // Once: what the output itself would need is not in it.
  const memory_usage::Totals totals = memory_usage::totals();
  console::Writer out(console::Stream::Output);
  constexpr std::string_view kRow = "{:<12}{:>14}\n";
  format_to(out, kRow, "HOLDER", "BYTES");
  format_to(out, kRow, "total", totals.total_bytes);
  for (usize i = 0; i < kHolders; ++i) {
    const auto holder = static_cast<Holder>(i);
    format_to(out, kRow, to_string(holder), memory_usage::held(holder));
  }
  format_to(out, kRow, "free", totals.free_bytes);
  format_to(out, "\nof the heap {} bytes are allocated, at most {} were\n", totals.heap_bytes,
            totals.heap_peak_bytes);
  return kSucceeded;
}

}  // namespace sluice::app
