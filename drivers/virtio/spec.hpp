// The numbers and structures of virtio 1.2 that the drivers use: feature and status bits, the
// registers of virtio-mmio, the rings, and the block device's requests. Used by drivers/virtio
// alone. Reference: virtio 1.2, 2.1, 2.7, 2.8, 4.2.2, 4.2.4, 5.2, 6.
#pragma once

#include <bit>

#include <sluice/kernel/endian.hpp>
#include <sluice/kernel/mmio.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice::virtio {

// The legacy interface has its rings and its configuration in the byte order of the guest
// (2.5.3, 2.7.3), which is little-endian here; another one would need types of its own.
static_assert(std::endian::native == std::endian::little);

// --- Device status, 2.1
// ----------------------------------------------------------------------------------------------
namespace status {
inline constexpr u32 kAcknowledge = 1;
inline constexpr u32 kDriver = 2;
inline constexpr u32 kDriverOk = 4;
inline constexpr u32 kFeaturesOk = 8;
inline constexpr u32 kNeedsReset = 64;
inline constexpr u32 kFailed = 128;
}  // namespace status

// --- Features of every device type, 6 and 6.3
// ------------------------------------------------------------------------
namespace feature {
constexpr u64 bit(u32 number) {
  return u64{1} << number;
}
inline constexpr u64 kAnyLayout = bit(27);  // legacy
inline constexpr u64 kIndirectDesc = bit(28);
inline constexpr u64 kEventIdx = bit(29);
inline constexpr u64 kVersion1 = bit(32);
inline constexpr u64 kAccessPlatform = bit(33);
inline constexpr u64 kRingPacked = bit(34);
inline constexpr u64 kOrderPlatform = bit(36);
}  // namespace feature

// --- Device types, 5
// -------------------------------------------------------------------------------------------------
inline constexpr u32 kEmptySlot = 0;
inline constexpr u32 kBlockDeviceId = 2;
inline constexpr u32 kEntropyDeviceId = 4;

// --- Interrupt status, 4.2.2
// -----------------------------------------------------------------------------------------
inline constexpr u32 kInterruptUsed = 1;
inline constexpr u32 kInterruptConfig = 2;

// --- virtio-mmio registers, 4.2.2; those of version 1 alone, 4.2.4
// ---------------------------------------------------
namespace mmio {
inline constexpr u32 kMagic = 0x74726976;  // "virt"
inline constexpr u32 kLegacyVersion = 1;
inline constexpr u32 kModernVersion = 2;
inline constexpr u32 kConfigOffset = 0x100;  // of the configuration space

namespace reg {
inline constexpr Reg<u32, ReadOnly> magic_value{0x000};
inline constexpr Reg<u32, ReadOnly> version{0x004};
inline constexpr Reg<u32, ReadOnly> device_id{0x008};
inline constexpr Reg<u32, ReadOnly> vendor_id{0x00c};
inline constexpr Reg<u32, ReadOnly> device_features{0x010};
inline constexpr Reg<u32, WriteOnly> device_features_sel{0x014};
inline constexpr Reg<u32, WriteOnly> driver_features{0x020};
inline constexpr Reg<u32, WriteOnly> driver_features_sel{0x024};
inline constexpr Reg<u32, WriteOnly> guest_page_size{0x028};  // legacy
inline constexpr Reg<u32, WriteOnly> queue_sel{0x030};
inline constexpr Reg<u32, ReadOnly> queue_num_max{0x034};
inline constexpr Reg<u32, WriteOnly> queue_num{0x038};
inline constexpr Reg<u32, WriteOnly> queue_align{0x03c};  // legacy
inline constexpr Reg<u32, ReadWrite> queue_pfn{0x040};    // legacy
inline constexpr Reg<u32, ReadWrite> queue_ready{0x044};
inline constexpr Reg<u32, WriteOnly> queue_notify{0x050};
inline constexpr Reg<u32, ReadOnly> interrupt_status{0x060};
inline constexpr Reg<u32, WriteOnly> interrupt_ack{0x064};
inline constexpr Reg<u32, ReadWrite> status{0x070};
inline constexpr Reg<u32, WriteOnly> queue_desc_low{0x080};
inline constexpr Reg<u32, WriteOnly> queue_desc_high{0x084};
inline constexpr Reg<u32, WriteOnly> queue_driver_low{0x090};
inline constexpr Reg<u32, WriteOnly> queue_driver_high{0x094};
inline constexpr Reg<u32, WriteOnly> queue_device_low{0x0a0};
inline constexpr Reg<u32, WriteOnly> queue_device_high{0x0a4};
inline constexpr Reg<u32, ReadOnly> config_generation{0x0fc};
}  // namespace reg
}  // namespace mmio

