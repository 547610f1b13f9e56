// Volume::check: what is wrong with the volume as a whole, then with what it holds.
#include <algorithm>
#include <new>

#include <sluice/fs/fat/check.hpp>
#include <sluice/fs/fat/tree_check.hpp>
#include <sluice/fs/fat/volume.hpp>

namespace sluice::fat {

namespace {

constexpr usize kStateByte = 65;  // of FAT32's boot sector: changes with each mount
constexpr usize kPieceBytes = 16 * 1024;

// Counts on the way.
class CountingReport final : public CheckReport {
 public:
  explicit CountingReport(CheckReport& to) : to_(to) {}
  void problem(std::string_view path, std::string_view what) override {
    ++count_;
    to_.problem(path, what);
  }
  u32 count() const { return count_; }

 private:
  CheckReport& to_;
  u32 count_ = 0;
};

template <class... Args>
void complain(CheckReport& report, FormatString<Args...> format, const Args&... args) {
  report.problem("", Line::formatted<Args...>(format, args...));
}

// Which entry of a table a byte of it is of.
u64 entry_of(Type type, u64 byte) {
  return type == Type::Fat12 ? byte * 2 / 3 : type == Type::Fat16 ? byte / 2 : byte / 4;
}

void compare_backup(BlockReader& reader, const Geometry& geometry, CheckReport& report) {
  if (geometry.backup_sector == 0) {
    return;
  }
  std::array<std::byte, 512> first;
  std::array<std::byte, 512> backup;
  const u64 place = u64{geometry.backup_sector} * geometry.sector_bytes;
  if (!reader.read(0, first) || !reader.read(place, backup)) {
    complain(report, "the boot sector or its backup, sector {}, cannot be read",
             geometry.backup_sector);
    return;
  }
  backup[kStateByte] = first[kStateByte];
  if (const auto differ = std::ranges::mismatch(first, backup); differ.in1 != first.end()) {
    complain(report, "the boot sector and its backup, sector {}, differ, first in byte {}",
             geometry.backup_sector, differ.in1 - first.begin());
  }
}

// Each with the one that is read, piece by piece.
void compare_tables(BlockReader& reader, const Geometry& geometry, CheckReport& report) {
  const std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[2 * kPieceBytes]);
  if (memory == nullptr) {
    complain(report, "the tables were not compared: {}", to_string(Errc::NoMemory));
    return;
  }
  const u64 table_bytes = u64{geometry.fat_sectors} * geometry.sector_bytes;
  const u64 first_byte = u64{geometry.first_fat_sector} * geometry.sector_bytes;
  for (u32 table = 0; table < geometry.fats; ++table) {
    for (u64 at = 0; at < table_bytes && table != geometry.active_fat; at += kPieceBytes) {
      const usize bytes = std::min<u64>(kPieceBytes, table_bytes - at);
      const std::span<std::byte> active(memory.get(), bytes);
      const std::span<std::byte> other(memory.get() + kPieceBytes, bytes);
      if (!reader.read(geometry.fat_byte() + at, active) ||
          !reader.read(first_byte + table * table_bytes + at, other)) {
        complain(report, "table {} cannot be compared with table {}", table, geometry.active_fat);
        break;
      }
      const auto differ = std::ranges::mismatch(active, other);
      if (differ.in1 == active.end()) {
        continue;
      }
      const u64 byte = at + static_cast<u64>(differ.in1 - active.begin());
      if (const u64 entry = entry_of(geometry.type, byte); entry < geometry.clusters + 2) {
        complain(report, "table {} differs from table {}, first in the entry of cluster {}", table,
                 geometry.active_fat, entry);
      }
      break;
    }
  }
}

// BPB_Media below ones.
void check_first_entry(Table& table, CheckReport& report) {
  const Type type = table.geometry().type;
  const u32 ones = type == Type::Fat12 ? 0xff0 : type == Type::Fat16 ? 0xfff0 : 0x0fff'fff0;
  const Result<u32> entry = table.value(0);
  if (entry && (*entry & ones) != ones) {
    complain(report, "entry 0 of the table is {:#x}, which does not begin one", *entry);
  }
}

void check_counts(ChainCheck& chains, const VolumeInfo& info, CheckReport& report) {
  const Result<ChainCheck::Lost> lost = chains.find_lost();
  if (!lost) {
    complain(report, "the table cannot be read: {}", to_string(lost.error()));
    return;
  }
  if (lost->clusters != 0) {
    complain(report,
             "{} clusters are in use and belong to no file that was reached, first cluster {}",
             lost->clusters, lost->first);
  }
  if (info.free_clusters_from_fsinfo && info.free_clusters != lost->free) {
    complain(report, "FSInfo counts {} free clusters, the table {}", info.free_clusters,
             lost->free);
  }
}

}  // namespace

Result<u32> Volume::check(CheckReport& to) {
  CountingReport report(to);
  const Result<VolumeInfo> info = this->info();
  if (!info) {
    complain(report, "the table cannot be read: {}", to_string(info.error()));
  } else {
    if (info->dirty) {
      complain(report, "it is marked as not unmounted cleanly");
    }
    if (info->error) {
      complain(report, "it is marked as having had I/O errors");
    }
    if (info->labels_differ) {
      complain(report, "the label of the boot sector is not that of the root directory");
    }
    if (!info->fs_info_problem.view().empty()) {
      report.problem("", info->fs_info_problem);
    }
  }
  for (usize i = 0; i < notes_.lines().size(); ++i) {
    if (notes_.is_damage(i)) {
      report.problem("", notes_.lines()[i]);
    }
  }
  // Sixteen are a sector of 512 bytes.
  if (geometry_.root_entries % (geometry_.type == Type::Fat32 ? 0x10000 : 16) != 0) {
    complain(report, "BPB_RootEntCnt is {}", geometry_.root_entries);
  }
  check_first_entry(table_, report);
  compare_backup(reader_, geometry_, report);
  if (geometry_.mirrored) {
    compare_tables(reader_, geometry_, report);
  }
  ChainCheck chains = TRY(ChainCheck::create(table_));
  TreeCheck(reader_, table_, chains, report).run();
  if (info) {
    check_counts(chains, *info, report);
  }
  return report.count();
}

}  // namespace sluice::fat
