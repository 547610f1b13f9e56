// The boot sector; see bpb.hpp.
#include <sluice/fs/fat/bpb.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>

#include <sluice/fs/fat/recognize.hpp>
#include <sluice/kernel/endian.hpp>

namespace sluice::fat {

namespace {

// What begins every boot sector.
struct BootSector {
  std::array<u8, 3> jump;
  std::array<u8, 8> oem_name;
  UnalignedLe<u16> sector_bytes;      // BPB_BytsPerSec
  u8 sectors_per_cluster;             // BPB_SecPerClus
  UnalignedLe<u16> reserved_sectors;  // BPB_RsvdSecCnt
  u8 fats;                            // BPB_NumFATs
  UnalignedLe<u16> root_entries;      // BPB_RootEntCnt
  UnalignedLe<u16> total_sectors_16;  // BPB_TotSec16
  u8 media;                           // BPB_Media
  UnalignedLe<u16> fat_sectors_16;    // BPB_FATSz16
  UnalignedLe<u16> sectors_per_track;
  UnalignedLe<u16> heads;
  UnalignedLe<u32> hidden_sectors;
  UnalignedLe<u32> total_sectors_32;  // BPB_TotSec32
};
static_assert(sizeof(BootSector) == 36 && offsetof(BootSector, fat_sectors_16) == 22);

// Behind it on FAT32.
struct Fat32Part {
  UnalignedLe<u32> fat_sectors_32;  // BPB_FATSz32
  UnalignedLe<u16> ext_flags;       // BPB_ExtFlags
  UnalignedLe<u16> version;         // BPB_FSVer
  UnalignedLe<u32> root_cluster;    // BPB_RootClus
  UnalignedLe<u16> fs_info_sector;  // BPB_FSInfo
  UnalignedLe<u16> backup_boot_sector;
  std::array<u8, 12> reserved;
};
static_assert(sizeof(Fat32Part) == 28);

// Behind that, or the first where it is not there.
struct ExtendedPart {
  u8 drive;
  u8 state;                       // BS_Reserved1
  u8 signature;                   // BS_BootSig
  UnalignedLe<u32> serial;        // BS_VolID
  RawShortName label;             // BS_VolLab
  std::array<char, 8> type_text;  // says nothing about the type
};
static_assert(sizeof(ExtendedPart) == 26);
constexpr u8 kSerialOnly = 0x28;
constexpr u8 kSerialAndLabel = 0x29;

constexpr usize kSignatureAt = 510;
constexpr u16 kSignature = 0xaa55;

// FAT Type Determination: fewer clusters than these.
constexpr u64 kFat12Clusters = 4085;
constexpr u64 kFat16Clusters = 65525;
Type type_by_count(u64 clusters) {
  return clusters < kFat12Clusters   ? Type::Fat12
         : clusters < kFat16Clusters ? Type::Fat16
                                     : Type::Fat32;
}
constexpr u64 kMaxClusters = 0x0fff'fff5;  // so that no cluster has the number of a mark

template <class T>
T at(BootSectorBytes sector, usize offset) {
  return *read_object<T>(sector, offset);  // offsets are constants within the 512 bytes
}

bool has_signature(BootSectorBytes sector) {
  return at<UnalignedLe<u16>>(sector, kSignatureAt) == kSignature;
}

// Checks the fields in the order in which they depend on each other.
class Parser {
 public:
  using Checked = std::expected<void, Line>;

  Parser(BootSectorBytes sector, u64 disk_bytes, Notes& notes)
      : boot_(at<BootSector>(sector, 0)),
        fat32_(at<Fat32Part>(sector, sizeof(BootSector))),
        sector_(sector),
        disk_bytes_(disk_bytes),
        notes_(notes) {}

  std::expected<Geometry, Line> parse() {
    TRY(check_sizes());
    TRY(check_areas());
    TRY(find_type());
    TRY(check_table());
    if (geometry_.type == Type::Fat32) {
      TRY(check_fat32());
    }
    read_extended();
    note_oddities();
    return geometry_;
  }

 private:
  template <class... Args>
  static std::unexpected<Line> refuse(FormatString<Args...> format, const Args&... args) {
    return std::unexpected(Line::formatted<Args...>(format, args...));
  }
  template <class... Args>
  void note(FormatString<Args...> format, const Args&... args) {
    notes_.add(Line::formatted<Args...>(format, args...));
  }
  template <class... Args>
  void note_damage(FormatString<Args...> format, const Args&... args) {
    notes_.add(Line::formatted<Args...>(format, args...), true);
  }

