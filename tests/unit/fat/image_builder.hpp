// Builds FAT images byte by byte, right and wrong ones, without any of the code under test.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/kernel/types.hpp>
#include "tests/unit/fat/sparse_bytes.hpp"

namespace sluice::test {

using Bytes = std::vector<std::byte>;

// Bytes that depend on their place and on `seed`, so that a wrong place shows.
Bytes pattern(usize bytes, u32 seed = 1);
Bytes text_bytes(std::string_view text);
Bytes slice(const Bytes& bytes, u64 from, u64 count);

// How wide a table entry is; also what the boot sector looks like.
enum class Width { Fat12 = 12, Fat16 = 16, Fat32 = 32 };

struct Layout {
  Width width = Width::Fat12;
  u32 clusters = 100;
  u32 sector_bytes = 512;
  u32 sectors_per_cluster = 1;
  u32 reserved_sectors = 1;  // FAT32: 32
  u32 fats = 2;
  u32 root_entries = 64;      // FAT32: 0
  u32 spare_fat_sectors = 0;  // behind the last entry of each FAT
  u32 spare_sectors = 0;      // behind the last whole cluster
};

Layout fat12(u32 clusters = 100);
Layout fat16(u32 clusters = 4085);
Layout fat32(u32 clusters = 65525);

// A directory being filled.
struct Dir {
  bool fixed_root = false;
  std::vector<u32> chain;
  usize used = 0;  // entries
};

class ImageBuilder {
 public:
  // Where the image is: in `bytes`, or, for one larger than memory, in `sparse`.
  enum class Backing : u8 { Dense, Sparse };
  explicit ImageBuilder(const Layout& layout, Backing backing = Backing::Dense);

  Bytes bytes;
  SparseBytes sparse;
  Dir root;

  void put(usize at, std::span<const std::byte> from);
  void put_text(usize at, std::string_view text);
  void put8(usize at, u32 value);
  void put16(usize at, u32 value);
  void put32(usize at, u32 value);

  // The table: entries of every copy, or of one.
  void set_entry(u32 cluster, u32 value);
  void set_entry_of_copy(u32 copy, u32 cluster, u32 value);
  u32 entry(u32 cluster) const;
  u32 end_mark() const;
  void chain(std::span<const u32> clusters);
  // So many clusters that are in no chain, in order from the lowest.
  std::vector<u32> take_free(usize count);

  usize cluster_at(u32 cluster) const;  // its first byte
  usize fat_at(u32 copy = 0) const;
  u32 cluster_bytes() const { return layout_.sector_bytes * layout_.sectors_per_cluster; }
  usize entry_at(const Dir& dir, usize index) const;  // where the directory's n-th 32 bytes are

  // 32 bytes at the end of a directory; where they stand in the image.
  usize add_raw(Dir& dir, const std::array<u8, 32>& raw);
  // `name` has eleven characters.
  usize add_short(Dir& dir, std::string_view name, u8 attributes, u32 first_cluster, u32 size,
                  u8 nt_flags = 0);
  // The slots of a long name for the short name that follows.
  void add_slots(Dir& dir, std::u16string_view long_name, std::string_view short_name,
                 int checksum = -1, u16 padding = 0xffff);

  // A file whose contents lie in these clusters in this order (default: the lowest free ones).
  void add_file(Dir& dir, std::string_view short_name, const Bytes& contents,
                std::vector<u32> clusters = {});
  void add_long_file(Dir& dir, std::u16string_view long_name, std::string_view short_name,
                     const Bytes& contents);
  Dir add_dir(Dir& parent, std::string_view short_name, std::vector<u32> clusters = {});

  const Layout& layout() const { return layout_; }

 private:
  u32 get8(usize at) const;
  void write_boot_sector(u32 fat_sectors, u32 total_sectors);
  std::vector<u32> store(const Bytes& contents, std::vector<u32> clusters);

  Layout layout_;
  Backing backing_;
  u32 fat_sectors_ = 0;
  usize root_at_ = 0;
  usize data_at_ = 0;
};

u8 checksum_of(std::string_view short_name);

}  // namespace sluice::test
