// TableReader: what the readers of GPT and MBR share: the disk in its own blocks, the table that
// they fill, and a bound on what is said about it.
// Used by partition_table.cpp, mbr.cpp and gpt.cpp.
#pragma once

#include <span>
#include <string_view>

#include <sluice/drivers/block/partition_table.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::blk {

// Both formats count in logical blocks of the disk (LBA), not in sectors of 512 bytes.
class TableReader {
 public:
  explicit TableReader(BlockDevice& device)
      : device_(device), blocks_(device.sectors() / sectors_per_block()) {}

  std::string_view name() const { return device_.name(); }
  u32 block_bytes() const { return device_.limits().logical_block_bytes; }
  u64 blocks() const { return blocks_; }

  // `bytes` from block `lba` on, rounded up to whole blocks. OutOfRange, NoMemory, or what the disk
  // said. Task.
  Result<Pages> read(u64 lba, usize bytes);

  // Reads whichever table there is. Task.
  Result<PartitionTable> read_table();

  // Adds the partition of the blocks [first, first + count), which lie within the disk. False: the
  // table is full.
  bool add(u32 number, u64 first, u64 count);

  // Says what is odd about the table, with the disk's name in front, up to a number of lines.
  template <class... Args>
  void note(FormatString<std::string_view, Args...> format, const Args&... args) {
    if (may_note()) {
      log::warning<std::string_view, Args...>(format, name(), args...);
    }
  }

 private:
  u32 sectors_per_block() const { return block_bytes() / kSectorBytes; }
  bool may_note();
  void note_overlap(const PartitionEntry& entry);

  BlockDevice& device_;
  u64 blocks_;
  PartitionTable table_;
  u32 notes_ = 0;
};

}  // namespace sluice::blk
