// PartitionTable: where the partitions of a disk lie, as its GPT or MBR says.
// Used by whoever gives partitions names (vda1). Everything on the disk is checked; what is odd
// about a table is in the log. References: UEFI specification 2.10, 5.2 (MBR) and 5.3 (GPT); what
// these leave open is done as Linux does it (block/partitions), so that the same partitions have
// the same numbers there and here.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::blk {

struct PartitionEntry {
  u32 number = 0;  // GPT: of its slot, from 1; MBR: 1…4 of the slot, logical partitions from 5
  Sector first{};
  u64 sectors = 0;  // at least one, all within the disk
};

class PartitionTable {
 public:
  enum class Kind : u8 { Mbr, Gpt };
  static constexpr u32 kMaxEntries = 128;  // more are left out

  // Reads the table of `device`. NotFound: it has none, as where a FAT volume fills the whole disk.
  // Malformed, OutOfRange: it has one that cannot be believed. Io, Removed, NoMemory. Task.
  static Result<PartitionTable> read(BlockDevice& device);

  // By ascending number. Overlapping ones are all there; an extended partition, which is but a
  // place for logical ones, is not.
  std::span<const PartitionEntry> entries() const { return {entries_.get(), count_}; }
  std::string_view kind() const { return kind_ == Kind::Gpt ? "gpt" : "mbr"; }

 private:
  friend class TableReader;

  std::unique_ptr<PartitionEntry[]> entries_;  // room for kMaxEntries
  u32 count_ = 0;
  Kind kind_ = Kind::Mbr;
};

}  // namespace sluice::blk
