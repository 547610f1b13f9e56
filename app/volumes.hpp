// Disks by name and the volumes on them, mounted at first use and kept.
// Used by every command that takes a path or a device.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/fs/fat/volume.hpp>

namespace sluice::blk {
class Disk;
}

namespace sluice::app {

struct Session;

// Where there is no virtio disk at all: says so on standard error, and how to have one, or what its
// device waits for. Task.
void suggest_disks(std::string_view command);

// Opens a disk. Where there is none of that name, says so on standard error, which ones there are,
// and which devices wait or failed, and gives false. Task.
bool find_disk(std::string_view command, std::string_view name, blk::OpenDevice& device);
// The same for one that I/O is to go to: a suspended disk is refused, as nobody else could wake it
// while the command waits.
bool open_disk(std::string_view command, std::string_view name, blk::OpenDevice& device);

// The disk of that name, or the one that has a partition of that name; null: none. Task.
blk::Disk* disk_of(std::string_view name);

// At most kMounts volumes; the one unused for longest makes room.
class Volumes {
 public:
  static constexpr usize kMounts = 8;

  // The volume on a disk; null where there is none, said on standard error. Valid until the
  // kMounts-th other one was asked for. Task.
  fat::Volume* mount(std::string_view command, std::string_view disk);

  // The disk or partition was written: what is known of volumes there is no longer true. Task.
  void forget(std::string_view name);

 private:
  struct Mount {
    blk::OpenDevice device;
    std::unique_ptr<fat::Volume> volume;  // goes before the device
    u64 last_use = 0;

    void clear();
    bool holds(std::string_view disk) const;
  };
  std::array<Mount, kMounts> mounts_;
  u64 uses_ = 0;
};

// `DEVICE:/path`.
struct Path {
  std::string_view disk;
  std::string_view inside;  // "" or "/": the root
};
// Nothing where there is no colon, or nothing before it. Any context.
std::optional<Path> parse_path(std::string_view text);

// Is this the path of something on a volume, rather than a disk's name?
inline bool is_path(std::string_view text) {
  return text.find(':') != std::string_view::npos;
}

// What a path leads to.
struct Place {
  fat::Volume* volume = nullptr;
  fat::Entry entry;
};
// Looks a path up; a failure is said on standard error and its status returned, kSucceeded
// otherwise. Task.
int find_place(Session& session, std::string_view command, std::string_view path, Place& place);
// The same for what must be a file.
int find_file(Session& session, std::string_view command, std::string_view path, Place& place);

}  // namespace sluice::app
