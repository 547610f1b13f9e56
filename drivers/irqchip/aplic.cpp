// From the node of an APLIC's domain to a controller.
#include <sluice/drivers/irqchip/aplic.hpp>

#include <sluice/drivers/irqchip/aplic_domain.hpp>
#include <sluice/drivers/irqchip/imsic.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::irqchip {
namespace {

constexpr std::array<std::string_view, 1> kCompatibles{"riscv,aplic"};

// What probe has found out so far.
struct Found {
  u32 sources = 0;
  AplicDomain::Targets targets{};
  Imsic* imsic = nullptr;  // null: direct delivery
};

std::unexpected<Errc> leave_to_firmware(dev::Device& device) {
  return device.reject(Errc::NotFound, "its interrupts are machine mode's: the firmware's");
}

// 4.9: interrupts go to the files of an IMSIC.
Result<void> find_imsic(dev::Device& device, Found& found) {
  const u32 phandle = device.node.cell("msi-parent").value_or(0);
  const fdt::Node node = device.node.tree()->find_phandle(phandle);
  if (!node) {
    log::error("{}: msi-parent {:#x} names no node", device.name(), phandle);
    return device.reject(Errc::Malformed, "its msi-parent is not in the device tree");
  }
  if (find_hart_entries(node, kNoEntry).machine_only()) {
    return leave_to_firmware(device);
  }
  found.imsic = Imsic::find(*device.bus(), node);
  if (found.imsic == nullptr) {
    return device.defer("the interrupt files of its msi-parent");
  }
  for (u32 i = 0; i < hart_count(); ++i) {
    found.targets[i] = found.imsic->hart_index(hart(i));
  }
  if (found.sources > found.imsic->identities()) {
    log::warning("{}: only its first {} of {} sources have an identity", device.name(),
                 found.imsic->identities(), found.sources);
    found.sources = found.imsic->identities();
  }
  return {};
}

// 4.8: interrupts go to the harts, through an IDC for each, in the order of the entries.
Result<void> find_idcs(dev::Device& device, u64 register_bytes, Found& found) {
  const HartEntries entries = find_hart_entries(device.node, aplic::kMaxIdcs);
  if (entries.machine_only()) {
    return leave_to_firmware(device);
  }
  for (u32 i = 0; i < hart_count(); ++i) {
    const u32 place = entries.place[i];
    found.targets[i] = place;
    if (place == kNoEntry) {
      log::error("{}: there is no supervisor entry for hart {} in interrupts-extended",
                 device.name(), hart(i).id);
    } else if (const u64 end = u64{aplic::idc(place)} + aplic::kIdcBytes; end > register_bytes) {
      log::error("{}: IDC {} needs {:#x} bytes of registers and there are {:#x}", device.name(),
                 place, end, register_bytes);
      found.targets[i] = kNoEntry;
    } else {
      log::info("{}: IDC {} for hart {}", device.name(), place, hart(i).id);
    }
  }
  if (found.targets[0] == kNoEntry) {
    return device.reject(Errc::Malformed, "it has no IDC for the hart that booted");
  }
  return {};
}

// Last released first: the domain is closed before its identities go.
Result<void> take_identities(dev::Device& device, Imsic& imsic) {
  if (!imsic.take()) {
    return device.reject(Errc::Busy, "its msi-parent serves another APLIC");
  }
  const Result<void> added =
      device.add_release([](void* context) { static_cast<Imsic*>(context)->give_back(); }, &imsic);
  if (!added) {
    imsic.give_back();
  }
  return added;
}

}  // namespace

std::span<const std::string_view> AplicDriver::compatibles() const {
  return kCompatibles;
}

Result<void> AplicDriver::probe(dev::Device& device) {
  Found found;
  found.targets.fill(kNoEntry);
  found.sources = device.node.cell("riscv,num-sources").value_or(0);
  if (found.sources == 0 || found.sources > aplic::kMaxSources) {
    log::error("{}: riscv,num-sources is {}, not 1 to {}", device.name(), found.sources,
               aplic::kMaxSources);
    return device.reject(Errc::Malformed, "its riscv,num-sources makes no sense");
  }
  const std::optional<u32> phandle = device.node.cell("phandle");
  if (!phandle) {
    return device.reject(Errc::Malformed, "it has no phandle, so that nobody can name it");
  }
  const u64 register_bytes = device.mmio_count > 0 ? device.mmio[0].bytes : 0;
  if (device.node.property("msi-parent")) {
    TRY(find_imsic(device, found));
  } else {
    TRY(find_idcs(device, register_bytes, found));
  }
  if (register_bytes < aplic::kRegionBytes) {
    log::error("{}: {:#x} bytes of registers, and {:#x} are needed", device.name(), register_bytes,
               aplic::kRegionBytes);
    return device.reject(Errc::Malformed, "its register range is too small for its registers");
  }
  // Only now: what is the firmware's is not even mapped.
  MmioRegion* const registers = TRY(device.map_mmio(0));
  std::unique_ptr<irq::Action[]> actions(new (std::nothrow) irq::Action[found.sources + 1]);
  if (actions == nullptr) {
    return fail(Errc::NoMemory);
  }
  if (found.imsic != nullptr) {
    TRY(take_identities(device, *found.imsic));
  }
  AplicDomain* const domain = TRY(device.make<AplicDomain>(
      device.name(), *phandle, *registers,
      found.imsic != nullptr ? AplicDomain::Delivery::Msi : AplicDomain::Delivery::Direct,
      found.targets, std::move(actions), found.sources));
  TRY(device.add_release(
      [](void* context) {
        auto& gone = *static_cast<AplicDomain*>(context);
        irq::remove_controller(gone);
        gone.close();
      },
      domain));
  if (!domain->open()) {
    return device.reject(Errc::NotSupported, "it does not take its delivery mode");
  }
  irq::add_controller(*domain);
  device.driver_data = domain;
  log::info("{}: {} sources{}", device.name(), found.sources,
            found.imsic != nullptr ? ", as messages" : "");
  return {};
}

}  // namespace sluice::irqchip