  Checked check_sizes() {
    const u32 sector_bytes = boot_.sector_bytes;
    if (!std::has_single_bit(sector_bytes) || sector_bytes < 512 || sector_bytes > 4096) {
      return refuse("BPB_BytsPerSec is {}, not 512, 1024, 2048 or 4096", sector_bytes);
    }
    if (!std::has_single_bit(boot_.sectors_per_cluster)) {
      return refuse("BPB_SecPerClus is {}, not a power of two from 1 to 128",
                    boot_.sectors_per_cluster);
    }
    if (boot_.reserved_sectors == 0) {
      return refuse("BPB_RsvdSecCnt is 0, but the boot sector itself is one");
    }
    if (boot_.fats == 0) {
      return refuse("BPB_NumFATs is 0");
    }
    geometry_.sector_bytes = sector_bytes;
    geometry_.sectors_per_cluster = boot_.sectors_per_cluster;
    geometry_.cluster_bytes = sector_bytes * boot_.sectors_per_cluster;
    geometry_.fats = boot_.fats;
    geometry_.first_fat_sector = boot_.reserved_sectors;
    geometry_.root_entries = boot_.root_entries;
    return {};
  }

  Checked check_areas() {
    Geometry& g = geometry_;
    const u16 total_16 = boot_.total_sectors_16;
    g.total_sectors = total_16 != 0 ? u32{total_16} : u32{boot_.total_sectors_32};
    if (g.total_sectors == 0) {
      return refuse("BPB_TotSec16 and BPB_TotSec32 are both 0");
    }
    const u16 fat_16 = boot_.fat_sectors_16;
    g.fat_sectors = fat_16 != 0 ? u32{fat_16} : u32{fat32_.fat_sectors_32};
    if (g.fat_sectors == 0) {
      return refuse("BPB_FATSz16 and BPB_FATSz32 are both 0");
    }
    const u32 root_sectors = (g.root_entries * 32 + g.sector_bytes - 1) / g.sector_bytes;
    g.first_root_sector = g.first_fat_sector + u64{g.fats} * g.fat_sectors;
    g.first_data_sector = g.first_root_sector + root_sectors;
    if (g.first_data_sector >= g.total_sectors) {
      return refuse(
          "its {} sectors (BPB_TotSec) end before its data would begin, at sector {}: "
          "{} tables (BPB_NumFATs) of {} sectors (BPB_FATSz)",
          g.total_sectors, g.first_data_sector, g.fats, g.fat_sectors);
    }
    if (g.first_data_sector * g.sector_bytes > disk_bytes_) {
      return refuse("its data would begin at byte {}, but the disk has {} bytes",
                    g.first_data_sector * g.sector_bytes, disk_bytes_);
    }
    return {};
  }

  // By Linux's rule: FAT32 is what has no BPB_FATSz16, and only of the rest the count decides.
  Checked find_type() {
    Geometry& g = geometry_;
    const u64 clusters = (g.total_sectors - g.first_data_sector) / g.sectors_per_cluster;
    if (clusters == 0 || clusters > kMaxClusters) {
      return refuse("BPB_TotSec is {}, which makes {} clusters", g.total_sectors, clusters);
    }
    g.clusters = static_cast<u32>(clusters);
    const u16 fat_16 = boot_.fat_sectors_16;
    const Type by_count = type_by_count(clusters);
    g.type = fat_16 == 0 ? Type::Fat32 : by_count == Type::Fat12 ? Type::Fat12 : Type::Fat16;
    if (g.type != by_count) {
      note("read as {}, as Linux does, because BPB_FATSz16 is {}; by its {} clusters it is {}",
           to_string(g.type), fat_16, g.clusters, to_string(by_count));
    }
    if (g.type != Type::Fat32 && g.root_entries == 0) {
      return refuse("BPB_RootEntCnt is 0 on a {} volume", to_string(g.type));
    }
    return {};
  }

  // Clusters without an entry in the table do not exist.
  Checked check_table() {
    Geometry& g = geometry_;
    const u64 bits = g.type == Type::Fat12 ? 12 : g.type == Type::Fat16 ? 16 : 32;
    const u64 entries = u64{g.fat_sectors} * g.sector_bytes * 8 / bits;
    if (entries < 3) {
      return refuse("BPB_FATSz is {}: a table of {} entries", g.fat_sectors, entries);
    }
    if (entries - 2 < g.clusters) {
      note_damage("the table has entries for {} of the {} clusters", entries - 2, g.clusters);
      g.clusters = static_cast<u32>(entries - 2);
    }
    if (g.type == Type::Fat16 && g.clusters >= kFat16Clusters) {
      return refuse("BPB_FATSz16 is {} on a volume of {} clusters, which FAT32 alone can hold",
                    u16{boot_.fat_sectors_16}, g.clusters);
    }
    return {};
  }

