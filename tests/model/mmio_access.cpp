// Which access of the driver is allowed at all: width, direction, layout of the version,
// configuration fields.
#include <algorithm>
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {
namespace {

enum class Layout { Both, Modern, Legacy, SharedMemory, RingReset };

struct Register {
  std::uint64_t offset;
  std::string_view name;
  bool readable;
  bool writable;
  Layout layout = Layout::Both;
};

// Table 4.1 (4.2.2) and table 4.2 (4.2.4).
constexpr std::array kRegisters = {
    Register{kMagicValue, "MagicValue", true, false},
    Register{kVersion, "Version", true, false},
    Register{kDeviceId, "DeviceID", true, false},
    Register{kVendorId, "VendorID", true, false},
    Register{kDeviceFeatures, "DeviceFeatures", true, false},
    Register{kDeviceFeaturesSel, "DeviceFeaturesSel", false, true},
    Register{kDriverFeatures, "DriverFeatures", false, true},
    Register{kDriverFeaturesSel, "DriverFeaturesSel", false, true},
    Register{kGuestPageSize, "GuestPageSize", false, true, Layout::Legacy},
    Register{kQueueSel, "QueueSel", false, true},
    Register{kQueueNumMax, "QueueNumMax", true, false},
    Register{kQueueNum, "QueueNum", false, true},
    Register{kQueueAlign, "QueueAlign", false, true, Layout::Legacy},
    Register{kQueuePfn, "QueuePFN", true, true, Layout::Legacy},
    Register{kQueueReady, "QueueReady", true, true, Layout::Modern},
    Register{kQueueNotify, "QueueNotify", false, true},
    Register{kInterruptStatus, "InterruptStatus", true, false},
    Register{kInterruptAck, "InterruptACK", false, true},
    Register{kStatus, "Status", true, true},
    Register{kQueueDescLow, "QueueDescLow", false, true, Layout::Modern},
    Register{kQueueDescHigh, "QueueDescHigh", false, true, Layout::Modern},
    Register{kQueueDriverLow, "QueueDriverLow", false, true, Layout::Modern},
    Register{kQueueDriverHigh, "QueueDriverHigh", false, true, Layout::Modern},
    Register{kQueueDeviceLow, "QueueDeviceLow", false, true, Layout::Modern},
    Register{kQueueDeviceHigh, "QueueDeviceHigh", false, true, Layout::Modern},
    Register{kShmSel, "SHMSel", false, true, Layout::SharedMemory},
    Register{kShmLenLow, "SHMLenLow", true, false, Layout::SharedMemory},
    Register{kShmLenHigh, "SHMLenHigh", true, false, Layout::SharedMemory},
    Register{kShmBaseLow, "SHMBaseLow", true, false, Layout::SharedMemory},
    Register{kShmBaseHigh, "SHMBaseHigh", true, false, Layout::SharedMemory},
    Register{kQueueReset, "QueueReset", true, true, Layout::RingReset},
    Register{kConfigGeneration, "ConfigGeneration", true, false, Layout::Modern},
};

}  // namespace

MmioDevice::MmioDevice(Personality& personality, Memory& memory, const Setup& setup)
    : personality_(personality),
      memory_(memory),
      setup_(setup),
      queues_(personality.queue_count()) {}

std::uint32_t MmioDevice::read(std::uint64_t offset, unsigned width) {
  call_hook(offset, false);
  if (offset >= kConfig && offset < kRegisterBytes) {
    check_discovery(offset, false);
    return read_config(offset, width);
  }
  if (!check_control(offset, width, false)) {
    return 0;
  }
  check_discovery(offset, false);
  return read_control(offset);
}

void MmioDevice::write(std::uint64_t offset, unsigned width, std::uint32_t value) {
  call_hook(offset, true);
  if (offset >= kConfig && offset < kRegisterBytes) {
    check_discovery(offset, true);
    write_config(offset, width, value);
  } else if (check_control(offset, width, true)) {
    check_discovery(offset, true);
    write_control(offset, value);
  }
}

void MmioDevice::call_hook(std::uint64_t offset, bool is_write) {
  if (!before_access || inside_hook_) {
    return;
  }
  struct Inside {
    bool& flag;
    explicit Inside(bool& where) : flag(where) { flag = true; }
    ~Inside() { flag = false; }
  } inside(inside_hook_);
  before_access(offset, is_write);
}

void MmioDevice::check_discovery(std::uint64_t offset, bool is_write) {
  const std::string access = (is_write ? "write at " : "read at ") + hex(offset);
  const bool early = offset == kMagicValue || offset == kVersion;
  const bool known = magic_read_ && version_read_;
  const bool id = offset == kDeviceId;
  if (!early && !(known && (id || device_id_read_))) {
    magic_read_ = version_read_ = device_id_read_ = true;  // told once
    judge.broken(rule::mmio_discovery, access);
  } else if (!early && !id && setup_.magic != kMagic) {
    judge.broken(rule::mmio_magic, access);
  } else if (!early && !id && setup_.version != 1 && setup_.version != 2) {
    judge.broken(rule::mmio_version, access);
  } else if (!early && !id && personality_.device_id() == 0) {
    judge.broken(rule::mmio_empty_slot, access);
  }
  magic_read_ = magic_read_ || offset == kMagicValue;
  version_read_ = version_read_ || offset == kVersion;
  device_id_read_ = device_id_read_ || id;
}

bool MmioDevice::check_control(std::uint64_t offset, unsigned width, bool is_write) {
  const std::string access = std::string(is_write ? "write" : "read") + " of " +
                             std::to_string(8 * width) + " bits at " + hex(offset);
  const auto broken = [&](const Rule& rule, std::string_view name = {}) {
    judge.broken(rule, access + (name.empty() ? "" : ", " + std::string(name)));
    return false;
  };
  if (width != 4 || offset % 4 != 0) {
    return broken(rule::mmio_width);
  }
  const auto* found = std::find_if(kRegisters.begin(), kRegisters.end(),
                                   [offset](const Register& r) { return r.offset == offset; });
  if (found == kRegisters.end()) {
    return broken(rule::mmio_undescribed);
  }
  if (found->layout == Layout::Legacy && !legacy()) {
    return broken(rule::mmio_legacy_register, found->name);
  }
  if (found->layout != Layout::Legacy && found->layout != Layout::Both && legacy()) {
    return broken(rule::mmio_modern_register, found->name);
  }
  if (found->layout == Layout::SharedMemory) {
    return broken(rule::mmio_shared_memory, found->name);
  }
  if (found->layout == Layout::RingReset && !driver().has(kFeatureRingReset)) {
    return broken(rule::queue_reset_unnegotiated);
  }
  if (is_write && !found->writable) {
    return broken(rule::mmio_read_only, found->name);
  }
  if (!is_write && !found->readable) {
    return broken(rule::mmio_write_only, found->name);
  }
  return true;
}

// --- Configuration space ------------------------------------------------------------------------

const ConfigField* MmioDevice::check_config(std::uint64_t offset, unsigned width) {
  const auto at = static_cast<std::uint32_t>(offset - kConfig);
  const std::string access = std::to_string(8 * width) + " bits at offset " + std::to_string(at);
  for (const ConfigField& field : personality_.config_fields()) {
    if (at < field.offset || at >= field.offset + field.bytes) {
      continue;
    }
    const std::string name = access + ", " + std::string(field.name);
    if ((offered() & field.feature) != field.feature) {
      judge.broken(rule::config_feature, name);
      return nullptr;
    }
    // The legacy layout says nothing of widths: there, any access inside the field will do.
    const unsigned wanted = field.bytes == 8 ? 4 : field.bytes;
    const bool inside = at + width <= field.offset + field.bytes;
    const bool exact = width == wanted && (at - field.offset) % wanted == 0;
    if (legacy() ? !inside : !exact) {
      judge.broken(rule::config_width, name);
      return nullptr;
    }
    return &field;
  }
  judge.broken(rule::config_undescribed, access);
  return nullptr;
}

std::uint32_t MmioDevice::read_config(std::uint64_t offset, unsigned width) {
  const ConfigField* field = check_config(offset, width);
  if (field == nullptr) {
    return 0;
  }
  personality_.config_read(*field, (status_ & kFeaturesOk) != 0, legacy(), judge);
  const std::uint64_t first = offset - kConfig - field->offset;
  if (field->bytes == 8) {
    config_reads_.note(*field, first, width, generation_);
  }
  const std::uint64_t value = personality_.config_value(*field) >> (8 * first);
  return static_cast<std::uint32_t>(value & (~std::uint64_t{0} >> (64 - 8 * width)));
}

void MmioDevice::write_config(std::uint64_t offset, unsigned width, std::uint32_t value) {
  const ConfigField* field = check_config(offset, width);
  if (field == nullptr) {
    return;
  }
  if (!legacy() && (status_ & kFeaturesOk) == 0) {
    judge.broken(rule::config_write_early, std::string(field->name));
  } else if (!field->writable || (!legacy() && (accepted_ & field->feature) != field->feature)) {
    judge.broken(rule::config_read_only, std::string(field->name));
  } else {
    personality_.config_written(*field, value, judge);
  }
}

}  // namespace referee
