// The finisher's one register and what may be written to it.
#include <sluice/drivers/power/syscon_power.hpp>

#include <algorithm>
#include <array>

#include <sluice/kernel/power.hpp>

namespace sluice::power {
namespace {

constexpr Reg<u32, WriteOnly> kFinisher{0x0};

// What it knows: the low half says what to do, the high half is the status of a failure.
constexpr u32 kFail = 0x3333;
constexpr u32 kPass = 0x5555;
constexpr u32 kReset = 0x7777;
constexpr u32 kMaxStatus =
    255;  // of a process; more would be cut to its low bits and could look like success

class Finisher final : public Device {
 public:
  explicit Finisher(MmioRegion& registers) : registers_(registers) {}
  void off(u32 status) override {
    registers_.write(kFinisher, status == 0 ? kPass : std::min(status, kMaxStatus) << 16 | kFail);
  }
  void reboot() override { registers_.write(kFinisher, kReset); }

 private:
  MmioRegion& registers_;
};

constexpr std::array<std::string_view, 2> kCompatibles{"sifive,test1", "sifive,test0"};

}  // namespace

std::span<const std::string_view> SysconDriver::compatibles() const {
  return kCompatibles;
}

Result<void> SysconDriver::probe(dev::Device& device) {
  MmioRegion* registers = TRY(device.map_mmio(0));
  if (registers->bytes() < sizeof(u32)) {
    return device.reject(Errc::OutOfRange, "its register range is too small for its register");
  }
  if (power::device() != nullptr) {
    return device.reject(Errc::Busy, "the machine has a power device already");
  }
  auto* finisher = TRY(device.make<Finisher>(*registers));
  device.driver_data = finisher;
  power::set_device(finisher);
  return {};
}

void SysconDriver::remove(dev::Device& device) {
  if (power::device() == static_cast<Finisher*>(device.driver_data)) {
    power::set_device(nullptr);
  }
}

}  // namespace sluice::power
