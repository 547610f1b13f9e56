// An interrupt domain of an APLIC as an irq::Controller, in either delivery mode.
// Used by the APLIC's driver, which makes it. Reference: RISC-V Advanced Interrupt Architecture
// 1.0, 4.5 (the memory-mapped control region), 4.7 and 4.8 (direct delivery), 4.9 (MSI delivery).
#pragma once

#include <atomic>
#include <memory>

#include <sluice/drivers/irqchip/hart_entries.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/mmio.hpp>

namespace sluice::irqchip {

namespace aplic {

inline constexpr u32 kMaxSources = 1023;     // 4.1: source 0 does not exist
inline constexpr u32 kMaxIdcs = 1u << 14;    // 4.5.16: what a Hart Index can say
inline constexpr u32 kRegionBytes = 0x4000;  // without IDCs

// An interrupt delivery control structure for each hart (4.8.1).
inline constexpr u32 kIdcBytes = 32;
constexpr u32 idc(u32 place) {
  return kRegionBytes + kIdcBytes * place;
}

}  // namespace aplic

class AplicDomain final : public irq::Controller {
 public:
  // Direct: a hart claims at its IDC, and a level is pending for as long as it is there. Msi:
  // source n is identity n, whichever hart it goes to, and a hart claims at its interrupt file.
  enum class Delivery : u8 { Direct, Msi };
  // By hart: the Hart Index of targets, kNoEntry where it cannot be reached.
  using Targets = std::array<u32, kMaxHarts>;

  AplicDomain(std::string_view name, u32 phandle, MmioRegion& registers, Delivery delivery,
              const Targets& targets, std::unique_ptr<irq::Action[]> actions, u32 sources);

  // Lets nothing through but what is asked for from now on. NotSupported, logged: the domain does
  // not take its delivery mode.
  Result<void> open();
  void close();

  bool reaches(const Hart& hart) const override { return targets_[hart.index] != kNoEntry; }
  Result<void> set_trigger(u32 source, irq::Trigger trigger) override;
  void enable(u32 source, Hart& hart) override;
  void disable(u32 source, Hart& hart) override;
  bool comes_late() const override { return is_msi(); }

 private:
  static void serve_direct(Controller* controller);
  static void serve_msi(Controller* controller);
  bool is_msi() const { return delivery_ == Delivery::Msi; }
  u32 sources() const { return source_count() - 1; }
  void send_again_if_up(u32 source);
  void refuse_claim(u32 source);

  MmioRegion& registers_;
  Targets targets_;
  Delivery delivery_;
  std::unique_ptr<irq::Action[]> actions_;
  std::array<std::atomic<u32>, aplic::kMaxSources / 32 + 1> levels_{};  // which sources are such
  std::atomic<u32> bad_claim_seen_{0};
};

}  // namespace sluice::irqchip
