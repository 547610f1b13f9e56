// What a virtio device and its driver agreed on, in words, for `lsdev -v`.
// Reference: virtio 1.2, 5 (device types), 5.2.3 (feature bits of block devices), 6 (reserved
// feature bits).
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include <sluice/drivers/virtio/bus.hpp>

namespace sluice::virtio {
namespace {

struct FeatureName {
  u32 bit;
  std::string_view name;
};

constexpr FeatureName kBlockFeatures[] = {
    {1, "SIZE_MAX"},      {2, "SEG_MAX"},   {4, "GEOMETRY"},      {5, "RO"},  {6, "BLK_SIZE"},
    {9, "FLUSH"},         {10, "TOPOLOGY"}, {11, "CONFIG_WCE"},   {12, "MQ"}, {13, "DISCARD"},
    {14, "WRITE_ZEROES"}, {15, "LIFETIME"}, {16, "SECURE_ERASE"},
};
constexpr FeatureName kCommonFeatures[] = {
    {27, "ANY_LAYOUT"},     {28, "INDIRECT_DESC"},     {29, "EVENT_IDX"},
    {32, "VERSION_1"},      {33, "ACCESS_PLATFORM"},   {34, "RING_PACKED"},
    {36, "ORDER_PLATFORM"}, {38, "NOTIFICATION_DATA"},
};

void put_feature(Sink& out, std::span<const FeatureName> names, u32 bit) {
  const auto found = std::ranges::find(names, bit, &FeatureName::bit);
  if (found != names.end()) {
    format_to(out, " {}", found->name);
  } else {
    format_to(out, " bit {}", bit);
  }
}

}  // namespace

void Device::describe(Sink& out) const {
  const bool block = id() == kBlockDeviceId;
  const bool entropy = id() == kEntropyDeviceId;
  format_to(out, "type: {}{}\n", id(), block ? " (block)" : entropy ? " (entropy)" : "");
  format_to(out, "interface: {}\n", legacy() ? "legacy" : "virtio 1");
  format_to(out, "features: {:#x}", features());
  constexpr u32 kFirstCommon = 24;
  for (u32 bit = 0; bit < 64; ++bit) {
    if (has(feature::bit(bit))) {
      const std::span<const FeatureName> names = bit >= kFirstCommon ? std::span(kCommonFeatures)
                                                 : block             ? std::span(kBlockFeatures)
                                                         : std::span<const FeatureName>();
      put_feature(out, names, bit);
    }
  }
  out.put("\n");
  for (const auto& queue : queues()) {
    format_to(out, "queue {}: {} descriptors, {} in flight{}\n", queue->index(), queue->size(),
              queue->in_flight(), queue->broken() ? ", broken" : "");
  }
}

}  // namespace sluice::virtio
