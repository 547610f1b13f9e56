// QEMU's `virt` machine, stopped before its first instruction, with one virtio disk: its bus, its
// memory and its interrupts are the test's. All of its files stand in a folder that goes with it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "folder.hpp"
#include "guest_memory.hpp"
#include "process.hpp"
#include "qmp_client.hpp"
#include "qtest_client.hpp"

namespace qemu {

// What kind of disk; the rest is as QEMU has it.
struct Disk {
  std::string name;  // for the reports of tests
  bool legacy = false;
  unsigned queues = 1;
  std::string more_properties = "";  // of virtio-blk-device, each behind a comma
  bool slow = false;                 // one request a second: the others wait in QEMU
};

class Qemu {
 public:
  static constexpr const char* kSerial = "qtest disk";
  // Where the virt machine has its RAM, and the slot and the interrupt of its first virtio device.
  static constexpr std::uint64_t kRamBase = 0x8000'0000;
  static constexpr unsigned kRamMib = 16;
  static constexpr std::uint64_t kSlotBase = 0x1000'8000;
  static constexpr std::uint64_t kSlotBytes = 0x1000;
  static constexpr std::uint32_t kSlotInterrupt = 8;

  // Starts it with a disk that holds `image`. The test is skipped where QEMU is not installed.
  Qemu(const Disk& disk, std::span<const std::byte> image);

  std::span<std::byte> ram() const { return ram_.bytes(); }
  QtestClient& qtest() { return qtest_; }
  QmpClient& qmp() { return qmp_; }
  // What the disk holds now, as far as it has come to the host.
  std::string image() const { return folder_.read("disk.img"); }

  // Ends it: says what it logged of mistakes of its guest, and all that it printed.
  std::string quit();

 private:
  std::vector<std::string> words(const Disk& disk);
  std::string interrupt_controller();

  Folder folder_;
  GuestMemory ram_;
  QtestClient qtest_;
  QmpClient qmp_;
  std::optional<Process> process_;
};

}  // namespace qemu
