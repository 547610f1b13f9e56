// lsirq: who holds which interrupt source, and how often each hart was interrupted by it (Linux:
// /proc/interrupts).
#include "commands.hpp"

#include <sluice/kernel/irq.hpp>

namespace sluice::app {
namespace {

// A line: `what` and `of` are the source and its controller.
void put_counts(Sink& out, std::string_view what, std::string_view of,
                std::span<const u64, kMaxHarts> counts) {
  format_to(out, "{:>6} {:<18}", what, of);
  for (const u64 count : counts.first(hart_count())) {
    format_to(out, " {:>10}", count);
  }
}

void put_source(Sink& out, const irq::Controller& controller, u32 source) {
  const std::optional<irq::Usage> usage = controller.usage(source);
  if (!usage) {
    return;
  }
  std::array<char, 12> number;
  BufferSink digits(number);
  format_to(digits, "{}", source);
  put_counts(out, digits.text(), controller.name(), usage->counts);
  format_to(out, "  {}{}\n", usage->name,
            usage->stormed               ? "  silenced: a storm"
            : usage->affinity == nullptr ? "  silenced"
                                         : "");
}

}  // namespace

int run_lsirq(Session&, Words words) {
  Words operands;
  if (!reject_options("lsirq", words, operands)) {
    return kUsage;
  }
  if (!operands.empty()) {
    return usage_error("lsirq", "takes no operand", operands[0]);
  }
  console::Writer out(console::Stream::Output);
  format_to(out, "{:>6} {:<18}", "SOURCE", "CONTROLLER");
  std::array<u64, kMaxHarts> others{};
  for (u32 i = 0; i < hart_count(); ++i) {
    format_to(out, "    HART {:>2}", hart(i).id);
    others[i] = hart(i).interrupts;
  }
  out.put("  NAME\n");
  for (const irq::Controller* controller = irq::first_controller(); controller != nullptr;
       controller = controller->next()) {
    for (u32 source = 1; source < controller->source_count(); ++source) {
      put_source(out, *controller, source);
    }
  }
  put_counts(out, "-", "-", others);
  out.put("  timers and other harts\n");
  return kSucceeded;
}

}  // namespace sluice::app
