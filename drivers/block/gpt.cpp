// A GPT's header and entries, checked before any of it is believed; see gpt.hpp.
#include <sluice/drivers/block/gpt.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <sluice/kernel/crc.hpp>
#include <sluice/kernel/endian.hpp>

namespace sluice::blk {

namespace {

// UEFI 2.10, 5.3.2. Places are logical blocks (LBA).
struct GptHeader {
  std::array<char, 8> signature;
  UnalignedLe<u32> revision;
  UnalignedLe<u32> header_bytes;  // HeaderSize
  UnalignedLe<u32> header_crc;    // HeaderCRC32: of header_bytes, this field taken as 0
  UnalignedLe<u32> reserved;
  UnalignedLe<u64> my_lba;
  UnalignedLe<u64> alternate_lba;
  UnalignedLe<u64> first_usable_lba;
  UnalignedLe<u64> last_usable_lba;
  std::array<u8, 16> disk_guid;
  UnalignedLe<u64> entries_lba;  // PartitionEntryLBA
  UnalignedLe<u32> entries;      // NumberOfPartitionEntries
  UnalignedLe<u32> entry_bytes;  // SizeOfPartitionEntry
  UnalignedLe<u32> entries_crc;  // PartitionEntryArrayCRC32
};
static_assert(sizeof(GptHeader) == 92 && offsetof(GptHeader, entries_lba) == 72);
constexpr std::string_view kSignature = "EFI PART";

// UEFI 2.10, 5.3.3.
struct GptEntry {
  std::array<u8, 16> type;  // PartitionTypeGUID; 0: unused
  std::array<u8, 16> unique_guid;
  UnalignedLe<u64> first_lba;
  UnalignedLe<u64> last_lba;  // inclusive
  UnalignedLe<u64> attributes;
  std::array<u8, 72> name;

  bool used() const { return type != std::array<u8, 16>{}; }
};
static_assert(sizeof(GptEntry) == 128);

// What is read, whatever a header says; 128 entries of 128 bytes are usual.
constexpr u64 kMaxArrayBytes = u64{1024} * sizeof(GptEntry);

constexpr u64 kFirstLba = 1;

// One of the disk's two tables: its header at `lba`, and its entries.
class Gpt {
 public:
  Gpt(TableReader& reader, u64 lba) : reader_(reader), lba_(lba) {}

  // Reads the header. Task.
  Result<void> read_header();
  // Reads the entries that the header tells of, and adds them. Task.
  Result<void> add_entries();

  const GptHeader& header() const { return header_; }

 private:
  Result<void> check_crc(std::span<std::byte> block);
  Result<void> check_places();
  Result<void> check_array_size();
  void add(u32 slot, const GptEntry& entry, bool& room);

  template <class... Args>
  std::unexpected<Errc> refuse(FormatString<std::string_view, u64, Args...> format,
                               const Args&... args) {
    log::error<std::string_view, u64, Args...>(format, reader_.name(), lba_, args...);
    return fail(Errc::Malformed);
  }
  std::unexpected<Errc> unreadable(u64 lba, Errc why) {
    log::error("{}: GPT at block {}: cannot read block {}: {}", reader_.name(), lba_, lba,
               to_string(why));
    return fail(why);
  }

