// A World with one virtio-mmio slot, the referee's disk in it, and Sluice's drivers in front of it.
// Used by the tests of drivers/virtio. The referee throws at the first rule that the driver breaks;
// the World throws where DMA memory or a mapping is left over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/virtio/block.hpp>
#include <sluice/drivers/virtio/block_disk.hpp>
#include <sluice/drivers/virtio/bus.hpp>
#include <sluice/drivers/virtio/mmio_transport.hpp>
#include <sluice/drivers/virtio/split_queue.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/log.hpp>

#include "tests/catch.hpp"
#include "tests/model/block_device.hpp"
#include "tests/model/sluice_adapter.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {

// The log's lines since it was made or cleared.
class LogText {
 public:
  LogText() {
    log::set_level(log::Level::Debug);
    log::set_show([](const log::Line& line) { text() += std::string(line.text) + "\n"; });
    clear();
  }
  ~LogText() { log::set_show(nullptr); }
  void clear() { text().clear(); }
  bool has(std::string_view what) const { return text().find(what) != std::string::npos; }
  std::size_t count(std::string_view what) const {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text().find(what, at)) != std::string::npos; ++at) {
      ++found;
    }
    return found;
  }
  static std::string& text() {
    static std::string lines;
    return lines;
  }
};

// What stands on a disk that nobody wrote to, a function of the place.
inline std::byte pattern(std::uint64_t sector, std::uint32_t offset) {
  return static_cast<std::byte>(sector * 7 + offset * 13 + (offset >> 8) + (sector >> 8));
}

// A bio with its memory.
struct Io {
  Io(blk::Op op, u64 sector, std::size_t bytes, std::size_t pieces = 1) : data(bytes) {
    for (std::size_t i = 0; i < pieces; ++i) {
      const std::size_t from = bytes * i / pieces;
      const std::size_t to = bytes * (i + 1) / pieces;
      segments.push_back({data.data() + from, static_cast<u32>(to - from)});
    }
    bio.op = op;
    bio.sector = blk::Sector(sector);
    bio.segments = segments;
    bio.context = this;
    bio.end_io = [](blk::Bio& ended) { ++static_cast<Io*>(ended.context)->ends; };
  }
  Io(const Io&) = delete;

  bool done() const { return ends == 1; }
  bool ok() const { return done() && bio.status == blk::Status::Ok; }
  // Does the memory hold what an untouched disk has there?
  bool holds_pattern() const {
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (data[i] != pattern(bio.sector.value() + i / 512, i % 512)) {
        return false;
      }
    }
    return true;
  }

  std::vector<std::byte> data;
  std::vector<blk::Segment> segments;
  blk::Bio bio;
  int ends = 0;
};

using Ios = std::vector<std::unique_ptr<Io>>;

inline bool all_ok(const Ios& ios) {
  return std::all_of(ios.begin(), ios.end(), [](const auto& io) { return io->ok(); });
}
inline bool all_hold_pattern(const Ios& ios) {
  return all_ok(ios) &&
         std::all_of(ios.begin(), ios.end(), [](const auto& io) { return io->holds_pattern(); });
}

struct Machine {
  explicit Machine(referee::BlockOptions options = {}, const referee::Setup& setup = {},
                   std::string command_line = {}, u32 harts = 1)
      : world(harts),
        words("partitions=0 " + std::move(command_line)),
        disk(std::move(options)),
        slot(world, disk, {}, setup) {
    disk.disk.fill = pattern;
    command_line::set(words);
    node.mmio[0] = {slot.base(), referee::kRegisterBytes};
    node.mmio_count = 1;
    node.irqs[0] = {world.controller.phandle(), slot.irq_source()};
    node.irq_count = 1;
    dev::add_bus(platform);
    dev::add_bus(bus);
    platform.add_driver(mmio_driver);
    bus.add_driver(block_driver);
  }
  Machine(const Machine&) = delete;
  ~Machine() noexcept(false) {
    command_line::set({});
    unplug();
    platform.remove_driver(mmio_driver);
    bus.remove_driver(block_driver);
    dev::remove_bus(bus);
    dev::remove_bus(platform);
  }

  // The slot appears, and its drivers are probed.
  Machine& plug() {
    REQUIRE(platform.add_device(node).has_value());
    return *this;
  }
  void unplug() {
    if (node.bus() != nullptr) {
      platform.remove_device(node);
    }
  }

  referee::MmioDevice& device() { return slot.device; }
  virtio::Device* virtio_device() {
    return static_cast<virtio::Device*>(bus.find_device("virtio0"));
  }
  // As the task of that hart.
  void submit_as(u32 hart, Io& io) {
    world.run_as(hart, [&] { submit(io); });
  }

  blk::Disk* vda() { return blk::find("vda"); }

  void submit(Io& io) { vda()->submit(io.bio); }
  void submit(const Ios& ios) {
    List<blk::Bio> bios;
    for (const auto& io : ios) {
      bios.push_back(io->bio);
    }
    vda()->submit(bios);
  }
  // Submits and waits as a task would.
  blk::Status run(Io& io) {
    submit(io);
    wait_until([&] { return io.done(); });
    return io.bio.status;
  }
  void wait(const Ios& ios) {
    for (const auto& io : ios) {
      wait_until([&] { return io->done(); });
    }
  }

  LogText log;
  World world;
  std::string words;
  referee::BlockDevice disk;
  referee::SluiceDevice slot;
  dev::PlatformBus platform;
  virtio::Bus bus;
  virtio::MmioDriver mmio_driver;
  virtio::BlockDriver block_driver;
  dev::Device node{"virtio-mmio0", nullptr};
};

// The kinds of device that everything must work on.
struct Variant {
  std::uint32_t version;
  bool indirect;
  bool event_idx;
  referee::Setup setup(std::uint16_t queue_num_max = 256) const {
    referee::Setup made{.version = version, .queue_num_max = queue_num_max};
    made.withheld =
        (indirect ? 0 : referee::kFeatureIndirect) | (event_idx ? 0 : referee::kFeatureEventIdx);
    return made;
  }
};

inline const std::vector<Variant>& all_variants() {
  static const std::vector<Variant> variants = {
      {1, false, false}, {1, false, true}, {1, true, false}, {1, true, true},
      {2, false, false}, {2, false, true}, {2, true, false}, {2, true, true}};
  return variants;
}
inline Variant any_variant() {
  return GENERATE(from_range(all_variants()));
}
inline std::string name_of(const Variant& v) {
  return "version " + std::to_string(v.version) + (v.indirect ? ", indirect" : "") +
         (v.event_idx ? ", event_idx" : "");
}

}  // namespace sluice::test
