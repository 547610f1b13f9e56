// Which table a disk has, and what its readers share; see partition_table.hpp and table_reader.hpp.
#include <sluice/drivers/block/partition_table.hpp>

#include <new>

#include <sluice/drivers/block/gpt.hpp>
#include <sluice/drivers/block/mbr.hpp>
#include <sluice/drivers/block/table_reader.hpp>

namespace sluice::blk {

Result<PartitionTable> PartitionTable::read(BlockDevice& device) {
  return TableReader(device).read_table();
}

Result<PartitionTable> TableReader::read_table() {
  if (blocks_ == 0) {
    return fail(Errc::NotFound);
  }
  table_.entries_.reset(new (std::nothrow) PartitionEntry[PartitionTable::kMaxEntries]);
  if (table_.entries_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  const Pages block = TRY(read(0, block_bytes()));
  const auto mbr = *read_object<MasterBootRecord>({block.get(), block_bytes()});
  if (!mbr.is_signed()) {
    return fail(Errc::NotFound);
  }
  if (is_protective(mbr)) {
    table_.kind_ = PartitionTable::Kind::Gpt;
    TRY(read_gpt(*this));
  } else {
    TRY(read_mbr(*this, mbr));
  }
  return std::move(table_);
}

Result<Pages> TableReader::read(u64 lba, usize bytes) {
  const usize rounded = align_up(bytes, block_bytes());
  if (lba >= blocks_ || rounded / block_bytes() > blocks_ - lba) {
    return fail(Errc::OutOfRange);
  }
  Pages pages = allocate_pages(pages_for(rounded));
  if (pages == nullptr) {
    return fail(Errc::NoMemory);
  }
  const Status status =
      blk::read(device_, Sector(lba * sectors_per_block()), {pages.get(), rounded});
  if (status != Status::Ok) {
    return fail(to_errc(status));
  }
  return pages;
}

bool TableReader::add(u32 number, u64 first, u64 count) {
  if (table_.count_ == PartitionTable::kMaxEntries) {
    log::warning("{}: has more than {} partitions; those from {} on are left out", name(),
                 PartitionTable::kMaxEntries, number);
    return false;
  }
  const PartitionEntry entry{number, Sector(first * sectors_per_block()),
                             count * sectors_per_block()};
  note_overlap(entry);
  table_.entries_[table_.count_++] = entry;
  return true;
}

// Once per partition: what matters is that there is one.
void TableReader::note_overlap(const PartitionEntry& entry) {
  for (const PartitionEntry& other : table_.entries()) {
    if (entry.first < other.first + other.sectors && other.first < entry.first + entry.sectors) {
      note("{}: partition {} ({} sectors from {}) overlaps partition {} ({} from {})", entry.number,
           entry.sectors, entry.first, other.number, other.sectors, other.first);
      return;
    }
  }
}

bool TableReader::may_note() {
  constexpr u32 kMaxNotes = 16;
  if (notes_ == kMaxNotes) {
    log::warning("{}: there is more to say about its partitions, which is not listed", name());
  }
  return notes_++ < kMaxNotes;
}

}  // namespace sluice::blk
