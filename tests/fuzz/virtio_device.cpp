// The registers of the device that a fuzzer plays, and what it does of its own accord.
#include "virtio_device.hpp"

#include <algorithm>
#include <bit>

namespace sluice::fuzz {
namespace {

constexpr u32 kConfigAt = 0x100;
constexpr u32 kNeedsReset = 64;
// What the driver may meet: all of the disk's, of the ring's, and of the platform's.
constexpr u64 kOffered = 0x1'fe76 | u64{0x3f} << 27 | u64{0x3f} << 32;

}  // namespace

VirtioDevice::VirtioDevice(test::World& world, Input& shape, Input script)
    : world_(world), script_(script) {
  const u8 kind = shape.take<u8>();
  version_ = (kind & 1) != 0 ? 1 : 2;
  honest_in_the_end_ = (kind & 2) == 0;
  // Zeroes make a device that offers all but packed rings and what changes its limits.
  features_ = ((kOffered & ~(u64{1} << 34 | 0x10)) ^ shape.take<u64>()) &
              (version_ == 1 ? 0xffff'ffffu : ~u64{0});
  queue_size_max_ = 16u ^ shape.take<u16>();
  constexpr std::array<u8, 72> kPlain{0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0,
                                      0, 0,  0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0,
                                      0, 4,  0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 4, 0,
                                      0, 0,  1, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0};
  std::ranges::copy(kPlain, config_.begin());
  for (std::size_t i = 0; i < kPlain.size(); ++i) {
    config_[i] ^= shape.take<u8>();
  }
}

void VirtioDevice::tame() {
  tame_ = true;
  fixed_reads_ = 0;
  line_stuck_ = 0;
  script_ = Input({});
  if (status_ == 0) {
    restart();
  }
}

void VirtioDevice::restart() {
  status_ = 0;
  accepted_ = 0;
  causes_ = 0;
  queues_.fill({});
  world_.controller.lower(kIrqSource);
}

// --- Registers -----------------------------------------------------------------------------------

u32 VirtioDevice::config(u64 offset, u32 width) const {
  u32 value = 0;
  for (u32 i = 0; i < width && offset >= kConfigAt && offset + i < kRegisterBytes; ++i) {
    value |= u32{config_[offset - kConfigAt + i]} << (8 * i);
  }
  return value;
}

u32 VirtioDevice::register_value(u64 offset) const {
  const bool there = queue_sel_ < kQueues;
  switch (offset) {
    case 0x000:
      return 0x7472'6976;
    case 0x004:
      return version_;
    case 0x008:
      return 2;
    case 0x010:
      return features_sel_ < 2 ? static_cast<u32>(features_ >> (32 * features_sel_)) : 0;
    case 0x034:
      return there ? queue_size_max_ : 0;
    case 0x040:
      return there ? queues_[queue_sel_].pfn : 0;
    case 0x044:
      return there && queues_[queue_sel_].ready ? 1 : 0;
    case 0x060:
      return causes_;
    case 0x070:
      return status_;
    case 0x0fc:
      return generation_;
    default:
      return config(offset, 4);
  }
}

u32 VirtioDevice::read32(u64 offset) {
  return told(offset, register_value(offset));
}

// What the driver gets to read.
u32 VirtioDevice::told(u64 offset, u32 honest) {
  if (fixed_reads_ > 0 && offset == fixed_offset_) {
    --fixed_reads_;
    return fixed_value_;
  }
  const u8 what = tame_ ? u8{0} : script_.take<u8>();
  switch (what) {
    case 0xff:
      return script_.take<u32>();
    case 0xfe:
      return honest ^ u32 { 1 } << script_.take<u8>() % 32;
    case 0xfd:
      return 0;
    case 0xfc:
      return ~u32{0};
    case 0xfb:
      fixed_offset_ = offset;
      fixed_value_ = script_.take<u32>();
      fixed_reads_ = u32{1} << script_.take<u8>() % 18;
      return fixed_value_;
    case 0xfa:
      act(script_.take<u8>());
      return register_value(offset);
    default:
      return honest;
  }
}

void VirtioDevice::write8(u64 offset, u8 value) {
  if (offset >= kConfigAt && offset < kRegisterBytes) {
    config_[offset - kConfigAt] = value;
  }
}

void VirtioDevice::write32(u64 offset, u32 value) {
  Queue& queue = queues_[queue_sel_ % kQueues];
  switch (offset) {
    case 0x014:
      features_sel_ = value;
      break;
    case 0x020:
      accepted_ = driver_features_sel_ == 0 ? (accepted_ >> 32 << 32) | value
                                            : (accepted_ & 0xffff'ffff) | u64{value} << 32;
      break;
    case 0x024:
      driver_features_sel_ = value;
      break;
    case 0x030:
      queue_sel_ = value;
      break;
    case 0x038:
      queue.size = value;
      break;
    case 0x040:
      queue.pfn = value;
      queue.ready = value != 0;
      break;
    case 0x044:
      queue.ready = value != 0;
      break;
    case 0x064:
      causes_ &= ~value;
      interrupt(line_stuck_ > 0 ? 1 : 0);
      line_stuck_ -= line_stuck_ > 0 ? 1 : 0;
      break;
    case 0x070:
      status_ = value;
      if (value == 0) {
        restart();
      }
      break;
    case 0x080:
    case 0x084:
    case 0x090:
    case 0x094:
    case 0x0a0:
    case 0x0a4:
      queue.address[(offset - 0x080) / 16 * 2 + offset % 8 / 4] = value;
      break;
    default:
      break;
  }
}

// --- Of its own accord ---------------------------------------------------------------------------

// The line goes up where there is a cause.
void VirtioDevice::interrupt(u32 causes) {
  causes_ |= causes;
  if (causes_ != 0) {
    world_.controller.raise(kIrqSource);
  } else {
    world_.controller.lower(kIrqSource);
  }
}

bool VirtioDevice::step() {
  if (!script_.empty()) {
    act(script_.take<u8>());
    return true;
  }
  interrupt(0);  // a level that was delivered and stays up comes again
  return (tame_ || honest_in_the_end_) && complete(0, true);
}

void VirtioDevice::act(u8 what) {
  switch (what < 0xc0 ? 0 : what % 16) {
    case 0:
      complete(0, true);
      break;
    case 1:
      complete(script_.take<u8>(), true);
      break;
    case 2:
      complete(0, false);  // an interrupt that gets lost
      break;
    case 3:
      interrupt(script_.take<u8>());
      break;
    case 4:
      config_[script_.take<u8>() % 72] = script_.take<u8>();
      ++generation_;
      interrupt(2);
      break;
    case 5:
      status_ |= kNeedsReset;
      interrupt(2);
      break;
    case 6:
      line_stuck_ = script_.take<u8>() * 128u;
      interrupt(1);
      break;
    case 7:
      status_ = script_.take<u8>();
      break;
    case 8:
      features_ ^= u64{1} << script_.take<u8>() % 64;
      break;
    case 9:
      queue_size_max_ = script_.take<u16>();
      break;
    case 10:
      world_.arena.scribble_over_mappings(std::byte{script_.take<u8>()});
      break;
    case 11:
      break;  // it takes its time
    default:
      lie_in_ring(what % 4);
      break;
  }
}

}  // namespace sluice::fuzz
