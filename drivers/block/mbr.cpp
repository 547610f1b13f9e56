// Primary and logical partitions of an MBR; see mbr.hpp.
#include <sluice/drivers/block/mbr.hpp>

#include <algorithm>
#include <bit>
#include <optional>

namespace sluice::blk {

namespace {

bool is_fat_boot_sector(const MasterBootRecord& sector) {
  return std::has_single_bit(u16{sector.sector_bytes}) && sector.sector_bytes >= 512 &&
         std::has_single_bit(sector.sectors_per_cluster) && sector.reserved_sectors != 0 &&
         sector.fats != 0 && (sector.media == 0xf0 || sector.media >= 0xf8);
}

// A boot sector ends with the same signature. It has code or text where the records would be; or
// zeroes, or (mkfs.fat --mbr) one record for the whole disk from the first sector on. What remains
// of a FAT boot sector under a table made later does not count.
bool holds_table(const MasterBootRecord& mbr) {
  const auto plausible = [](const PartitionRecord& record) {
    return (record.boot_indicator & ~PartitionRecord::kActive) == 0;
  };
  const auto lies_behind = [](const PartitionRecord& record) {
    return record.used() && record.first != 0u;
  };
  return std::ranges::all_of(mbr.partitions, plausible) &&
         (!is_fat_boot_sector(mbr) || std::ranges::any_of(mbr.partitions, lies_behind));
}

// Linux cuts a partition that exceeds the disk: cameras write such tables.
void add_within_disk(TableReader& reader, u32 number, u64 first, u64 count) {
  const u64 blocks = reader.blocks();
  if (first >= blocks) {
    reader.note("{}: partition {} begins at block {} of {}: left out", number, first, blocks);
    return;
  }
  if (count > blocks - first) {
    reader.note("{}: partition {} ({} blocks from {}) is cut at the disk's end, block {}", number,
                count, first, blocks);
    count = blocks - first;
  }
  reader.add(number, first, count);
}

// The logical partitions: each link of a chain is a record of its own, with the partition, relative
// to that record, and the next link, relative to the extended partition. A chain may well lead
// backwards: fdisk appends what fills a gap.
class LogicalPartitions {
 public:
  explicit LogicalPartitions(TableReader& reader) : reader_(reader) {}

  void add_chain(const PartitionRecord& extended) {
    u64 at = extended.first;
    u64 blocks = extended.blocks;  // of what this link stands for
    while (const std::optional<MasterBootRecord> link = read_link(at)) {
      add_partitions(*link, at, blocks, extended);
      const auto next = std::ranges::find_if(link->partitions, [](const PartitionRecord& record) {
        return record.used() && record.is_extended();
      });
      if (next == link->partitions.end()) {
        return;
      }
      at = u64{extended.first} + next->first;
      blocks = next->blocks;
    }
  }

 private:
  // Nothing, where the chain ends in an error.
  std::optional<MasterBootRecord> read_link(u64 at) {
    const std::span seen = std::span(links_).first(count_);
    if (std::ranges::find(seen, at) != seen.end()) {
      return broken(at, "the chain has been there already");
    }
    if (count_ == links_.size()) {
      return broken(at, "the chain is too long");
    }
    links_[count_++] = at;
    const Result<Pages> block = reader_.read(at, reader_.block_bytes());
    if (!block) {
      return broken(at, to_string(block.error()));
    }
    const auto link = *read_object<MasterBootRecord>({block->get(), reader_.block_bytes()});
    if (!link.is_signed()) {
      return broken(at, "it does not end with 0x55 0xaa");
    }
    return link;
  }

  std::nullopt_t broken(u64 at, std::string_view why) {
    log::error("{}: the logical partitions from {} on are lost: record at block {}: {}",
               reader_.name(), next_number_, at, why);
    return std::nullopt;
  }

  void add_partitions(const MasterBootRecord& link, u64 at, u64 blocks,
                      const PartitionRecord& extended) {
    for (usize slot = 0; slot < link.partitions.size(); ++slot) {
      const PartitionRecord& record = link.partitions[slot];
      const bool usual = slot < 2;
      if (record.used() && !record.is_extended() &&
          (usual || lies_inside(record, at, blocks, extended))) {
        add_within_disk(reader_, next_number_++, at + record.first, record.blocks);
      }
    }
  }

  // The last two slots are rarely used, and sometimes hold garbage.
  static bool lies_inside(const PartitionRecord& record, u64 at, u64 blocks,
                          const PartitionRecord& extended) {
    const u64 end = u64{record.first} + record.blocks;
    return end <= blocks && at + end <= u64{extended.first} + extended.blocks;
  }

  TableReader& reader_;
  u32 next_number_ = 5;
  std::array<u64, PartitionTable::kMaxEntries> links_{0};  // seen so far; the first is the MBR
  u32 count_ = 1;
};

}  // namespace

bool is_protective(const MasterBootRecord& mbr) {
  return std::ranges::any_of(mbr.partitions, [](const PartitionRecord& record) {
    return record.is_protective() && record.first == 1u;
  });
}

Result<void> read_mbr(TableReader& reader, const MasterBootRecord& mbr) {
  if (!holds_table(mbr)) {
    return fail(Errc::NotFound);
  }
  if (std::ranges::any_of(mbr.partitions, &PartitionRecord::is_protective)) {
    reader.note("{}: its MBR is protective (type 0xee), but that record does not begin at block 1");
    return fail(Errc::Malformed);
  }
  for (u32 slot = 0; slot < mbr.partitions.size(); ++slot) {
    const PartitionRecord& record = mbr.partitions[slot];
    if (record.used() && !record.is_extended()) {
      add_within_disk(reader, slot + 1, record.first, record.blocks);
    }
  }
  LogicalPartitions logical(reader);
  for (const PartitionRecord& record : mbr.partitions) {
    if (record.used() && record.is_extended()) {
      logical.add_chain(record);
    }
  }
  return {};
}

}  // namespace sluice::blk
