// Which field of a ring an address is: for tests that look on while a driver accesses its rings.
// Reference: virtio 1.2, 2.7 and 2.8.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <sluice/drivers/virtio/virtqueue.hpp>

#include "tests/model/wire.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {

enum class Part : u8 {
  Elsewhere,
  AvailFlags,
  AvailIndex,
  AvailEntry,
  UsedEvent,
  UsedFlags,
  UsedIndex,
  UsedElement,
  AvailEvent,
  Descriptor,
  DriverEvent,
  DeviceEvent,
};

struct Place {
  u32 queue = 0;
  Part part = Part::Elsewhere;
  u32 index = 0;  // of an entry, an element, a descriptor
  std::string text() const {
    static constexpr std::array kNames{"memory of no ring",
                                       "the available ring's flags",
                                       "the available index",
                                       "an available entry",
                                       "used_event",
                                       "the used ring's flags",
                                       "the used index",
                                       "a used element",
                                       "avail_event",
                                       "descriptor",
                                       "the driver's event area",
                                       "the device's event area"};
    return kNames[static_cast<usize>(part)] +
           (part == Part::Descriptor ? " " + std::to_string(index) : std::string()) +
           (queue != 0 ? " of queue " + std::to_string(queue) : std::string());
  }
};

// The rings of one device.
class RingMap {
 public:
  // While they are where they are: until the device is probed again.
  template <class Queues>
  RingMap(World& world, const Queues& queues) {
    for (const auto& queue : queues) {
      add(world, *queue);
    }
  }

  Place find(const void* at) const {
    for (u32 queue = 0; queue < rings_.size(); ++queue) {
      const Ring& ring = rings_[queue];
      if (const auto offset = offset_in(ring.table, at)) {
        return {queue, Part::Descriptor, static_cast<u32>(*offset / referee::kDescBytes)};
      }
      if (const auto offset = offset_in(ring.driver, at)) {
        return {queue, ring.packed ? Part::DriverEvent : in_available(ring, *offset), 0};
      }
      if (const auto offset = offset_in(ring.device, at)) {
        return {queue, ring.packed ? Part::DeviceEvent : in_used(ring, *offset), 0};
      }
    }
    return {};
  }

  struct Ring {
    bool packed;
    u32 size;
    std::span<std::byte> table, driver, device;
    // A packed descriptor's flags.
    u16 flags(u32 place) const { return referee::load<u16>(table, 16 * place + 14); }
    bool has_avail(u32 place) const { return (flags(place) & referee::kDescAvail) != 0; }
    bool has_used(u32 place) const { return (flags(place) & referee::kDescUsed) != 0; }
    // Has the driver said that it wants no interrupt? With EVENT_IDX a split ring does not tell.
    bool quiet() const {
      return packed
                 ? (referee::load<u16>(driver, 2) & referee::kEventFlags) == referee::kEventDisable
                 : (referee::load<u16>(driver, 0) & referee::kAvailNoInterrupt) != 0;
    }
  };
  const std::vector<Ring>& rings() const { return rings_; }

 private:
  void add(World& world, const virtio::Virtqueue& queue) {
    const virtio::QueuePlace place = queue.place();
    const bool packed = queue.is_packed();
    const auto area = [&](BusAddr bus, u64 bytes) { return world.arena.at(bus.value(), bytes); };
    const u64 driver_bytes = packed ? referee::kEventBytes : referee::avail_bytes(place.size, true);
    const u64 device_bytes = packed ? referee::kEventBytes : referee::used_bytes(place.size, true);
    rings_.push_back({packed, place.size, area(place.descriptors, referee::desc_bytes(place.size)),
                      area(place.driver, driver_bytes), area(place.device, device_bytes)});
  }
  static std::optional<usize> offset_in(std::span<const std::byte> area, const void* at) {
    const auto* const byte = static_cast<const std::byte*>(at);
    const bool inside = !area.empty() && byte >= area.data() && byte <= &area.back();
    return inside ? std::optional(static_cast<usize>(byte - area.data())) : std::nullopt;
  }
  static Part in_available(const Ring& ring, usize offset) {
    return offset < 2                   ? Part::AvailFlags
           : offset < 4                 ? Part::AvailIndex
           : offset < 4 + 2 * ring.size ? Part::AvailEntry
                                        : Part::UsedEvent;
  }
  static Part in_used(const Ring& ring, usize offset) {
    return offset < 2                   ? Part::UsedFlags
           : offset < 4                 ? Part::UsedIndex
           : offset < 4 + 8 * ring.size ? Part::UsedElement
                                        : Part::AvailEvent;
  }

  std::vector<Ring> rings_;
};

}  // namespace sluice::test