  TableReader& reader_;
  u64 lba_;
  GptHeader header_{};
};

Result<void> Gpt::read_header() {
  const Result<Pages> block = reader_.read(lba_, reader_.block_bytes());
  if (!block) {
    return unreadable(lba_, block.error());
  }
  const std::span<std::byte> bytes(block->get(), reader_.block_bytes());
  header_ = *read_object<GptHeader>(bytes);
  TRY(check_crc(bytes));
  TRY(check_places());
  return check_array_size();
}

Result<void> Gpt::check_crc(std::span<std::byte> block) {
  if (std::string_view(header_.signature.data(), header_.signature.size()) != kSignature) {
    return refuse("{}: GPT at block {}: no \"EFI PART\" there");
  }
  const u32 bytes = header_.header_bytes;
  if (bytes < sizeof(GptHeader) || bytes > block.size()) {
    return refuse("{}: GPT at block {}: HeaderSize is {}, not {} to {}", bytes, sizeof(GptHeader),
                  block.size());
  }
  std::memset(block.data() + offsetof(GptHeader, header_crc), 0, sizeof(header_.header_crc));
  const u32 crc = crc32(block.first(bytes));
  if (header_.header_crc != crc) {
    return refuse("{}: GPT at block {}: HeaderCRC32 is {:#010x}, but should be {:#010x}",
                  u32{header_.header_crc}, crc);
  }
  return {};
}

Result<void> Gpt::check_places() {
  const u64 my_lba = header_.my_lba;
  if (my_lba != lba_) {
    return refuse("{}: GPT at block {}: MyLBA is {}", my_lba);
  }
  const u64 first = header_.first_usable_lba;
  const u64 last = header_.last_usable_lba;
  if (first > last || last >= reader_.blocks()) {
    return refuse("{}: GPT at block {}: usable blocks are {} to {} of {}", first, last,
                  reader_.blocks());
  }
  return {};
}

Result<void> Gpt::check_array_size() {
  const u32 entries = header_.entries;
  const u32 bytes = header_.entry_bytes;
  if (bytes % sizeof(GptEntry) != 0 || !std::has_single_bit(bytes)) {
    return refuse("{}: GPT at block {}: SizeOfPartitionEntry is {}, not 128, 256, 512, …", bytes);
  }
  if (entries == 0 || u64{entries} * bytes > kMaxArrayBytes) {
    return refuse("{}: GPT at block {}: {} entries of {} bytes; 1 to {} bytes in all are read",
                  entries, bytes, kMaxArrayBytes);
  }
  return {};
}

Result<void> Gpt::add_entries() {
  const u32 entry_bytes = header_.entry_bytes;
  const usize bytes = usize{header_.entries} * entry_bytes;
  const Result<Pages> array = reader_.read(header_.entries_lba, bytes);
  if (!array) {
    return unreadable(header_.entries_lba, array.error());
  }
  const std::span<const std::byte> entries(array->get(), bytes);
  const u32 crc = crc32(entries);
  if (header_.entries_crc != crc) {
    return refuse(
        "{}: GPT at block {}: PartitionEntryArrayCRC32 is {:#010x}, but should be {:#010x}",
        u32{header_.entries_crc}, crc);
  }
  bool room = true;
  for (u32 slot = 0; slot < header_.entries && room; ++slot) {
    add(slot, *read_object<GptEntry>(entries, usize{slot} * entry_bytes), room);
  }
  return {};
}

void Gpt::add(u32 slot, const GptEntry& entry, bool& room) {
  if (!entry.used()) {
    return;
  }
  const u64 first = entry.first_lba;
  const u64 last = entry.last_lba;
  if (first > last || last >= reader_.blocks()) {
    reader_.note(
        "{}: partition {}, blocks {} to {}, does not lie within the {} of the disk: left out",
        slot + 1, first, last, reader_.blocks());
    return;
  }
  room = reader_.add(slot + 1, first, last - first + 1);
}

Result<void> try_backup(TableReader& reader, u64 lba) {
  Gpt backup(reader, lba);
  TRY(backup.read_header());
  TRY(backup.add_entries());
  log::warning("{}: its GPT is damaged; the backup at block {} is used", reader.name(), lba);
  return {};
}

}  // namespace

Result<void> read_gpt(TableReader& reader) {
  const u64 last = reader.blocks() - 1;
  Gpt first(reader, kFirstLba);
  Result<void> result = first.read_header();
  if (result) {
    result = first.add_entries();
    // AlternateLBA is believed where the header is sound: the disk may have grown since.
    if (const u64 lba = first.header().alternate_lba; !result && lba != last) {
      result = try_backup(reader, lba);
    }
    if (result) {
      return {};
    }
  }
  return last > kFirstLba ? try_backup(reader, last) : result;
}

}  // namespace sluice::blk
