// The platform-level interrupt controller: gives each hart its external interrupts.
// Used by boot, which names the driver; other drivers meet it as an irq::Controller. It serves the
// supervisor contexts of all harts that run when it is probed. Reference: RISC-V Platform-Level
// Interrupt Controller Specification 1.0.0.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>

namespace sluice::irqchip {

class PlicDriver final : public dev::PlatformDriver {
 public:
  PlicDriver() : PlatformDriver("plic") {}
  std::string_view class_name() const override { return "irqchip"; }
  std::span<const std::string_view> compatibles() const override;
  // Malformed: the node lacks riscv,ndev, or an entry of interrupts-extended for the hart that
  // booted, or its
  // registers do not reach that far; NoMemory.
  Result<void> probe(dev::Device& device) override;
  // Whose interrupts it carries would be deaf without it.
  bool suppress_bind() const override { return true; }
};

}  // namespace sluice::irqchip
