// The numbers of virtio-mmio as the tiny driver knows them: of its own, so that no slip is shared
// with the referee.
#pragma once

#include <cstdint>
#include <cstring>

namespace tiny {

enum Reg : std::uint64_t {
  kMagicValue = 0x00,
  kVersion = 0x04,
  kDeviceId = 0x08,
  kHostFeatures = 0x10,
  kHostFeaturesSel = 0x14,
  kGuestFeatures = 0x20,
  kGuestFeaturesSel = 0x24,
  kGuestPageSize = 0x28,
  kQueueSel = 0x30,
  kQueueNumMax = 0x34,
  kQueueNum = 0x38,
  kQueueAlign = 0x3c,
  kQueuePfn = 0x40,
  kQueueReady = 0x44,
  kQueueNotify = 0x50,
  kInterruptStatus = 0x60,
  kInterruptAck = 0x64,
  kStatus = 0x70,
  kQueueDesc = 0x80,
  kQueueDriver = 0x90,
  kQueueDevice = 0xa0,
  kQueueReset = 0xc0,
  kGeneration = 0xfc,
  kCapacity = 0x100,
  kBlkSize = 0x114,
  kWriteback = 0x120,
};

enum Status : std::uint32_t {
  kAck = 1,
  kDriver = 2,
  kDriverOk = 4,
  kFeaturesOk = 8,
  kNeedsReset = 64,
  kFailed = 128,
};

constexpr std::uint64_t bit(unsigned n) {
  return std::uint64_t{1} << n;
}
constexpr std::uint64_t kSizeMax = bit(1), kSegMax = bit(2), kReadOnly = bit(5), kBlkSizeF = bit(6),
                        kFlush = bit(9), kConfigWce = bit(11), kDiscard = bit(13),
                        kWriteZeroes = bit(14), kLifetime = bit(15), kSecureErase = bit(16),
                        kAnyLayout = bit(27), kIndirect = bit(28), kEventIdx = bit(29),
                        kVersion1 = bit(32), kAccessPlatform = bit(33), kRingPacked = bit(34),
                        kInOrder = bit(35), kOrderPlatform = bit(36), kNotificationData = bit(38),
                        kRingReset = bit(40);

constexpr std::uint16_t kNext = 1, kWrite = 2, kTable = 4;
constexpr std::uint16_t kAvail = 0x80, kUsed = 0x8000;                 // packed
constexpr std::uint16_t kEnable = 0, kDisable = 1, kAtDescriptor = 2;  // events

constexpr std::uint32_t kHeader = 16;  // bytes of a request

// The model runs on a little-endian machine, as the target is.
template <class T>
T peek(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
template <class T>
void poke(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

}  // namespace tiny
