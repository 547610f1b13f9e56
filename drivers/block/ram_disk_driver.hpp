// RamDiskDriver: makes a RAM disk of each platform device called ram<number>: of the bytes in its
// platform_data, or of 32 MiB of zeroes where there are none, and otherwise as the command line
// says (docs/ram-disk.md). Named in an image's list of drivers; boot adds the device "ram0", with
// the initrd where the machine has one.
#pragma once

#include <sluice/drivers/base/platform_bus.hpp>

namespace sluice::blk {

class RamDiskDriver final : public dev::PlatformDriver {
 public:
  constexpr RamDiskDriver() : PlatformDriver("ram") {}

  std::string_view class_name() const override { return "block"; }
  // Invalid: an image that is no whole number of sectors. NoMemory, Exists.
  // Task.
  Result<void> probe(dev::Device& device) override;
  // Takes the disk away: open handles are told. Task.
  void remove(dev::Device& device) override;
  // What is asked of the disk waits from when all that it has is done until resume(). Task.
  Result<void> suspend(dev::Device& device) override;
  Result<void> resume(dev::Device& device) override;
};

}  // namespace sluice::blk
