// QEMU's virtio disk in Sluice's World: its registers at a physical address, its interrupt line at
// the World's controller, and real time. Nothing else here but machine.hpp knows Sluice.
#pragma once

#include <optional>

#include <sluice/kernel/mmio.hpp>

#include "qemu.hpp"
#include "tests/port/world.hpp"

namespace qemu {

// A device's registers as Sluice's drivers see them. Once QEMU fails they are all 0: a driver is no
// place for exceptions.
class Registers final : public sluice::MmioRegion {
 public:
  explicit Registers(QtestClient& qtest) : qtest_(qtest) {}
  std::uint64_t bytes() const override { return Qemu::kSlotBytes; }
  std::uint8_t read8(std::uint64_t offset) override {
    return static_cast<std::uint8_t>(read(offset, 1));
  }
  std::uint16_t read16(std::uint64_t offset) override {
    return static_cast<std::uint16_t>(read(offset, 2));
  }
  std::uint32_t read32(std::uint64_t offset) override { return read(offset, 4); }
  void write8(std::uint64_t offset, std::uint8_t value) override { write(offset, 1, value); }
  void write16(std::uint64_t offset, std::uint16_t value) override { write(offset, 2, value); }
  void write32(std::uint64_t offset, std::uint32_t value) override { write(offset, 4, value); }

  // Throws what QEMU failed with.
  void check() const {
    if (failure_) {
      throw *failure_;
    }
  }

 private:
  std::uint32_t read(std::uint64_t offset, unsigned bytes);
  void write(std::uint64_t offset, unsigned bytes, std::uint32_t value);

  QtestClient& qtest_;
  std::optional<Failure> failure_;
};

class Adapter final : public sluice::test::Outside {
 public:
  Adapter(sluice::test::World& world, Qemu& qemu);
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;
  ~Adapter() override;

  // --- Outside ---
  sluice::u64 now_ticks() override;
  void wait(sluice::u64 deadline_ticks) override;

 private:
  sluice::test::World& world_;
  QtestClient& qtest_;
  Registers registers_;
  const Time::time_point start_ = Time::now();
  bool line_up_ = false;
  unsigned repeats_ = 0;           // of the interrupt, since the line changed
  std::uint64_t messages_ = 0;     // of QEMU's, when a hart was idle last …
  Time::time_point silent_since_;  // … and since when there have been no more
};

}  // namespace qemu
