// QEMU's words for features and counters.
#include "witness.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace qemu {
namespace {

const std::string kPath = R"("path": "/machine/peripheral/disk")";

struct Named {
  std::string_view name;
  unsigned bit;
};
constexpr auto kFeatures = std::to_array<Named>({
    {"VIRTIO_BLK_F_SIZE_MAX", 1},      {"VIRTIO_BLK_F_SEG_MAX", 2},
    {"VIRTIO_BLK_F_GEOMETRY", 4},      {"VIRTIO_BLK_F_RO", 5},
    {"VIRTIO_BLK_F_BLK_SIZE", 6},      {"VIRTIO_BLK_F_FLUSH", 9},
    {"VIRTIO_BLK_F_TOPOLOGY", 10},     {"VIRTIO_BLK_F_CONFIG_WCE", 11},
    {"VIRTIO_BLK_F_MQ", 12},           {"VIRTIO_BLK_F_DISCARD", 13},
    {"VIRTIO_BLK_F_WRITE_ZEROES", 14}, {"VIRTIO_BLK_F_SECURE_ERASE", 16},
    {"VIRTIO_F_ANY_LAYOUT", 27},       {"VIRTIO_RING_F_INDIRECT_DESC", 28},
    {"VIRTIO_RING_F_EVENT_IDX", 29},   {"VIRTIO_F_VERSION_1", 32},
    {"VIRTIO_F_IOMMU_PLATFORM", 33},   {"VIRTIO_F_RING_PACKED", 34},
    {"VIRTIO_F_IN_ORDER", 35},         {"VIRTIO_F_RING_RESET", 40},
});

// "VIRTIO_F_VERSION_1: what that is" …
std::uint64_t bits_of(const Json& names) {
  std::uint64_t bits = 0;
  for (const Json& item : names.items) {
    const std::string_view name = std::string_view(item.text).substr(0, item.text.find(':'));
    const auto known = std::ranges::find(kFeatures, name, &Named::name);
    if (known == kFeatures.end()) {
      throw Failure("QEMU knows a feature that this test does not: " + item.text);
    }
    bits |= std::uint64_t{1} << known->bit;
  }
  return bits;
}

// … and those that QEMU has no name for as a number.
std::uint64_t all_bits_of(const Json& features) {
  const Json& unknown = features["unknown-dev-features"];
  return bits_of(features["transports"]) | bits_of(features["dev-features"]) |
         (unknown.exists() ? unknown.number() : 0);
}

}  // namespace

DeviceState Witness::device() {
  const Json answer = qmp_.execute("x-query-virtio-status", "{" + kPath + "}");
  DeviceState state;
  state.features = all_bits_of(answer["guest-features"]);
  for (const Json& status : answer["status"]["statuses"].items) {
    state.driver_ok = state.driver_ok || status.text.starts_with("VIRTIO_CONFIG_S_DRIVER_OK:");
  }
  state.broken = answer["broken"].is_true();
  state.queues = answer["num-vqs"].number();
  return state;
}

QueueState Witness::queue(unsigned index) {
  const Json answer = qmp_.execute("x-query-virtio-queue-status",
                                   "{" + kPath + R"(, "queue": )" + std::to_string(index) + "}");
  return {.size = answer["vring-num"].number(),
          .in_use = answer["inuse"].number(),
          .used_index = answer["used-idx"].number(),
          .descriptors = answer["vring-desc"].number(),
          .driver_area = answer["vring-avail"].number(),
          .device_area = answer["vring-used"].number()};
}

DiskCounts Witness::counts() {
  const Json answer = qmp_.execute("query-blockstats");
  if (answer.items.size() != 1) {
    throw Failure("QEMU's machine has not one disk");
  }
  const Json& counts = answer.items[0]["stats"];
  return {.reads = counts["rd_operations"].number(),
          .writes = counts["wr_operations"].number(),
          .flushes = counts["flush_operations"].number()};
}

std::uint64_t Witness::discards() {
  const Json answer = qmp_.execute("query-blockstats", R"({"query-nodes": true})");
  for (const Json& node : answer.items) {
    if (node["node-name"].text == "file") {
      const Json& counts = node["driver-specific"];
      return counts["discard-nb-ok"].number() + counts["discard-nb-failed"].number();
    }
  }
  throw Failure("QEMU's machine has no image file");
}

}  // namespace qemu
