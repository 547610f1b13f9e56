// The master boot record: its wire structs, and the reader of its partitions.
// Used by the partition table's reader. References: UEFI specification 2.10, 5.2; for logical
// partitions, which it does not describe, Linux's block/partitions/msdos.c.
#pragma once

#include <array>

#include <sluice/drivers/block/table_reader.hpp>
#include <sluice/kernel/endian.hpp>

namespace sluice::blk {

struct PartitionRecord {
  u8 boot_indicator;  // 0x80: to boot from; 0: not
  std::array<u8, 3> first_chs;
  u8 type;
  std::array<u8, 3> last_chs;
  UnalignedLe<u32> first;  // the block, relative to what the kind of table says
  UnalignedLe<u32> blocks;

  bool used() const { return blocks != 0u; }
  bool is_extended() const { return type == 0x05 || type == 0x0f || type == 0x85; }
  bool is_protective() const { return type == 0xee; }
  static constexpr u8 kActive = 0x80;
};
static_assert(sizeof(PartitionRecord) == 16);

// Also what begins each link of the chain of logical partitions.
struct MasterBootRecord {
  // Code; on a FAT volume these fields, which tell the one from the other:
  std::array<u8, 11> jump_and_name;
  UnalignedLe<u16> sector_bytes;  // BPB_BytsPerSec
  u8 sectors_per_cluster;
  UnalignedLe<u16> reserved_sectors;  // BPB_RsvdSecCnt
  u8 fats;                            // BPB_NumFATs
  std::array<u8, 4> other_fields;
  u8 media;  // BPB_Media
  std::array<u8, 424> code;
  std::array<PartitionRecord, 4> partitions;
  UnalignedLe<u16> signature;

  static constexpr u16 kSignature = 0xaa55;
  bool is_signed() const { return signature == kSignature; }
};
static_assert(sizeof(MasterBootRecord) == 512 && offsetof(MasterBootRecord, media) == 21 &&
              offsetof(MasterBootRecord, partitions) == 446);

// Does it say that the disk has a GPT? (UEFI 2.10, 5.2.3; other records beside the protective one
// do not matter: a hybrid MBR.)
bool is_protective(const MasterBootRecord& mbr);

// Adds the partitions of an MBR that is signed and not protective. NotFound: it is no MBR.
// Malformed: neither MBR nor GPT can be believed. Task.
Result<void> read_mbr(TableReader& reader, const MasterBootRecord& mbr);

}  // namespace sluice::blk
