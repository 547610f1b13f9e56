// The tiny driver from the first register to DRIVER_OK.
// Reference: virtio 1.2, 3.1.1, 4.2.3, 4.2.4.
#include <algorithm>
#include <stdexcept>

#include "tiny_driver.hpp"
#include "tiny_wire.hpp"

namespace tiny {
namespace {

constexpr std::uint32_t kPage = 4096;

}  // namespace

bool Driver::start() {
  if (!discover()) {
    return false;
  }
  greet();
  if (!negotiate()) {
    if (!makes(Mistake::GivesUpSilently)) {
      put(kStatus, get(kStatus) | kFailed);
    }
    return false;
  }
  capacity_ = options_.entropy && !makes(Mistake::ReadsCapacity) ? 0 : read_capacity();
  if (accepted(kBlkSizeF) && get(kBlkSize) % 512 != 0) {
    return false;
  }
  if (makes(Mistake::ConfigReadOnly)) {
    put(kCapacity, 1);
  }
  if (!set_up_queue()) {
    return false;
  }
  go_live();
  return true;
}

bool Driver::discover() {
  if (!makes(Mistake::NoDiscovery) && get(kMagicValue) != 0x74726976 &&
      !makes(Mistake::IgnoresMagic)) {
    return false;
  }
  const std::uint32_t version = get(kVersion);
  legacy_ = version == 1;
  if (version != 1 && version != 2 && !makes(Mistake::IgnoresVersion)) {
    return false;
  }
  if (!makes(Mistake::NoDeviceId) && get(kDeviceId) != (options_.entropy ? 4 : 2)) {
    return false;
  }
  if (makes(Mistake::WritesReadOnly)) {
    put(kMagicValue, 0);
  }
  if (makes(Mistake::UndescribedRegister)) {
    get(0x18);
  }
  return true;
}

void Driver::greet() {
  if (!makes(Mistake::NoReset)) {
    put(kStatus, 0);
    for (int i = 0; !makes(Mistake::ResetUnread) && get(kStatus) != 0 && i < 1000; ++i) {
    }
  }
  if (makes(Mistake::SkipsAcknowledge)) {
    put(kStatus, kDriver);
  } else {
    put(kStatus, kAck);
  }
  if (!makes(Mistake::SkipsDriver)) {
    put(kStatus, kAck | kDriver);
  }
  if (makes(Mistake::NarrowAccess)) {
    device_.read(kStatus, 1);
  }
}

bool Driver::packed() const {
  return accepted(kRingPacked);
}

std::uint64_t Driver::wanted(std::uint64_t offered) const {
  std::uint64_t want = kReadOnly | kBlkSizeF | kFlush | kConfigWce | kAnyLayout | kVersion1;
  want |= kDiscard | kWriteZeroes | kLifetime | kSecureErase;
  want |= options_.ring_reset ? kRingReset : 0;
  want |= makes(Mistake::NoPlatform) ? 0 : kAccessPlatform | kOrderPlatform;
  want |= makes(Mistake::AcceptsBit30) ? bit(30) : 0;
  want |= (options_.indirect ? kIndirect : 0) | (options_.event_idx ? kEventIdx : 0);
  want |= options_.limits ? kSegMax | kSizeMax : 0;
  want |= (options_.packed && !makes(Mistake::PackedUnaccepted) ? kRingPacked : 0) |
          (options_.in_order ? kInOrder : 0);
  want |= options_.notification_data ? kNotificationData : 0;
  want &= offered;
  if (makes(Mistake::NoVersion1)) {
    want &= ~kVersion1;
  } else if (makes(Mistake::NoAnyLayout)) {
    want &= ~kAnyLayout;
  } else if (makes(Mistake::FlushUnnegotiated)) {
    want &= ~(kFlush | kConfigWce);
  } else if (makes(Mistake::ReadOnlyUnaccepted)) {
    want &= ~kReadOnly;
  } else if (makes(Mistake::FeatureNotOffered)) {
    want |= bit(13);
  }
  return want;
}

std::uint64_t Driver::read_features() {
  if (makes(Mistake::FeaturesUnread)) {
    return kFlush | kVersion1;
  }
  std::uint64_t offered = 0;
  for (std::uint32_t word = 0; word < 2; ++word) {
    if (word != 0 || !makes(Mistake::NoFeaturesSel)) {
      put(kHostFeaturesSel, word);
    }
    offered |= std::uint64_t{get(kHostFeatures)} << (32 * word);
  }
  return offered;
}

bool Driver::negotiate() {
  features_ = wanted(read_features());
  const auto write_features = [this](std::uint64_t features) {
    for (std::uint32_t word = 0; word < 2; ++word) {
      if (word != 0 || !makes(Mistake::NoDriverFeaturesSel)) {
        put(kGuestFeaturesSel, word);
      }
      put(kGuestFeatures, static_cast<std::uint32_t>(features >> (32 * word)));
    }
  };
  if (makes(Mistake::WritebackReadEarly)) {
    device_.read(kWriteback, 1);
  }
  if (makes(Mistake::ConfigWrittenEarly)) {
    device_.write(kWriteback, 1, 1);
  }
  write_features(features_);
  if (makes(Mistake::FeaturesOkOnLegacy)) {
    put(kStatus, kAck | kDriver | kFeaturesOk);
  }
  if (!legacy_ && !makes(Mistake::NoFeaturesOk)) {
    put(kStatus, kAck | kDriver | kFeaturesOk);
    if (makes(Mistake::FeaturesLate)) {
      write_features(features_ & ~kFlush);
    }
    if (!makes(Mistake::FeaturesOkUnread) && (get(kStatus) & kFeaturesOk) == 0 &&
        !makes(Mistake::IgnoresRefusal)) {
      return false;
    }
  }
  if (accepted(kConfigWce) && !makes(Mistake::ConfigWrittenEarly)) {
    set_writeback(1);
  }
  if (makes(Mistake::ConfigNotOffered)) {
    get(kBlkSize);
  }
  return true;
}

std::uint64_t Driver::read_capacity() {
  if (makes(Mistake::ConfigWidth)) {
    return device_.read(kCapacity, 2);
  }
  if (makes(Mistake::ConfigReadOnce)) {
    const std::uint32_t low = get(kCapacity);
    return low | (std::uint64_t{get(kCapacity + 4)} << 32);
  }
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t before = legacy_ ? 0 : get(kGeneration);
    const std::uint32_t low = get(kCapacity);
    const std::uint64_t capacity = low | (std::uint64_t{get(kCapacity + 4)} << 32);
    const bool same = legacy_ ? get(kCapacity) == low : get(kGeneration) == before;
    if (same || makes(Mistake::ConfigTorn)) {
      return capacity;
    }
  }
  return 0;
}

