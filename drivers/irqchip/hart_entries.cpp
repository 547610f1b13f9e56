// From interrupts-extended to harts.
#include <sluice/drivers/irqchip/hart_entries.hpp>

#include <algorithm>

namespace sluice::irqchip {
namespace {

constexpr u32 kSupervisorExternal = 9;
constexpr u32 kMachineExternal = 11;

}  // namespace

bool HartEntries::any() const {
  return std::ranges::any_of(place, [](u32 at) { return at != kNoEntry; });
}

HartEntries find_hart_entries(fdt::Node controller, u32 most) {
  constexpr std::string_view kProperty = "interrupts-extended";
  HartEntries entries;
  entries.place.fill(kNoEntry);
  for (u32 at = 0, entry = 0; entry < most; ++entry) {
    const std::optional<u32> phandle = controller.cell_at(kProperty, at);
    const std::optional<u32> cause = controller.cell_at(kProperty, at + 1);
    if (!phandle || !cause) {
      break;
    }
    const fdt::Node intc = controller.tree()->find_phandle(*phandle);
    const fdt::Node cpu = intc.parent();
    entries.machine = entries.machine || cause == kMachineExternal;
    const std::optional<fdt::Range> id = *cause == kSupervisorExternal ? cpu.reg(0) : std::nullopt;
    for (u32 index = 0; id && index < hart_count(); ++index) {
      if (id->base == hart(index).id) {
        entries.place[index] = entry;
        entries.cpu[index] = cpu;
      }
    }
    at += 1 + intc.cell("#interrupt-cells").value_or(1);
  }
  return entries;
}

}  // namespace sluice::irqchip
