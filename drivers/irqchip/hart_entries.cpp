// From interrupts-extended to harts.
#include <sluice/drivers/irqchip/hart_entries.hpp>

#include <algorithm>

#include <sluice/kernel/endian.hpp>

namespace sluice::irqchip {
namespace {

constexpr u32 kSupervisorExternal = 9;
constexpr u32 kMachineExternal = 11;
constexpr std::string_view kProperty = "interrupts-extended";
constexpr usize kEntryBytes = 8;  // a phandle, and the one cell of riscv,cpu-intc

// The phandles of the interrupt controllers of the harts that run, each a child of its hart's node;
// 0 where there is none.
std::array<u32, kMaxHarts> find_own_controllers(const fdt::Tree& tree,
                                                std::array<fdt::Node, kMaxHarts>& cpus) {
  std::array<u32, kMaxHarts> phandles{};
  for (const fdt::Node cpu : tree.find("/cpus").children()) {
    const std::optional<fdt::Range> id = cpu.reg(0);
    for (u32 index = 0; id && index < hart_count(); ++index) {
      if (id->base != hart(index).id) {
        continue;
      }
      for (const fdt::Node own : cpu.children()) {
        if (own.cell("#interrupt-cells") == 1u) {
          phandles[index] = own.cell("phandle").value_or(0);
          cpus[index] = cpu;
        }
      }
    }
  }
  return phandles;
}

}  // namespace

bool HartEntries::any() const {
  return std::ranges::any_of(place, [](u32 at) { return at != kNoEntry; });
}

usize hart_entry_count(fdt::Node controller) {
  const std::optional<fdt::Property> list = controller.property(kProperty);
  return list ? list->value.size() / kEntryBytes : 0;
}

// The tree says how many entries there are: each is compared with the few harts that run, and none
// is looked up in the tree.
HartEntries find_hart_entries(fdt::Node controller, u32 most) {
  HartEntries entries;
  entries.place.fill(kNoEntry);
  if (!controller) {
    return entries;
  }
  const std::array<u32, kMaxHarts> phandles = find_own_controllers(*controller.tree(), entries.cpu);
  const std::optional<fdt::Property> list = controller.property(kProperty);
  const usize count = std::min<usize>(most, hart_entry_count(controller));
  for (usize entry = 0; entry < count; ++entry) {
    const u32 phandle = *read_object<Be<u32>>(list->value, entry * kEntryBytes);
    const u32 cause = *read_object<Be<u32>>(list->value, entry * kEntryBytes + 4);
    entries.machine = entries.machine || cause == kMachineExternal;
    for (u32 index = 0; cause == kSupervisorExternal && index < hart_count(); ++index) {
      if (phandle != 0 && phandle == phandles[index]) {
        entries.place[index] = static_cast<u32>(entry);
      }
    }
  }
  return entries;
}

}  // namespace sluice::irqchip
