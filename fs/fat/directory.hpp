// Directories: entries one after the other, from the fixed root of FAT12 and FAT16 or from a chain
// of clusters. Used by Volume::lookup and by programs that list. Reference: Microsoft FAT
// specification 1.03, "FAT Directory Structure".
#pragma once

#include <memory>
#include <optional>

#include <sluice/fs/fat/name.hpp>
#include <sluice/fs/fat/table.hpp>

namespace sluice::fat {

// DIR_Attr.
struct Attributes {
  static constexpr u8 kReadOnly = 0x01;
  static constexpr u8 kHidden = 0x02;
  static constexpr u8 kSystem = 0x04;
  static constexpr u8 kVolumeId = 0x08;
  static constexpr u8 kDirectory = 0x10;
  static constexpr u8 kArchive = 0x20;
  static constexpr u8 kLongName = 0x0f;  // of these six bits:
  static constexpr u8 kLongNameMask = 0x3f;
  u8 bits = 0;

  bool has(u8 mask) const { return (bits & mask) != 0; }
  // "rhsda", a dash for a clear one.
  std::array<char, 5> text() const;
};

// A date and a time of day in the volume's (unknown) time zone.
struct DateTime {
  u16 year = 0;  // 1980…2107
  u8 month = 0;
  u8 day = 0;
  u8 hour = 0;
  u8 minute = 0;
  u8 second = 0;
  u8 centisecond = 0;
  bool set = false;    // false: the field is 0, nobody wrote it
  bool valid = false;  // false: no such day or time; the numbers are what the bits say

  // `YYYY-MM-DD HH:MM:SS`; a dash in the place of every digit where it is not valid.
  Text<20> text() const;
};

// Decodes DIR_WrtDate, DIR_WrtTime and, for creation, DIR_CrtTimeTenth (0…199). Any context.
DateTime decode_date_time(u16 date, u16 time, u8 hundredths = 0);

// The 32 bytes of an entry on the disk.
struct RawEntry {
  RawShortName name;      // DIR_Name
  u8 attributes;          // DIR_Attr
  u8 nt_flags;            // DIR_NTRes
  u8 created_hundredths;  // DIR_CrtTimeTenth
  UnalignedLe<u16> created_time;
  UnalignedLe<u16> created_date;
  UnalignedLe<u16> accessed_date;
  UnalignedLe<u16> first_cluster_high;  // FAT32 only
  UnalignedLe<u16> modified_time;
  UnalignedLe<u16> modified_date;
  UnalignedLe<u16> first_cluster_low;
  UnalignedLe<u32> file_bytes;
};
static_assert(sizeof(RawEntry) == 32);

// A file or directory, as its directory describes it. Nothing in it was checked against the table
// yet.
struct Entry {
  Name name;             // the long name, else the short one; empty for the root
  ShortName short_name;  // also valid in paths
  Attributes attributes;
  u32 size_bytes = 0;     // of a directory 0
  u32 first_cluster = 0;  // 0: none, or the fixed root
  DateTime created;
  DateTime accessed;  // the date only
  DateTime modified;
  bool is_root = false;

  bool is_directory() const { return attributes.has(Attributes::kDirectory); }
};

// An open directory. Movable; the volume outlives it. Order of calls: next() until false or an
// error.
class Directory {
 public:
  static constexpr u32 kMaxEntries = 65536;  // 2 MiB, as the specification limits it

  // Opens the root, or the directory that starts at a cluster, and walks its chain once: Malformed,
  // where it is cyclic, too long, or starts nowhere. NoMemory, Io, Removed. Task.
  static Result<Directory> open(BlockReader& reader, Table& table, const Entry& entry);

  // The next file or directory, without ".", "..", labels, deleted and orphaned ones; false at the
  // end. Malformed where the chain breaks off, Io, Removed; after an error there is no next one.
  // Task.
  Result<bool> next(Entry& entry);

  // Continues until an entry of this name, long or short, in any case; false where there is none.
  // Same errors. Task.
  Result<bool> find(std::string_view name, Entry& entry);

  // Continues until the volume label (in the root). Same errors. Task.
  Result<std::optional<Label>> find_label();

 private:
  static constexpr u32 kMaxWindowBytes = 16 * 1024;

  Directory(BlockReader& reader, Table& table) : reader_(&reader), table_(&table) {}
  // How many bytes the chain holds, as far as it is whole.
  Result<u64> check_chain(u32 first_cluster) const;
  // The next 32 bytes, or nothing at the end.
  Result<std::optional<RawEntry>> next_raw();
  // Reads on: false at the end.
  Result<bool> fill();
  Result<bool> next_region();
  bool decode(const RawEntry& raw, Entry& entry);

  BlockReader* reader_;
  Table* table_;
  Text<80> name_;  // for messages
  std::unique_ptr<std::byte[]> window_;
  u32 window_bytes_ = 0;  // its size
  u32 filled_bytes_ = 0;  // of it
  u32 used_bytes_ = 0;    // of those
  u64 region_byte_ = 0;   // where on the disk the rest of the run, or of the fixed root, is
  u64 region_left_ = 0;   // how much of it was not read yet
  std::optional<ChainWalk> walk_;  // none: the fixed root
  u32 entries_ = 0;                // seen so far
  bool ended_ = false;
  LongNameBuilder long_name_;
};

}  // namespace sluice::fat
