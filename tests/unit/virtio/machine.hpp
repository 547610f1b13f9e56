// A World with one virtio-mmio slot, the referee's disk in it, and Sluice's drivers in front of it.
// Used by the tests of drivers/virtio. The referee throws at the first rule that the driver breaks;
// the World throws where DMA memory or a mapping is left over.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sluice/drivers/virtio/block_disk.hpp>
#include <sluice/drivers/virtio/split_queue.hpp>

#include "disk_stack.hpp"
#include "tests/model/block_device.hpp"
#include "tests/model/sluice_adapter.hpp"

namespace sluice::test {

// What is behind the slot: a World and the referee's disk.
struct RefereeSlot {
  RefereeSlot(referee::BlockOptions options, const referee::Setup& setup, u32 harts)
      : world(harts), disk(std::move(options)), slot(world, disk, {}, setup) {
    disk.disk.fill = pattern;
  }

  LogText log;
  World world;
  referee::BlockDevice disk;
  referee::SluiceDevice slot;
};

struct Machine : RefereeSlot, DiskStack {
  explicit Machine(referee::BlockOptions options = {}, const referee::Setup& setup = {},
                   std::string command_line = {}, u32 harts = 1)
      : RefereeSlot(std::move(options), setup, harts),
        DiskStack({slot.base(), referee::kRegisterBytes, slot.irq_source()},
                  std::move(command_line)) {}

  referee::MmioDevice& device() { return slot.device; }
};

// The kinds of device that everything must work on.
struct Variant {
  std::uint32_t version;
  bool indirect;
  bool event_idx;
  bool packed = false;
  referee::Setup setup(std::uint16_t queue_num_max = 256) const {
    referee::Setup made{.version = version, .queue_num_max = queue_num_max};
    made.added = packed ? referee::kFeatureRingPacked : 0;
    made.withheld =
        (indirect ? 0 : referee::kFeatureIndirect) | (event_idx ? 0 : referee::kFeatureEventIdx);
    return made;
  }
};

inline const std::vector<Variant>& all_variants() {
  static const std::vector<Variant> variants = {
      {1, false, false},      {1, false, true},       {1, true, false},
      {1, true, true},        {2, false, false},      {2, false, true},
      {2, true, false},       {2, true, true},        {2, false, false, true},
      {2, false, true, true}, {2, true, false, true}, {2, true, true, true}};
  return variants;
}
inline Variant any_variant() {
  return GENERATE(from_range(all_variants()));
}
inline Variant any_split_variant() {
  return GENERATE(
      filter([](const Variant& variant) { return !variant.packed; }, from_range(all_variants())));
}
inline std::string name_of(const Variant& v) {
  return "version " + std::to_string(v.version) + (v.packed ? ", packed" : "") +
         (v.indirect ? ", indirect" : "") + (v.event_idx ? ", event_idx" : "");
}

}  // namespace sluice::test
