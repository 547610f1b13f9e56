// The registers of an APLIC's domain, but for those of each interrupt (aplic_serve.cpp).
#include <sluice/drivers/irqchip/aplic_domain.hpp>

#include <sluice/kernel/log.hpp>

namespace sluice::irqchip {
namespace {

// 4.5, the memory map; offsets in bytes.
constexpr u32 kDomaincfg = 0x0000;
constexpr u32 sourcecfg_of(u32 source) {
  return 4 * source;
}
constexpr u32 kSetienum = 0x1edc;
constexpr u32 kClrienum = 0x1fdc;
constexpr u32 target_of(u32 source) {
  return 0x3000 + 4 * source;
}
constexpr u32 idelivery_of(u32 place) {
  return aplic::idc(place) + 0x00;
}
constexpr u32 iforce_of(u32 place) {
  return aplic::idc(place) + 0x04;
}
constexpr u32 ithreshold_of(u32 place) {
  return aplic::idc(place) + 0x08;
}

// domaincfg (4.5.1).
constexpr u32 kInterruptEnable = 1u << 8;
constexpr u32 kMsiDelivery = 1u << 2;

// sourcecfg (4.5.2): source modes.
constexpr u32 kInactive = 0, kEdge1 = 4, kEdge0 = 5, kLevel1 = 6, kLevel0 = 7;

constexpr u32 source_mode(irq::Trigger trigger) {
  switch (trigger) {
    case irq::Trigger::Rising:
      return kEdge1;
    case irq::Trigger::Falling:
      return kEdge0;
    case irq::Trigger::Default:
    case irq::Trigger::High:
      return kLevel1;
    case irq::Trigger::Low:
      return kLevel0;
  }
  return kInactive;
}

// target (4.5.16).
constexpr u32 kHartIndexShift = 18;
constexpr u32 kPriority = 1;  // all alike

}  // namespace

AplicDomain::AplicDomain(std::string_view name, u32 phandle, MmioRegion& registers,
                         Delivery delivery, const Targets& targets,
                         std::unique_ptr<irq::Action[]> actions, u32 sources)
    : Controller(name, phandle, {actions.get(), sources + 1},
                 delivery == Delivery::Msi ? &serve_msi : &serve_direct),
      registers_(registers),
      targets_(targets),
      delivery_(delivery),
      actions_(std::move(actions)) {}

void AplicDomain::close() {
  registers_.write32(kDomaincfg, 0);
}

Result<void> AplicDomain::open() {
  close();
  // One by one: QEMU's riscv,num-sources counts source 0 too, and it complains of a last source
  // that is named otherwise.
  for (u32 source = 1; source <= sources(); ++source) {
    registers_.write32(kClrienum, source);
  }
  for (const u32 place : targets_) {
    if (!is_msi() && place != kNoEntry) {
      registers_.write32(iforce_of(place), 0);
      registers_.write32(ithreshold_of(place), 0);  // nothing is held back
      registers_.write32(idelivery_of(place), 1);
    }
  }
  const u32 mode = kInterruptEnable | (is_msi() ? kMsiDelivery : 0);
  registers_.write32(kDomaincfg, mode);
  const u32 is = registers_.read32(kDomaincfg);
  if ((is & (kInterruptEnable | kMsiDelivery)) != mode) {
    log::error("{}: does not take its delivery mode: domaincfg is {:#x} after {:#x}", name(), is,
               mode);
    return fail(Errc::NotSupported);
  }
  return {};
}

Result<void> AplicDomain::set_trigger(u32 source, irq::Trigger trigger) {
  const u32 mode = source_mode(trigger);
  registers_.write32(sourcecfg_of(source), mode);
  // 4.5.2: one that is not delegated to this domain, or not wired like that, does not take it.
  if (mode == kInactive || registers_.read32(sourcecfg_of(source)) != mode) {
    log::error("{}: source {} does not take trigger {}", name(), source, static_cast<u32>(trigger));
    return fail(Errc::NotSupported);
  }
  const u32 bit = u32{1} << source % 32;
  std::atomic<u32>& levels = levels_[source / 32];
  if (mode >= kLevel1) {
    levels.fetch_or(bit, std::memory_order_relaxed);
  } else {
    levels.fetch_and(~bit, std::memory_order_relaxed);
  }
  return {};
}

void AplicDomain::enable(u32 source, Hart& hart) {
  registers_.write32(target_of(source),
                     targets_[hart.index] << kHartIndexShift | (is_msi() ? source : kPriority));
  registers_.write32(kSetienum, source);
  if (is_msi()) {
    send_again_if_up(source);
  }
}

void AplicDomain::disable(u32 source, Hart&) {
  registers_.write32(kClrienum, source);
}

void AplicDomain::refuse_claim(u32 source) {
  // 0: spurious, or it has gone again.
  if (source != 0 && bad_claim_seen_.exchange(1, std::memory_order_relaxed) == 0) {
    log::error("{}: claimed source {} of {}", name(), source, sources());
  }
}

}  // namespace sluice::irqchip
