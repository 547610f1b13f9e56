// The 32-byte entries of a directory, one after the other, as they stand on the disk: from the
// fixed root of FAT12 and FAT16 or from a chain of clusters.
// Used by Directory, which makes files of them, and by check(). Reference: Microsoft FAT
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

// Aligned, so that it is copied in words; every entry of a directory is.
struct alignas(8) RawEntry {
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

  // What its first byte and its attributes say that it is.
  enum class Kind : u8 { Deleted, LongName, VolumeLabel, Dot, DotDot, Named };
  Kind kind() const {
    if (name[0] == kDeleted) {
      return Kind::Deleted;
    }
    if ((attributes & Attributes::kLongNameMask) == Attributes::kLongName) {
      return Kind::LongName;
    }
    if ((attributes & Attributes::kVolumeId) != 0) {
      return Kind::VolumeLabel;
    }
    return name[0] != '.' ? Kind::Named : kind_of_dots();
  }
  // Of a volume of this type. DIR_FstClusHI is something else on FAT12 and FAT16.
  u32 first_cluster(Type type) const;

  static constexpr u8 kDeleted = 0xe5;  // in name[0]
  Kind kind_of_dots() const;
};
static_assert(sizeof(RawEntry) == 32);

// Movable; the reader and the table outlive it. Order of calls: more(), and where
// that is true take().
class RawDirectory {
 public:
  static constexpr u32 kMaxEntries = 65536;  // 2 MiB, as the specification limits it

  // Opens the fixed root (`first_cluster` 0 on FAT12 and FAT16), or the directory that starts at a
  // cluster, and walks its chain once: Malformed, where it is cyclic, too long, or starts nowhere.
  // `name` is for messages. It is taken to end with `most_clusters`, where its chain is longer.
  // NoMemory, Io, Removed. Task.
  static constexpr u32 kWhole = ~u32{0};
  static Result<RawDirectory> open(BlockReader& reader, Table& table, u32 first_cluster,
                                   std::string_view name, u32 most_clusters = kWhole);

  // Is there another entry? Malformed where the chain breaks off, Io, Removed; after an error there
  // is none. Task.
  Result<bool> more() {
    if (at_ == end_ && !TRY(fill())) [[unlikely]] {
      return false;
    }
    return at_->name[0] != kEndOfDirectory || end();
  }
  // That one, valid until the next call of more().
  const RawEntry& take() { return *at_++; }

  std::string_view name() const { return name_; }
  // Entries that it has room for.
  u32 capacity() const { return capacity_; }

 private:
  static constexpr u32 kMaxWindowEntries = 512;
  static constexpr u8 kEndOfDirectory = 0x00;  // neither this entry nor any behind it

  RawDirectory(BlockReader& reader, Table& table, std::string_view name)
      : reader_(&reader), table_(&table), name_(name) {}
  // How many clusters the chain has, as far as it is whole.
  Result<u32> check_chain(u32 first_cluster, u32 most_clusters) const;
  // Reads on: false at the end.
  Result<bool> fill();
  Result<bool> next_region();
  bool end();

  BlockReader* reader_;
  Table* table_;
  Text<80> name_;
  std::unique_ptr<RawEntry[]> window_;
  u32 window_entries_ = 0;
  const RawEntry* at_ = nullptr;   // in the window,
  const RawEntry* end_ = nullptr;  // and behind the last that was read
  u64 region_byte_ = 0;  // where on the disk the rest of the run, or of the fixed root, is
  u64 region_left_ = 0;  // bytes of it that were not read yet
  std::optional<ChainWalk> walk_;  // none: the fixed root
  u32 capacity_ = 0;
  u32 left_ = kMaxEntries;  // that may still be read
};

}  // namespace sluice::fat
