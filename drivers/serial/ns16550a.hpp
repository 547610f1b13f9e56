// The 16550A serial line: the console of most machines.
// Used by boot, which names the driver; programs meet it as console::Device. It becomes the console
// where /chosen's stdout-path points at it, or where there is no such path and no console yet.
// Speed and format of the line are left as the firmware set them. Reference: National Semiconductor
// PC16550D data sheet; devicetree binding serial/8250.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>

namespace sluice::serial {

class Ns16550aDriver final : public dev::PlatformDriver {
 public:
  // How often write() looks whether the line takes the next bytes before it drops them: tens of
  // seconds on QEMU, where a reader of our output may pause.
  static constexpr u32 kMaxPolls = u32{1} << 26;

  explicit Ns16550aDriver(u32 max_polls = kMaxPolls)
      : PlatformDriver("ns16550a"), max_polls_(max_polls) {}
  std::string_view class_name() const override { return "tty"; }
  // Its probe does without its interrupt controller, and comes before it.
  bool waits_for_suppliers() const override { return false; }
  std::span<const std::string_view> compatibles() const override;
  // Needs no interrupt: that is asked for when input is first wanted, and until it can be had the
  // line is polled. NotSupported: reg-shift or reg-io-width; OutOfRange: its registers; NoMemory.
  Result<void> probe(dev::Device& device) override;
  void remove(dev::Device& device) override;
  // Who takes the console away by hand has nothing left to give it back with.
  bool suppress_bind() const override { return true; }

 private:
  u32 max_polls_;
};

}  // namespace sluice::serial
