// The advanced platform-level interrupt controller: alone it interrupts the harts itself (direct
// delivery mode), before an IMSIC its sources become messages (MSI delivery mode).
// Used by boot, which names the driver; other drivers meet it as an irq::Controller. Of the domains
// of a machine it drives those of supervisor mode. Reference: RISC-V Advanced Interrupt
// Architecture 1.0, chapter 4; device-tree binding riscv,aplic.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>

namespace sluice::irqchip {

class AplicDriver final : public dev::PlatformDriver {
 public:
  AplicDriver() : PlatformDriver("aplic") {}
  std::span<const std::string_view> compatibles() const override;
  std::string_view class_name() const override { return "irqchip"; }
  // NotFound: the domain is machine mode's; Defer: its IMSIC has not come; Malformed: its node
  // lacks riscv,num-sources, a phandle, or a way to the hart that booted, or its registers do not
  // reach that far; NotSupported: it does not take its delivery mode; Busy: the IMSIC serves
  // another; NoMemory. Task.
  Result<void> probe(dev::Device& device) override;
  // Whose interrupts it carries would be deaf without it.
  bool suppress_bind() const override { return true; }
};

}  // namespace sluice::irqchip
