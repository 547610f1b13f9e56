// A FAT12, FAT16 or FAT32 volume on a block device, read-only.
// Used by programs: mount, then open paths. Nothing on the disk is trusted: every chain is bounded
// by the number of clusters, every number checked before it is used. Reference: Microsoft "FAT:
// General Overview of On-Disk Format" 1.03.
#pragma once

#include <memory>
#include <string_view>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/fs/fat/bpb.hpp>
#include <sluice/fs/fat/check.hpp>
#include <sluice/fs/fat/directory.hpp>
#include <sluice/fs/fat/file.hpp>
#include <sluice/fs/fat/table.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fat {

// What fsinfo shows.
struct VolumeInfo {
  Type type = Type::Fat12;
  Label label;     // UTF-8; from the root directory, else the boot sector; may be empty
  u32 serial = 0;  // 0 where the boot sector has none
  u32 sector_bytes = 0;
  u32 cluster_bytes = 0;
  u32 clusters = 0;
  u32 free_clusters = 0;
  bool free_clusters_from_fsinfo = false;  // else counted
  bool dirty = false;                      // not unmounted cleanly
  bool error = false;                      // whoever wrote it last saw an I/O error
  bool labels_differ = false;              // there are two, one in the boot sector
  Line fs_info_problem{};                  // why FSInfo is not believed, or empty

  // "2826-F9B3", as blkid prints it.
  std::array<char, 9> serial_text() const;
};

class Volume {
 public:
  using MountResult = std::expected<std::unique_ptr<Volume>, MountError>;

  // Reads and checks the boot sector. The error's reason is one line that names the device.
  // Malformed: no FAT volume; Io, NoMemory, Removed. `device` outlives the volume, and the volume
  // what was opened on it. Task.
  static MountResult mount(blk::BlockDevice& device);

  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;

  // The root directory's entry, which no directory holds.
  Entry root() const;

  // Looks a path up, from the root: "/docs/read me.txt", case-insensitive; "" and "/" are the root,
  // "." and ".." are not followed. NotFound, NotADirectory (also for a file with '/' behind it),
  // Malformed, Io, Removed, NoMemory. Task.
  Result<Entry> lookup(std::string_view path);

  // The entries of a directory. NotADirectory, Malformed, Io, Removed, NoMemory. Task.
  Result<Directory> open_directory(const Entry& entry);

  // A file's bytes. IsADirectory. Any context.
  Result<File> open(const Entry& entry);

  // A further read of any file of this volume in flight at the same time (File::read_async).
  // NoMemory. Task.
  Result<std::unique_ptr<ReadJob>> make_read_job() { return ReadJob::create(reader_, geometry_); }

  // For reading files of this volume from one end to the other, in pieces of up to `bytes`.
  // NoMemory. Task.
  Result<std::unique_ptr<Readahead>> make_readahead(usize bytes) {
    return Readahead::create(reader_, geometry_, bytes);
  }

  // Counts the free clusters where FSInfo does not say: reads the whole table then. Where the root
  // directory or FSInfo cannot be read, there is a note. Io, Malformed, Removed. Task.
  Result<VolumeInfo> info();

  // Reads tables and directories, and reports what is wrong; how many problems that were. Nothing
  // is changed. NoMemory. Task.
  Result<u32> check(CheckReport& report);

  // What is odd about the volume; complete after info().
  std::span<const Line> notes() const { return notes_.lines(); }

  const Geometry& geometry() const { return geometry_; }
  Table& table() { return table_; }
  blk::BlockDevice& device() { return reader_.device(); }

 private:
  Volume(BlockReader&& reader, const Geometry& geometry, const Notes& notes);
  void read_fs_info(VolumeInfo& info);
  Result<void> read_state(VolumeInfo& info);
  void read_labels(VolumeInfo& info);

  BlockReader reader_;
  Geometry geometry_;
  Table table_;
  Notes notes_;
};

}  // namespace sluice::fat