// --- The split ring, 2.7
// ---------------------------------------------------------------------------------------------
namespace split {

struct Descriptor {
  static constexpr u16 kNext = 1;      // `next` is valid
  static constexpr u16 kWrite = 2;     // the device writes this piece
  static constexpr u16 kIndirect = 4;  // this piece is a table of descriptors
  le64 addr;
  le32 len;
  le16 flags;
  le16 next;
};
static_assert(sizeof(Descriptor) == 16);
static_assert(offsetof(Descriptor, len) == 8 && offsetof(Descriptor, flags) == 12 &&
              offsetof(Descriptor, next) == 14);

// In front of the available and of the used ring.
struct RingHeader {
  static constexpr u16 kNoInterrupt = 1;  // available ring
  static constexpr u16 kNoNotify = 1;     // used ring
  le16 flags;
  le16 idx;
};
static_assert(sizeof(RingHeader) == 4 && offsetof(RingHeader, idx) == 2);

struct UsedElement {
  le32 id;
  le32 len;
};
static_assert(sizeof(UsedElement) == 8 && offsetof(UsedElement, len) == 4);

// Where the three parts lie in one piece of memory of `bytes`, the event indices included. The used
// ring starts at a multiple of `used_alignment`, and the legacy layout fills it up to one (2.7.2).
struct Layout {
  u32 available;  // offset; the descriptors are at 0
  u32 used;
  u32 bytes;

  static constexpr Layout of(u32 queue_size, u32 used_alignment) {
    Layout layout{};
    layout.available = static_cast<u32>(sizeof(Descriptor)) * queue_size;
    layout.used = static_cast<u32>(align_up(layout.available + 6 + 2 * queue_size, used_alignment));
    layout.bytes = layout.used + static_cast<u32>(align_up(6 + 8 * queue_size, used_alignment));
    return layout;
  }
};
static_assert(Layout::of(256, 4096).used == 8192 && Layout::of(256, 4096).bytes == 12288);

inline constexpr u32 kMaxQueueSize = 32768;

}  // namespace split

// --- The packed ring, 2.8
// ---------------------------------------------------------------------------------------------
namespace packed {

inline constexpr u32 kMaxQueueSize = 32768;

// In memory the second half is the length (32 bits), the buffer id (16) and the flags (16). It is
// one word here, so that it is read and written at once: whoever sees the flags sees the rest.
struct Descriptor {
  static constexpr u64 kNext = u64{1} << 48;
  static constexpr u64 kWrite = u64{1} << 49;     // available: the device writes it; used: it did
  static constexpr u64 kIndirect = u64{1} << 50;  // this piece is a table of descriptors
  static constexpr u64 kAvail = u64{1} << 55;
  static constexpr u64 kUsed = u64{1} << 63;
  static constexpr u64 kMarks = kAvail | kUsed;
  static constexpr u64 with_id(u64 id) { return id << 32; }
  static constexpr u32 id(u64 rest) { return static_cast<u16>(rest >> 32); }
  static constexpr u32 bytes(u64 rest) { return static_cast<u32>(rest); }

  le64 addr;
  le64 rest;
};
static_assert(sizeof(Descriptor) == 16 && offsetof(Descriptor, rest) == 8);

// An event suppression structure, 2.8.14, as one word: place, wrap counter, flags.
namespace event {
inline constexpr u32 kPlace = 0x7fff;
inline constexpr u32 kWrap = 1 << 15;
inline constexpr u32 kFlags = 3 << 16;
inline constexpr u32 kEnable = 0;
inline constexpr u32 kDisable = 1 << 16;
inline constexpr u32 kAtDescriptor = 2 << 16;
}  // namespace event

// Where the three parts lie in one piece of memory of `bytes`. Each side writes lines of its own.
struct Layout {
  u32 driver;  // offset; the ring is at 0
  u32 device;
  u32 bytes;