  Checked check_fat32() {
    Geometry& g = geometry_;
    constexpr u16 kNoMirroring = 0x80;
    if (fat32_.version != 0) {
      return refuse("BPB_FSVer is {:#06x}, a version of FAT32 that nobody has defined",
                    u16{fat32_.version});
    }
    const u16 flags = fat32_.ext_flags;
    if ((flags & kNoMirroring) != 0) {
      g.active_fat = flags & 0x0f;
      g.mirrored = false;
    }
    if (g.active_fat >= g.fats) {
      return refuse("BPB_ExtFlags is {:#06x}: table {} of {}", flags, g.active_fat, g.fats);
    }
    g.root_cluster = fat32_.root_cluster;
    if (!g.is_cluster(g.root_cluster)) {
      return refuse("BPB_RootClus is {}, but the clusters are 2 to {}", g.root_cluster,
                    g.clusters + 1);
    }
    const u16 fs_info = fat32_.fs_info_sector;
    if (fs_info != 0xffff && fs_info < g.first_fat_sector) {
      g.fs_info_sector = fs_info;
    } else if (fs_info != 0xffff) {
      note_damage("BPB_FSInfo is {}, beyond the {} reserved sectors", fs_info, g.first_fat_sector);
    }
    const u16 backup = fat32_.backup_boot_sector;
    if (backup < g.first_fat_sector) {
      g.backup_sector = backup;
    } else if (backup != 0xffff) {
      note_damage("BPB_BkBootSec is {}, beyond the {} reserved sectors", backup,
                  g.first_fat_sector);
    }
    return {};
  }

  void read_extended() {
    const usize offset =
        sizeof(BootSector) + (geometry_.type == Type::Fat32 ? sizeof(Fat32Part) : 0);
    const auto extended = at<ExtendedPart>(sector_, offset);
    if (extended.signature == kSerialOnly || extended.signature == kSerialAndLabel) {
      geometry_.state = extended.state;
      geometry_.serial = extended.serial;
    }
    geometry_.extended = extended.signature == kSerialAndLabel;
    geometry_.label = extended.label;
  }

  void note_oddities() {
    const Geometry& g = geometry_;
    if (g.total_sectors * g.sector_bytes > disk_bytes_) {
      note_damage("the volume has {} bytes, but the disk has only {}",
                  g.total_sectors * g.sector_bytes, disk_bytes_);
    }
    if (boot_.media != 0xf0 && boot_.media < 0xf8) {
      note("BPB_Media is {:#04x}, not 0xf0 or 0xf8 to 0xff", boot_.media);
    }
    if (!has_signature(sector_)) {
      note("the boot sector does not end with 0x55 0xaa");
    }
  }

  BootSector boot_;
  Fat32Part fat32_;
  BootSectorBytes sector_;
  u64 disk_bytes_;
  Notes& notes_;
  Geometry geometry_;
};

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::Fat12:
      return "FAT12";
    case Type::Fat16:
      return "FAT16";
    case Type::Fat32:
      return "FAT32";
  }
  return "unknown";
}

void Notes::add(const Line& note, bool is_damage) {
  const auto same = [&note](const Line& line) { return line.view() == note.view(); };
  if (count_ < lines_.size() && std::ranges::none_of(lines(), same)) {
    damages_ |= u32{is_damage} << count_;
    lines_[count_++] = note;
  }
}

std::expected<Geometry, MountError> parse_boot_sector(BootSectorBytes sector, u64 disk_bytes,
                                                      std::string_view disk_name, Notes& notes) {
  const auto refuse = [](const Line& reason, bool something_else) {
    return std::unexpected(MountError{Errc::Malformed, reason, something_else});
  };
  const std::expected<Geometry, Line> geometry = Parser(sector, disk_bytes, notes).parse();
  if (geometry) {
    return *geometry;
  }
  // Only now: mkfs.fat can put a table into a FAT boot sector that names the whole disk.
  if (const std::optional<Recognized> other = recognize_other(sector)) {
    return refuse(Line::formatted("{} {}", disk_name, other->text.view()), !other->nothing);
  }
  return refuse(Line::formatted("{} holds no FAT volume: {}", disk_name, geometry.error().view()),
                false);
}

std::optional<Geometry> parse_backup(BootSectorBytes sector, u64 place, u64 disk_bytes,
                                     Notes& notes) {
  const std::expected<Geometry, Line> geometry = Parser(sector, disk_bytes, notes).parse();
  if (!geometry || geometry->type != Type::Fat32 || !has_signature(sector) ||
      u64{geometry->backup_sector} * geometry->sector_bytes != place) {
    return std::nullopt;
  }
  return *geometry;
}

}  // namespace sluice::fat
