// The boot sector: what it says of a volume's layout, checked, as a Geometry.
// Used by Volume::mount. Formulas and field names are those of the Microsoft FAT
// specification 1.03, "Boot Sector and BPB" and "FAT Type Determination"; where Linux has another
// type for a volume than the specification's count of clusters, it is read as Linux does.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include <sluice/fs/fat/name.hpp>
#include <sluice/fs/fat/text.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fat {

enum class Type : u8 { Fat12, Fat16, Fat32 };
std::string_view to_string(Type type);  // "FAT12"

// One line for a person: why a mount failed, or what is odd about a volume.
using Line = Text<200>;

// Why there is no volume: the code for the program, the reason for the person ("vda is partitioned:
// …").
struct MountError {
  Errc code = Errc::Malformed;
  Line reason;
  bool something_else = false;  // the reason names it
};

// What is odd about a volume, but no reason to refuse it; each once. What does not fit is dropped.
class Notes {
 public:
  // `is_damage`: no tool makes a volume so, and check() counts it among the problems.
  void add(const Line& note, bool is_damage = false);
  std::span<const Line> lines() const { return std::span(lines_).first(count_); }
  bool is_damage(usize line) const { return (damages_ >> line & 1) != 0; }

 private:
  std::array<Line, 8> lines_{};
  usize count_ = 0;
  u32 damages_ = 0;  // a bit for each line
};

// Where everything is. Sectors are the volume's (sector_bytes), counted from its first; every sum
// was checked.
struct Geometry {
  Type type = Type::Fat12;
  u32 sector_bytes = 0;         // BPB_BytsPerSec: 512, 1024, 2048 or 4096
  u32 sectors_per_cluster = 0;  // BPB_SecPerClus: 1…128, a power of two
  u32 cluster_bytes = 0;
  u64 total_sectors = 0;                 // BPB_TotSec16 or BPB_TotSec32
  u32 fats = 0;                          // BPB_NumFATs
  u32 active_fat = 0;                    // the copy to read (BPB_ExtFlags)
  bool mirrored = true;                  // the others hold the same
  u32 first_fat_sector = 0;              // BPB_RsvdSecCnt
  u32 fat_sectors = 0;                   // FATSz: of one copy
  u64 first_root_sector = 0;             // FAT12 and FAT16
  u32 root_entries = 0;                  // BPB_RootEntCnt: FAT12 and FAT16
  u32 root_cluster = 0;                  // BPB_RootClus: FAT32
  u64 first_data_sector = 0;             // FirstDataSector: of cluster 2
  u32 clusters = 0;                      // CountofClusters; the highest cluster is clusters + 1
  u32 fs_info_sector = 0;                // BPB_FSInfo; 0: none
  u32 backup_sector = 0;                 // BPB_BkBootSec; 0: none
  bool extended = false;                 // BS_BootSig: serial and label are there
  u32 serial = 0;                        // BS_VolID
  RawShortName label{};                  // BS_VolLab
  CodePage code_page = CodePage::Cp437;  // of short names and labels: from whoever mounts it
  u8 state = 0;  // BS_Reserved1: bit 0 dirty, bit 1 error (as Linux and Windows keep them)

  bool is_cluster(u64 number) const { return number >= 2 && number - 2 < clusters; }
  // Room for entries in all directories together, where each has clusters of its own.
  u64 most_entries() const { return u64{clusters} * cluster_bytes / 32 + root_entries; }
  // Places on the disk, in bytes. `cluster` is one of the volume.
  u64 fat_byte() const { return (first_fat_sector + u64{active_fat} * fat_sectors) * sector_bytes; }
  u64 root_byte() const { return first_root_sector * sector_bytes; }
  u64 cluster_byte(u32 cluster) const {
    return first_data_sector * sector_bytes + u64{cluster - 2} * cluster_bytes;
  }
};

using BootSectorBytes = std::span<const std::byte, 512>;

// Reads a boot sector: its first 512 bytes, from a disk of `disk_bytes` called `disk_name`. An
// error says what the disk holds instead: zeroes, a partition table, NTFS, exFAT, or which field
// makes no sense. Any context.
std::expected<Geometry, MountError> parse_boot_sector(BootSectorBytes sector, u64 disk_bytes,
                                                      std::string_view disk_name, Notes& notes);

// The same for what may be the backup of FAT32's boot sector, from byte `place` of the disk:
// nothing where it is not one that says itself that it is there. Any context.
std::optional<Geometry> parse_backup(BootSectorBytes sector, u64 place, u64 disk_bytes,
                                     Notes& notes);

}  // namespace sluice::fat
