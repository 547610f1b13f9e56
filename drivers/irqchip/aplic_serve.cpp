// The life of an interrupt of an APLIC, in each delivery mode: claimed and dispatched; what is
// there still interrupts again.
#include <sluice/drivers/irqchip/aplic_domain.hpp>

namespace sluice::irqchip {
namespace {

constexpr u32 kIdentityShift = 16;  // of claimi (4.8.1.5) and stopei (3.10)

// Offsets in bytes.
constexpr Reg<u32, ReadOnly> claimi(u32 place) {
  return {aplic::idc(place) + 0x1c};
}
constexpr Reg<u32, ReadOnly> in_clrip(u32 source) {
  return {0x1d00 + source / 32 * 4};
}
constexpr Reg<u32, WriteOnly> kSetipnum{0x1cdc};

}  // namespace

void AplicDomain::serve_direct(Controller* controller) {
  auto& self = *static_cast<AplicDomain*>(controller);
  const u32 place = self.targets_[port::this_hart().index];
  const u32 source = place != kNoEntry ? self.registers_.read(claimi(place)) >> kIdentityShift : 0;
  if (source - 1 >= self.sources()) [[unlikely]] {
    self.refuse_claim(source);
    return;
  }
  self.dispatch(source);
}

void AplicDomain::serve_msi(Controller* controller) {
  auto& self = *static_cast<AplicDomain*>(controller);
  const u32 source = port::imsic_claim() >> kIdentityShift;
  if (source - 1 >= self.sources()) [[unlikely]] {
    self.refuse_claim(source);
    return;
  }
  self.dispatch(source);
  self.send_again_if_up(source);
}

// 4.9.2: a level becomes a message when it comes up, and only then. If it is up still when it has
// been served, the source is made pending by hand. (It says that only a source that is up is made
// so; QEMU before 9.0 does it to every one, and so the level is looked at first.)
void AplicDomain::send_again_if_up(u32 source) {
  const u32 bit = u32{1} << source % 32;
  if ((levels_[source / 32].load(std::memory_order_relaxed) & bit) != 0 &&
      (registers_.read(in_clrip(source)) & bit) != 0) {
    registers_.write(kSetipnum, source);
  }
}

}  // namespace sluice::irqchip
