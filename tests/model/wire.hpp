// The numbers of virtio 1.2 as the referee reads them in the specification: bits, offsets,
// structures as byte offsets.
// Used by the referee alone; a driver has its own, so that one slip is not made twice.
// Reference: virtio 1.2, 2.1, 2.7, 4.2.2, 4.2.4, 6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace referee {

// --- Device status, 2.1 -------------------------------------------------------------------------
inline constexpr std::uint32_t kAcknowledge = 1;
inline constexpr std::uint32_t kDriver = 2;
inline constexpr std::uint32_t kDriverOk = 4;
inline constexpr std::uint32_t kFeaturesOk = 8;
inline constexpr std::uint32_t kNeedsReset = 64;
inline constexpr std::uint32_t kFailed = 128;

// --- Features that belong to no device type, 6 and 6.3 ------------------------------------------
constexpr std::uint64_t feature_bit(unsigned bit) {
  return std::uint64_t{1} << bit;
}
inline constexpr std::uint64_t kFeatureNotifyOnEmpty = feature_bit(24);  // legacy
inline constexpr std::uint64_t kFeatureAnyLayout = feature_bit(27);      // legacy
inline constexpr std::uint64_t kFeatureIndirect = feature_bit(28);
inline constexpr std::uint64_t kFeatureEventIdx = feature_bit(29);
inline constexpr std::uint64_t kFeatureUnused30 = feature_bit(30);  // legacy
inline constexpr std::uint64_t kFeatureVersion1 = feature_bit(32);
inline constexpr std::uint64_t kFeatureAccessPlatform = feature_bit(33);
inline constexpr std::uint64_t kFeatureRingPacked = feature_bit(34);
inline constexpr std::uint64_t kFeatureInOrder = feature_bit(35);
inline constexpr std::uint64_t kFeatureOrderPlatform = feature_bit(36);
inline constexpr std::uint64_t kFeatureNotificationData = feature_bit(38);
inline constexpr std::uint64_t kFeatureRingReset = feature_bit(40);

// --- Control registers, 4.2.2 and (legacy) 4.2.4 ------------------------------------------------
inline constexpr std::uint64_t kMagicValue = 0x000;
inline constexpr std::uint64_t kVersion = 0x004;
inline constexpr std::uint64_t kDeviceId = 0x008;
inline constexpr std::uint64_t kVendorId = 0x00c;
inline constexpr std::uint64_t kDeviceFeatures = 0x010;
inline constexpr std::uint64_t kDeviceFeaturesSel = 0x014;
inline constexpr std::uint64_t kDriverFeatures = 0x020;
inline constexpr std::uint64_t kDriverFeaturesSel = 0x024;
inline constexpr std::uint64_t kGuestPageSize = 0x028;  // legacy
inline constexpr std::uint64_t kQueueSel = 0x030;
inline constexpr std::uint64_t kQueueNumMax = 0x034;
inline constexpr std::uint64_t kQueueNum = 0x038;
inline constexpr std::uint64_t kQueueAlign = 0x03c;  // legacy
inline constexpr std::uint64_t kQueuePfn = 0x040;    // legacy
inline constexpr std::uint64_t kQueueReady = 0x044;
inline constexpr std::uint64_t kQueueNotify = 0x050;
inline constexpr std::uint64_t kInterruptStatus = 0x060;
inline constexpr std::uint64_t kInterruptAck = 0x064;
inline constexpr std::uint64_t kStatus = 0x070;
inline constexpr std::uint64_t kQueueDescLow = 0x080;
inline constexpr std::uint64_t kQueueDescHigh = 0x084;
inline constexpr std::uint64_t kQueueDriverLow = 0x090;
inline constexpr std::uint64_t kQueueDriverHigh = 0x094;
inline constexpr std::uint64_t kQueueDeviceLow = 0x0a0;
inline constexpr std::uint64_t kQueueDeviceHigh = 0x0a4;
inline constexpr std::uint64_t kShmSel = 0x0ac;
inline constexpr std::uint64_t kShmLenLow = 0x0b0;
inline constexpr std::uint64_t kShmLenHigh = 0x0b4;
inline constexpr std::uint64_t kShmBaseLow = 0x0b8;
inline constexpr std::uint64_t kShmBaseHigh = 0x0bc;
inline constexpr std::uint64_t kQueueReset = 0x0c0;
inline constexpr std::uint64_t kConfigGeneration = 0x0fc;
inline constexpr std::uint64_t kConfig = 0x100;
inline constexpr std::uint64_t kRegisterBytes = 0x200;  // what a slot of the usual machines covers

inline constexpr std::uint32_t kMagic = 0x74726976;

inline constexpr std::uint32_t kIrqUsedBuffer = 1;
inline constexpr std::uint32_t kIrqConfigChange = 2;

// --- Split virtqueue, 2.7 -----------------------------------------------------------------------
inline constexpr std::uint16_t kDescNext = 1;
inline constexpr std::uint16_t kDescWrite = 2;
inline constexpr std::uint16_t kDescIndirect = 4;
inline constexpr std::uint32_t kDescBytes = 16;
inline constexpr std::uint16_t kAvailNoInterrupt = 1;
inline constexpr std::uint16_t kUsedNoNotify = 1;
inline constexpr std::uint32_t kMaxQueueSize = 32768;

constexpr std::uint64_t desc_bytes(std::uint32_t queue_size) {
  return 16ull * queue_size;
}
constexpr std::uint64_t avail_bytes(std::uint32_t queue_size, bool event_idx) {
  return 4ull + 2ull * queue_size + (event_idx ? 2 : 0);
}
constexpr std::uint64_t used_bytes(std::uint32_t queue_size, bool event_idx) {
  return 4ull + 8ull * queue_size + (event_idx ? 2 : 0);
}

// --- Packed virtqueue, 2.8: NEXT, WRITE and INDIRECT are as above --------------------------------
inline constexpr std::uint16_t kDescAvail = 1 << 7;
inline constexpr std::uint16_t kDescUsed = 1 << 15;
inline constexpr std::uint32_t kEventBytes = 4;       // of an event suppression structure
inline constexpr std::uint16_t kEventWrap = 1 << 15;  // in its first half, beside the offset
inline constexpr std::uint16_t kEventFlags = 3;       // in its second half
inline constexpr std::uint16_t kEventEnable = 0;
inline constexpr std::uint16_t kEventDisable = 1;
inline constexpr std::uint16_t kEventDesc = 2;

// --- Little-endian fields in memory -------------------------------------------------------------
// Both modern fields and, on the little-endian machine that is modelled, the native-endian legacy
// ones.
template <class T>
T load(std::span<const std::byte> bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) {
    value = static_cast<T>((static_cast<std::uint64_t>(value) << 8) |
                           std::to_integer<std::uint64_t>(bytes[offset + i]));
  }
  return value;
}

template <class T>
void store(std::span<std::byte> bytes, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[offset + i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

}  // namespace referee
