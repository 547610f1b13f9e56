// Each allocation from the probe of a disk to the last byte of a file fails once: what comes of it
// is the right bytes or an error, and nothing is left over. The referee throws where the driver
// breaks a rule on its way back, the World where DMA memory is left, AddressSanitizer where other
// memory is.
#include "tests/catch.hpp"

#include <algorithm>
#include <string>

#include <sluice/drivers/block/disk_list.hpp>
#include <sluice/drivers/block/ram_disk_driver.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/fs/fat/volume.hpp>
#include <sluice/kernel/fail_alloc.hpp>

#include "tests/model/block_device.hpp"
#include "tests/model/sluice_adapter.hpp"
#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/fat/image_builder.hpp"
#include "tests/unit/virtio/driver_stack.hpp"

namespace sluice::test {
namespace {

constexpr usize kPartitionStart = 64 * 512;

// A partition with a volume: a file in two pieces, in a folder.
struct Contents {
  Contents() : file(pattern(200'000)) {
    ImageBuilder image(fat16(9000));
    Dir folder = image.add_dir(image.root, "FOLDER     ");
    const std::vector<u32> all = image.take_free(600);
    std::vector<u32> pieces(all.begin(), all.begin() + 200);
    pieces.insert(pieces.end(), all.begin() + 300, all.begin() + 491);
    image.add_file(folder, "FILE       ", file, pieces);
    disk.resize(kPartitionStart);
    disk.insert(disk.end(), image.bytes.begin(), image.bytes.end());
    // One record of the partition table: FAT16, from there to the end. MBR: UEFI 2.10, 5.2.1.
    const auto put = [this](usize at, u32 value) {
      for (usize i = 0; i < 4; ++i) {
        disk[at + i] = static_cast<std::byte>(value >> (8 * i));
      }
    };
    disk[446 + 4] = std::byte{6};
    put(446 + 8, kPartitionStart / 512);
    put(446 + 12, static_cast<u32>(image.bytes.size() / 512));
    disk[510] = std::byte{0x55};
    disk[511] = std::byte{0xaa};
  }
  Bytes file;
  Bytes disk;
};

const Contents& contents() {
  static const Contents made;
  return made;
}

// All of the file in small pieces, so that it is read ahead; or where it ended.
std::string read_all(fat::File& file) {
  Bytes bytes(contents().file.size());
  for (usize at = 0; at < bytes.size();) {
    const usize now = std::min<usize>(3000, bytes.size() - at);
    const Result<usize> read = file.read(at, std::span(bytes).subspan(at, now));
    if (!read) {
      return "read: " + std::string(to_string(read.error()));
    }
    at += *read;
    if (*read == 0) {
      return "read: ended early";
    }
  }
  return bytes == contents().file ? "right" : "wrong bytes";
}

std::string mount_and_read(std::string_view name) {
  blk::OpenDevice device;
  if (!device.open(name)) {
    return "open: no such disk";
  }
  fat::Volume::MountResult volume = fat::Volume::mount(device);
  if (!volume) {
    return "mount: " + std::string(volume.error().reason.view());
  }
  const Result<fat::Entry> entry = (*volume)->lookup("/folder/file");
  if (!entry) {
    return "lookup: " + std::string(to_string(entry.error()));
  }
  Result<fat::File> file = (*volume)->open(*entry);
  return file ? read_all(*file) : "open: " + std::string(to_string(file.error()));
}

// Runs `once` with the first, second, … allocation failing, until one run has none left to fail.
// Every outcome is the right bytes, an error for want of memory, or no disk, with a word in the
// log.
template <class Once>
void sweep(Once once, u64 at_least) {
  u64 harmless = 0;
  for (u64 nth = 1;; ++nth) {
    REQUIRE(nth < 2000);
    INFO("allocation " << nth);
    std::string outcome;
    bool all_done = false;
    bool said = false;
    {
      const LogLines log;
      outcome = once(nth);
      all_done = fail_alloc::left.load() != 0;
      fail_alloc::set(0);
      said = log.has("memory");
    }
    INFO(outcome);
    if (all_done) {
      CHECK(outcome == "right");
      CHECK(nth > at_least);
      CHECK(harmless < nth);
      return;
    }
    harmless += outcome == "right" ? 1 : 0;
    REQUIRE((outcome == "right" || outcome.find("out of memory") != std::string::npos ||
             (outcome == "open: no such disk" && said)));
  }
}

// The disk behind a virtio-mmio slot.
struct VirtioDisk {
  explicit VirtioDisk(const referee::Setup& setup)
      : disk({.sectors = contents().disk.size() / 512}), slot(world, disk, {}, setup) {
    disk.disk.load(contents().disk);
  }
  World world;
  referee::BlockDevice disk;
  referee::SluiceDevice slot;
  DriverStack<virtio::BlockDriver> stack{{slot.base(), referee::kRegisterBytes, slot.irq_source()}};
};

}  // namespace

TEST_CASE("virtio: whichever allocation fails, a file's bytes are right or memory is out") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  const bool packed = GENERATE(false, true);
  if (version == 1 && packed) {
    return;
  }
  referee::Setup setup{.version = version};
  setup.added = packed ? referee::kFeatureRingPacked : 0;
  sweep(
      [&](u64 nth) -> std::string {
        VirtioDisk machine(setup);
        fail_alloc::set(nth);
        return machine.stack.plug() ? mount_and_read("vda1") : "plug: out of memory";
      },
      25);
}

TEST_CASE("RAM disk: whichever allocation fails, a file's bytes are right or memory is out") {
  Bytes image = contents().disk;
  sweep(
      [&](u64 nth) -> std::string {
        World world;
        dev::PlatformBus bus;
        blk::RamDiskDriver driver;
        dev::Device device("ram0", nullptr);
        dev::add_bus(bus);
        bus.add_driver(driver);
        device.platform_data = image;
        fail_alloc::set(nth);
        std::string outcome =
            bus.add_device(device) ? mount_and_read("ram0p1") : "add: out of memory";
        bus.remove_device(device);
        bus.remove_driver(driver);
        dev::remove_bus(bus);
        return outcome;
      },
      15);
}

}  // namespace sluice::test
