// A FAT12, FAT16 or FAT32 volume on a block device, read-only.
// Used by programs: mount, then open paths. Nothing on the disk is trusted: every chain is bounded by the number of
// clusters, every number checked before it is used. Reference: Microsoft "FAT: General Overview of On-Disk Format" 1.03.
#pragma once

#include <memory>
#include <string_view>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/fs/fat/bpb.hpp>
#include <sluice/fs/fat/directory.hpp>
#include <sluice/fs/fat/file.hpp>
#include <sluice/fs/fat/table.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fat {

// What fsinfo shows.
struct VolumeInfo {
  Type type;
  Name label;                       // UTF-8; from the root directory, else the boot sector; may be empty
  u32 serial;
  u32 sector_bytes;
  u32 cluster_bytes;
  u32 clusters;
  u32 free_clusters;
  bool free_clusters_from_fsinfo;   // else counted
  bool dirty;                       // not unmounted cleanly
  bool error;                       // an I/O error was seen by whoever wrote it last
};

class Volume {
 public:
  // Reads and checks the boot sector. Malformed: no FAT volume, with the reason in the log and in reason(); Io, NoMemory.
  // `device` outlives the volume. Task.
  static Result<std::unique_ptr<Volume>> mount(blk::BlockDevice& device);

  // Looks a path up, from the root: "/docs/read me.txt", case-insensitive; "" and "/" are the root. NotFound,
  // NotADirectory, Malformed, Io. Task.
  Result<Entry> lookup(std::string_view path);

  // The entries of a directory, in its order, without "." and "..", volume labels, deleted and orphaned ones. Task.
  Result<Directory> open_directory(const Entry& entry);

  // A file's bytes. IsADirectory. The volume outlives it. Task.
  Result<File> open(const Entry& entry);

  // Counts the free clusters where FSInfo does not say: reads the whole table then. Io, Malformed. Task.
  Result<VolumeInfo> info();

  const Geometry& geometry() const { return geometry_; }
  Table& table() { return table_; }
  blk::BlockDevice& device() { return device_; }

 private:
  Volume(blk::BlockDevice& device, const Geometry& geometry);
  blk::BlockDevice& device_;
  Geometry geometry_;
  Table table_;
};

}  // namespace sluice::fat
