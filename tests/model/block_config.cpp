// What a disk offers and says of itself: features, configuration, cache mode.
// Reference: virtio 1.2, 5.2.3–5.2.5.
#include "block_device.hpp"
#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

// struct virtio_blk_config, 5.2.4.
const std::vector<ConfigField> kFields = {
    {0, 8, 0, false, "capacity"},
    {8, 4, kBlkSizeMax, false, "size_max"},
    {12, 4, kBlkSegMax, false, "seg_max"},
    {16, 2, kBlkGeometry, false, "geometry.cylinders"},
    {18, 1, kBlkGeometry, false, "geometry.heads"},
    {19, 1, kBlkGeometry, false, "geometry.sectors"},
    {20, 4, kBlkBlockSize, false, "blk_size"},
    {24, 1, kBlkTopology, false, "topology.physical_block_exp"},
    {25, 1, kBlkTopology, false, "topology.alignment_offset"},
    {26, 2, kBlkTopology, false, "topology.min_io_size"},
    {28, 4, kBlkTopology, false, "topology.opt_io_size"},
    {32, 1, kBlkConfigWce, true, "writeback"},
    {34, 2, kBlkMultiQueue, false, "num_queues"},
    {36, 4, kBlkDiscard, false, "max_discard_sectors"},
    {40, 4, kBlkDiscard, false, "max_discard_seg"},
    {44, 4, kBlkDiscard, false, "discard_sector_alignment"},
    {48, 4, kBlkWriteZeroes, false, "max_write_zeroes_sectors"},
    {52, 4, kBlkWriteZeroes, false, "max_write_zeroes_seg"},
    {56, 1, kBlkWriteZeroes, false, "write_zeroes_may_unmap"},
    {60, 4, kBlkSecureErase, false, "max_secure_erase_sectors"},
    {64, 4, kBlkSecureErase, false, "max_secure_erase_seg"},
    {68, 4, kBlkSecureErase, false, "secure_erase_sector_alignment"},
};

// A driver may look at its work later than at its requests.
constexpr std::uint32_t kPatience = 8;

// The `nth` of a command's three fields in the configuration.
std::uint64_t limit(const std::optional<RangeLimits>& limits, std::uint32_t nth) {
  const RangeLimits given = limits.value_or(RangeLimits{0, 0, 0});
  return nth == 0 ? given.max_sectors : nth == 1 ? given.max_ranges : given.alignment;
}

}  // namespace

BlockDevice::BlockDevice(BlockOptions options) : options_(std::move(options)) {
  reset();
}

std::uint64_t BlockDevice::features() const {
  const auto offer = [](bool really, std::uint64_t feature) { return really ? feature : 0; };
  return offer(options_.read_only, kBlkReadOnly) | offer(options_.topology, kBlkTopology) |
         offer(options_.block_bytes.has_value(), kBlkBlockSize) |
         offer(options_.seg_max.has_value(), kBlkSegMax) |
         offer(options_.size_max.has_value(), kBlkSizeMax) |
         offer(options_.flush || options_.config_wce, kBlkFlush) |  // 5.2.5.2
         offer(options_.config_wce, kBlkConfigWce) |
         offer(options_.queues > 1 || options_.num_queues, kBlkMultiQueue) |
         offer(options_.discard.has_value(), kBlkDiscard) |
         offer(options_.write_zeroes.has_value(), kBlkWriteZeroes) |
         offer(options_.lifetime.has_value(), kBlkLifetime) |
         offer(options_.secure_erase.has_value(), kBlkSecureErase);
}

const std::vector<ConfigField>& BlockDevice::config_fields() const {
  return kFields;
}

std::uint64_t BlockDevice::config_value(const ConfigField& field) const {
  if (field.feature == kBlkDiscard) {
    return limit(options_.discard, (field.offset - 36) / 4);
  }
  if (field.feature == kBlkSecureErase) {
    return limit(options_.secure_erase, (field.offset - 60) / 4);
  }
  switch (field.offset) {
    case 0:
      return options_.sectors;
    case 8:
      return options_.size_max.value_or(0);
    case 12:
      return options_.seg_max.value_or(0);
    case 20:
      return options_.block_bytes.value_or(kSectorBytes);
    case 24:
      return options_.physical_block_exp;
    case 26:
      return 1;
    case 32:
      return writeback_ ? 1 : 0;
    case 34:
      return options_.num_queues.value_or(options_.queues);
    case 48:
    case 52:
      return limit(options_.write_zeroes, (field.offset - 48) / 4);
    case 56:
      return options_.may_unmap ? 1 : 0;
    default:
      return 0;
  }
}

// The only field that a driver writes is writeback.
void BlockDevice::config_written(const ConfigField&, std::uint64_t value, Judge& judge) {
  if (value > 1) {
    judge.broken(rule::blk_writeback_value, std::to_string(value));
  }
  writeback_ = value != 0;
}

void BlockDevice::config_read(const ConfigField& field, bool features_ok, bool legacy,
                              Judge& judge) {
  if (field.feature == kBlkConfigWce && !features_ok && !legacy) {
    judge.broken(rule::blk_writeback_early);
  }
  if (field.offset == 0) {
    patience_.reset();
  }
}

void BlockDevice::change_acknowledged() {
  patience_ = kPatience;
}

void BlockDevice::negotiated(const Negotiated& driver, Judge& judge) {
  if (options_.read_only && !driver.has(kBlkReadOnly)) {
    judge.broken(rule::blk_read_only_unaccepted);
  }
  if (!driver.legacy && driver.has(kBlkConfigWce) && !driver.has(kBlkFlush)) {
    writeback_ = false;  // 5.2.5.2
  }
}

void BlockDevice::reset() {
  writeback_ = options_.writeback && (options_.flush || options_.config_wce);
  sent_.clear();
  patience_.reset();
}

// A write is stable at once, or needs a flush: 5.2.6.2.
bool BlockDevice::caches_writes(const Negotiated& driver) const {
  if (options_.config_wce && (driver.legacy || driver.has(kBlkConfigWce))) {
    return writeback_;
  }
  return driver.has(kBlkFlush);
}

}  // namespace referee
