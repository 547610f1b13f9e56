// What a disk holds that is no FAT volume; see recognize.hpp.
#include <sluice/fs/fat/recognize.hpp>

#include <algorithm>

#include <sluice/kernel/endian.hpp>

namespace sluice::fat {

namespace {

// An entry of an MBR's partition table.
struct PartitionEntry {
  u8 status;  // 0x80: active
  std::array<u8, 3> first_chs;
  u8 type;
  std::array<u8, 3> last_chs;
  UnalignedLe<u32> first_sector;
  UnalignedLe<u32> sectors;
};
static_assert(sizeof(PartitionEntry) == 16);

struct MasterBootRecord {
  std::array<u8, 3> jump;
  std::array<char, 8> oem_name;  // of a volume's boot sector
  std::array<u8, 435> code;
  std::array<PartitionEntry, 4> partitions;
  UnalignedLe<u16> signature;
};
static_assert(sizeof(MasterBootRecord) == 512);
constexpr u16 kSignature = 0xaa55;
constexpr u8 kProtectiveGpt = 0xee;

std::optional<Recognized> recognize_partitions(const MasterBootRecord& record) {
  std::optional<Recognized> found;
  if (record.signature != kSignature) {
    return found;
  }
  for (const PartitionEntry& entry : record.partitions) {
    if ((entry.status & 0x7f) != 0) {
      return std::nullopt;  // code, not a table
    }
    if (entry.type == kProtectiveGpt) {
      return Recognized{Line("is partitioned: it holds a GUID partition table (GPT)")};
    }
    if (entry.type != 0 && entry.sectors != 0u && !found) {
      found = Recognized{
          Line::formatted("is partitioned: its first partition (type {:#04x}) begins at sector {}",
                          entry.type, u32{entry.first_sector})};
    }
  }
  return found;
}

}  // namespace

std::optional<Recognized> recognize_other(BootSectorBytes sector) {
  if (std::ranges::all_of(sector, [](std::byte byte) { return byte == std::byte{0}; })) {
    return Recognized{Line("is empty, or holds no FAT volume: its first sector is all zeroes"),
                      true};
  }
  const auto record = *read_object<MasterBootRecord>(sector);
  const std::string_view oem_name(record.oem_name.data(), record.oem_name.size());
  if (oem_name == "EXFAT   ") {
    return Recognized{Line("holds an exFAT volume, not FAT12, FAT16 or FAT32")};
  }
  if (oem_name == "NTFS    ") {
    return Recognized{Line("holds an NTFS volume, not FAT12, FAT16 or FAT32")};
  }
  return recognize_partitions(record);
}

}  // namespace sluice::fat
