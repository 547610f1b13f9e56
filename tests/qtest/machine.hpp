// QEMU's virtio disk with Sluice's drivers in front of it, and the witness beside them: the Machine
// of tests/unit/virtio with another judge. When it ends, nothing must be left in the device, and
// QEMU must have nothing to say of its guest.
#pragma once

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "adapter.hpp"
#include "tests/unit/virtio/disk_stack.hpp"
#include "witness.hpp"

namespace qemu {

// Without what makes rings fast.
inline const std::string kBare = ",indirect_desc=off,event_idx=off";
inline const std::string kPacked = ",packed=on";

// The kinds of disk that everything must work on, a line each.
inline const std::vector<Disk>& all_disks() {
  static const std::vector<Disk> disks = {
      {.name = "modern, one queue"},
      {.name = "modern, four queues", .queues = 4},
      {.name = "legacy, one queue", .legacy = true},
      {.name = "legacy, four queues", .legacy = true, .queues = 4},
      {.name = "packed, one queue", .more_properties = kPacked},
      {.name = "packed, four queues", .queues = 4, .more_properties = kPacked},
      {.name = "packed, bare", .more_properties = kPacked + kBare},
      {.name = "modern, bare", .more_properties = kBare},
      {.name = "legacy, bare", .legacy = true, .more_properties = kBare},
  };
  return disks;
}
inline Disk any_disk() {
  return GENERATE(from_range(all_disks()));
}

// The bytes of a disk that nobody wrote to.
inline std::vector<std::byte> untouched(std::uint64_t sectors) {
  std::vector<std::byte> image(sectors * 512);
  for (std::size_t i = 0; i < image.size(); ++i) {
    image[i] = sluice::test::pattern(i / 512, i % 512);
  }
  return image;
}

// What is behind the slot, and what it should hold.
struct QemuSlot {
  QemuSlot(const Disk& kind, std::uint64_t sectors)
      : disk(kind),
        expected(untouched(sectors)),
        qemu(disk, expected),
        world(disk.queues, {qemu.ram(), Qemu::kRamBase}),
        adapter(world, qemu),
        witness(qemu.qmp()) {}

  sluice::test::LogText log;
  Disk disk;
  std::vector<std::byte> expected;
  Qemu qemu;
  sluice::test::World world;  // a hart for each queue
  Adapter adapter;
  Witness witness;
};

struct Machine : QemuSlot, sluice::test::DiskStack {
  static constexpr std::uint64_t kSectors = 8192;

  explicit Machine(const Disk& kind, std::string command_line = {})
      : QemuSlot(kind, kSectors),
        DiskStack({sluice::PhysAddr(Qemu::kSlotBase), Qemu::kSlotBytes, Qemu::kSlotInterrupt},
                  std::move(command_line)) {}
  ~Machine() noexcept(false) {
    if (std::uncaught_exceptions() == 0) {
      for (unsigned i = 0; i < disk.queues; ++i) {
        INFO("queue " << i);
        CHECK(witness.queue(i).in_use == 0);
      }
      CHECK_FALSE(witness.device().broken);
      unplug();
      CHECK(qemu.quit() == "");
    }
  }

  // What a write that has ended should have made of the disk.
  void expect(const sluice::test::Io& write) {
    std::copy(write.data.begin(), write.data.end(), place_of(write));
  }
  // Does a read that has ended hold what should be there?
  bool holds_expected(const sluice::test::Io& read) {
    return read.ok() && std::equal(read.data.begin(), read.data.end(), place_of(read));
  }
  // Is QEMU's image as it should be, all of it?
  bool image_is_expected() const {
    const std::string image = qemu.image();
    return image.size() == expected.size() &&
           std::memcmp(image.data(), expected.data(), image.size()) == 0;
  }

 private:
  std::vector<std::byte>::iterator place_of(const sluice::test::Io& io) {
    return expected.begin() + static_cast<std::ptrdiff_t>(io.bio.sector.value() * 512);
  }
};

}  // namespace qemu
