// The incoming message-signalled interrupt controller: an interrupt file for each hart, to whose
// page a device, or an APLIC, writes the identity of an interrupt.
// Used by boot, which names the driver, and by the APLIC's driver, whose sources become messages.
// Reference: RISC-V Advanced Interrupt Architecture 1.0, chapter 3; device-tree binding
// riscv,imsics.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/irqchip/hart_entries.hpp>

namespace sluice::irqchip {

// The interrupt files of the harts that run. Every identity is enabled in every file: what a file
// lets through is the sender's to decide, so that no hart has to ask another to change its own.
class Imsic {
 public:
  Imsic(u32 identities, const std::array<u32, kMaxHarts>& hart_indexes)
      : identities_(identities), hart_indexes_(hart_indexes) {}

  // The highest identity; the first is 1.
  u32 identities() const { return identities_; }
  // Where an APLIC reaches that hart: the Hart Index of a target register (4.5.16, 4.9.1);
  // kNoEntry: it cannot.
  u32 hart_index(const Hart& hart) const { return hart_indexes_[hart.index]; }

  // All identities become one controller's. False: they are another's. Task.
  bool take() { return !std::exchange(taken_, true); }
  void give_back() { taken_ = false; }

  // The one that drives the device with this node; null: none does (yet). Task.
  static Imsic* find(const dev::Bus& bus, fdt::Node node);

 private:
  u32 identities_;
  std::array<u32, kMaxHarts> hart_indexes_;
  bool taken_ = false;
};

class ImsicDriver final : public dev::PlatformDriver {
 public:
  static constexpr std::string_view kName = "imsic";
  ImsicDriver() : PlatformDriver(kName) {}
  std::span<const std::string_view> compatibles() const override;
  std::string_view class_name() const override { return "irqchip"; }
  // Sets up the file of every hart that runs, on that hart. NotFound: its files are machine mode's;
  // Malformed: its node does not lead to a file of the hart that booted; NoMemory. Task.
  Result<void> probe(dev::Device& device) override;
  bool suppress_bind() const override { return true; }
};

}  // namespace sluice::irqchip
