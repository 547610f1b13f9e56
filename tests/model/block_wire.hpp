// The numbers of the block device as the referee reads them in the specification: feature bits,
// commands, statuses, structures.
// Used by BlockDevice and its tests. Reference: virtio 1.2, 5.2.3–5.2.6.
#pragma once

#include <cstdint>

namespace referee {

// --- Features, 5.2.3 ----------------------------------------------------------------------------
inline constexpr std::uint64_t kBlkSizeMax = std::uint64_t{1} << 1;
inline constexpr std::uint64_t kBlkSegMax = std::uint64_t{1} << 2;
inline constexpr std::uint64_t kBlkGeometry = std::uint64_t{1} << 4;
inline constexpr std::uint64_t kBlkReadOnly = std::uint64_t{1} << 5;
inline constexpr std::uint64_t kBlkBlockSize = std::uint64_t{1} << 6;
inline constexpr std::uint64_t kBlkFlush = std::uint64_t{1} << 9;
inline constexpr std::uint64_t kBlkTopology = std::uint64_t{1} << 10;
inline constexpr std::uint64_t kBlkConfigWce = std::uint64_t{1} << 11;
inline constexpr std::uint64_t kBlkMultiQueue = std::uint64_t{1} << 12;
inline constexpr std::uint64_t kBlkDiscard = std::uint64_t{1} << 13;
inline constexpr std::uint64_t kBlkWriteZeroes = std::uint64_t{1} << 14;
inline constexpr std::uint64_t kBlkLifetime = std::uint64_t{1} << 15;
inline constexpr std::uint64_t kBlkSecureErase = std::uint64_t{1} << 16;

// --- Requests, 5.2.6 ----------------------------------------------------------------------------
inline constexpr std::uint32_t kBlkIn = 0;
inline constexpr std::uint32_t kBlkOut = 1;
inline constexpr std::uint32_t kBlkFlushRequest = 4;
inline constexpr std::uint32_t kBlkFlushOut = 5;  // legacy: a flush as well, 5.2.6.3
inline constexpr std::uint32_t kBlkGetId = 8;
inline constexpr std::uint32_t kBlkGetLifetime = 10;
inline constexpr std::uint32_t kBlkDiscardRequest = 11;
inline constexpr std::uint32_t kBlkWriteZeroesRequest = 13;
inline constexpr std::uint32_t kBlkSecureEraseRequest = 14;
inline constexpr std::uint8_t kBlkOk = 0;
inline constexpr std::uint8_t kBlkIoError = 1;
inline constexpr std::uint8_t kBlkUnsupported = 2;
inline constexpr std::uint32_t kSectorBytes = 512;
inline constexpr std::uint32_t kBlkHeaderBytes = 16;
inline constexpr std::uint32_t kBlkIdBytes = 20;
inline constexpr std::uint32_t kBlkLifetimeBytes = 6;

// struct virtio_blk_discard_write_zeroes: le64 sector, le32 num_sectors, le32 flags.
inline constexpr std::uint32_t kBlkRangeBytes = 16;
inline constexpr std::uint32_t kBlkUnmap = 1;

constexpr bool is_flush(std::uint32_t type) {
  return type == kBlkFlushRequest || type == kBlkFlushOut;
}
// Its data are ranges of sectors.
constexpr bool has_ranges(std::uint32_t type) {
  return type == kBlkDiscardRequest || type == kBlkWriteZeroesRequest ||
         type == kBlkSecureEraseRequest;
}

}  // namespace referee
