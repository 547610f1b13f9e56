// The SiFive test finisher: a register that ends the machine, on QEMU with an exit status.
// Used by boot, which names the driver; the rest of the kernel meets it as power::Device.
// Reference: QEMU's virt machine, device tree node `test` (sifive,test1: off with a code, and
// reset).
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>

namespace sluice::power {

class SysconDriver final : public dev::PlatformDriver {
 public:
  SysconDriver() : PlatformDriver("sifive-test") {}
  std::string_view class_name() const override { return "power"; }
  std::span<const std::string_view> compatibles() const override;
  // OutOfRange: its registers; NoMemory; Busy: the machine has a power device already.
  Result<void> probe(dev::Device& device) override;
  void remove(dev::Device& device) override;
  // Without it the machine is not switched off with a status.
  bool suppress_bind() const override { return true; }
};

}  // namespace sluice::power