  static constexpr Layout of(u32 queue_size) {
    constexpr u32 kLine = 64;
    const u32 ring = static_cast<u32>(align_up(queue_size * sizeof(Descriptor), kLine));
    return {ring, ring + kLine, ring + 2 * kLine};
  }
};

}  // namespace packed

// --- The block device, 5.2
// -------------------------------------------------------------------------------------------
namespace block {

inline constexpr u64 kSizeMax = feature::bit(1);
inline constexpr u64 kSegMax = feature::bit(2);
inline constexpr u64 kGeometry = feature::bit(4);
inline constexpr u64 kReadOnly = feature::bit(5);
inline constexpr u64 kBlkSize = feature::bit(6);
inline constexpr u64 kFlush = feature::bit(9);
inline constexpr u64 kTopology = feature::bit(10);
inline constexpr u64 kConfigWce = feature::bit(11);
inline constexpr u64 kMultiQueue = feature::bit(12);
inline constexpr u64 kDiscard = feature::bit(13);
inline constexpr u64 kWriteZeroes = feature::bit(14);
inline constexpr u64 kLifetime = feature::bit(15);
inline constexpr u64 kSecureErase = feature::bit(16);

// The configuration space, 5.2.4.
struct Config {
  le64 capacity;  // in sectors of 512 bytes
  le32 size_max;
  le32 seg_max;
  le16 cylinders;
  u8 heads;
  u8 sectors;
  le32 blk_size;
  u8 physical_block_exp;
  u8 alignment_offset;
  le16 min_io_size;
  le32 opt_io_size;
  u8 writeback;
  u8 unused;
  le16 num_queues;
  le32 max_discard_sectors;
  le32 max_discard_seg;
  le32 discard_sector_alignment;
  le32 max_write_zeroes_sectors;
  le32 max_write_zeroes_seg;
  u8 write_zeroes_may_unmap;
  u8 unused_too[3];
  le32 max_secure_erase_sectors;
  le32 max_secure_erase_seg;
  le32 secure_erase_sector_alignment;
};
static_assert(offsetof(Config, size_max) == 8 && offsetof(Config, seg_max) == 12 &&
              offsetof(Config, blk_size) == 20 && offsetof(Config, writeback) == 32 &&
              offsetof(Config, num_queues) == 34 && offsetof(Config, max_discard_sectors) == 36 &&
              offsetof(Config, write_zeroes_may_unmap) == 56 &&
              offsetof(Config, max_secure_erase_sectors) == 60 && sizeof(Config) == 72);

inline constexpr u32 kTypeIn = 0;
inline constexpr u32 kTypeOut = 1;
inline constexpr u32 kTypeFlush = 4;
inline constexpr u32 kTypeGetId = 8;
inline constexpr u32 kTypeGetLifetime = 10;
inline constexpr u32 kTypeDiscard = 11;
inline constexpr u32 kTypeWriteZeroes = 13;
inline constexpr u32 kTypeSecureErase = 14;

inline constexpr u8 kStatusOk = 0;
inline constexpr u8 kStatusIoError = 1;
inline constexpr u8 kStatusUnsupported = 2;

inline constexpr u32 kIdBytes = 20;

// In front of each request, 5.2.6; the status byte follows the data.
struct Header {
  le32 type;
  le32 reserved;
  le64 sector;
};
static_assert(sizeof(Header) == 16 && offsetof(Header, sector) == 8);

// What a discard, a write of zeroes or a secure erase is for, one after the other, 5.2.6.
struct Range {
  static constexpr u32 kUnmap = 1;  // WriteZeroes: the device may give the place back
  le64 sector;
  le32 sectors;
  le32 flags;
};
static_assert(sizeof(Range) == 16 && offsetof(Range, sectors) == 8);

// What GET_LIFETIME answers, 5.2.6.
struct Lifetime {
  le16 pre_eol_info;
  le16 used_a;  // tenths of its life that the device has used, by two measures
  le16 used_b;
};
static_assert(sizeof(Lifetime) == 6);

}  // namespace block
}  // namespace sluice::virtio