// --- The queue -----------------------------------------------------------------------------------

sluice::port::DmaBlock Driver::allocate(std::size_t bytes, std::size_t alignment, bool zeroed) {
  const auto block = world_.arena.allocate(bytes, alignment, 0xffff'ffff);
  if (!block) {
    throw std::runtime_error("the arena is empty");
  }
  if (zeroed) {
    std::fill_n(block->data, bytes, std::byte{0});
  }
  return *block;
}

bool Driver::set_up_queue() {
  put(kQueueSel, makes(Mistake::AbsentQueue) ? 1 : options_.queue);
  if (get(legacy_ ? kQueuePfn : kQueueReady) != 0) {
    return false;
  }
  if (makes(Mistake::ReadsWriteOnly)) {
    get(kQueueNum);
  }
  const std::uint32_t max = makes(Mistake::NumMaxUnread) ? 256 : get(kQueueNumMax);
  size_ = std::min(max, options_.queue_size);
  if (makes(Mistake::AbsentQueue)) {
    put(kQueueNum, 8);
    put(kQueueSel, 0);
    size_ = options_.queue_size;
  } else if (makes(Mistake::QueueTooLarge)) {
    size_ = 2 * max;
  } else if (makes(Mistake::QueueNotPowerOfTwo)) {
    size_ = 6;
  }
  make_rings();
  if (legacy_) {
    start_legacy_queue();
  } else {
    start_modern_queue();
  }
  return true;
}

void Driver::make_rings() {
  rings_ = allocate(lay_out(), kPage, !makes(Mistake::RingNotZeroed));
  if (makes(Mistake::RingNotZeroed)) {
    std::fill_n(rings_.data, used_, std::byte{0});
  }
  busy_.assign(size_, false);
  owner_.assign(size_, 0);
  avail_index_ = used_index_ = 0;
}

// Where the parts are; how many bytes that takes.
std::size_t Driver::lay_out() {
  desc_ = makes(Mistake::RingUnaligned) ? 8 : 0;
  avail_ = desc_ + std::size_t{16} * size_;
  if (packed()) {  // 2.8.10.1
    avail_ += makes(Mistake::EventAreaUnaligned) ? 2 : 0;
    used_ = sluice::align_up(avail_ + 4, 4);
    return used_ + 4;
  }
  // 2.7.2 for both versions: it suits version 2 as well.
  used_ = sluice::align_up(avail_ + 6 + std::size_t{2} * size_, kPage);
  return used_ + sluice::align_up(6 + std::size_t{8} * size_, kPage);
}

void Driver::write_addresses() {
  const std::uint64_t base =
      makes(Mistake::RingAddressIsPointer)
          ? reinterpret_cast<std::uintptr_t>(rings_.data) & ~std::uint64_t{15}
          : rings_.bus.value();
  const std::pair<std::uint64_t, std::size_t> parts[] = {
      {kQueueDesc, desc_}, {kQueueDriver, avail_}, {kQueueDevice, used_}};
  for (const auto& [reg, offset] : parts) {
    put(reg, static_cast<std::uint32_t>(base + offset));
    put(reg + 4, static_cast<std::uint32_t>((base + offset) >> 32));
  }
}

void Driver::start_modern_queue() {
  if (makes(Mistake::LegacyRegister)) {
    put(kGuestPageSize, kPage);
  }
  put(kQueueNum, size_);
  if (!makes(Mistake::ReadyBeforeAddresses)) {
    write_addresses();
  }
  put(kQueueReady, 1);
  if (makes(Mistake::ReadyBeforeAddresses)) {
    write_addresses();
  }
  if (makes(Mistake::QueueRegisterWhileReady)) {
    put(kQueueNum, size_);
  }
}

void Driver::start_legacy_queue() {
  put(kGuestPageSize, kPage);
  put(kQueueNum, size_);
  if (!makes(Mistake::LegacyQueueWithoutAlign)) {
    put(kQueueAlign, kPage);
  }
  put(kQueuePfn, static_cast<std::uint32_t>(rings_.bus.value() / kPage));
  if (makes(Mistake::QueueNumMaxWhileInUse)) {
    get(kQueueNumMax);
  }
  if (makes(Mistake::ModernRegister)) {
    get(kGeneration);
  }
}

void Driver::go_live() {
  arm();
  if (makes(Mistake::NotifiesEarly)) {
    put(kQueueNotify, options_.queue);
  }
  const bool features_ok =
      legacy_ ? makes(Mistake::FeaturesOkOnLegacy) : !makes(Mistake::NoFeaturesOk);
  const std::uint32_t before = kAck | kDriver | (features_ok ? std::uint32_t{kFeaturesOk} : 0);
  put(kStatus, makes(Mistake::ClearsStatus) ? std::uint32_t{kDriverOk} : before | kDriverOk);
  if (makes(Mistake::QueueResetUnnegotiated)) {
    get(kQueueReset);
  }
}

}  // namespace tiny
