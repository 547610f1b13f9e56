// Finding disks, mounting them, looking paths up; and saying why that failed.
#include "volumes.hpp"

#include <algorithm>

#include "command.hpp"

#include <sluice/drivers/base/bus.hpp>
#include <sluice/drivers/block/disk.hpp>

namespace sluice::app {
namespace {

constexpr std::string_view kVirtioDisks = "vd";
constexpr std::string_view kHowToHaveDisks =
    "run.sh's --disk gives the machine one (QEMU: -device virtio-blk-device,drive=...)";

struct DiskNames {
  Sink& out;
  bool any = false;
  bool any_virtio = false;
};

// Are there any of virtio's?
bool put_disk_names(Sink& out) {
  DiskNames names{out};
  blk::for_each_disk(
      [](blk::Disk& disk, void* context) {
        auto& list = *static_cast<DiskNames*>(context);
        format_to(list.out, "{}{}", list.any ? ", " : "there are ", disk.name());
        for (const blk::Partition& partition : disk.partitions()) {
          format_to(list.out, ", {}", partition.name());
        }
        list.any = true;
        list.any_virtio = list.any_virtio || disk.name().starts_with(kVirtioDisks);
      },
      &names);
  if (!names.any) {
    out.put("there are none");
  }
  return names.any_virtio;
}

bool is_for_a_disk(const dev::Bus& bus, const dev::Device& device) {
  return std::ranges::any_of(bus.drivers(), [&](const dev::Driver& driver) {
    return driver.class_name() == "block" && bus.match(device, driver);
  });
}

// A disk may be missing because its device waits for something, was refused or was taken from its
// driver by hand. Is there any such?
bool put_troubled_devices(Sink& out) {
  bool any = false;
  for (const dev::Bus& bus : dev::buses()) {
    for (const dev::Device& device : bus.devices()) {
      const bool is_free = device.state() == dev::State::Unbound && is_for_a_disk(bus, device);
      if (is_free || device.state() == dev::State::Deferred ||
          device.state() == dev::State::Failed) {
        format_to(
            out, "; {} {}: {}", device.name(), dev::to_string(device.state()),
            is_free && device.reason().empty() ? "`bind` gives it to its driver" : device.reason());
        any = true;
      }
    }
  }
  return any;
}

void put_why_no_disk(Sink& out) {
  if (!put_troubled_devices(out)) {
    format_to(out, "; {}", kHowToHaveDisks);
  }
}

bool is_awake(std::string_view command, const blk::OpenDevice& device) {
  if (device.suspended()) {
    failure(command, device.name(), "suspended; `resume` wakes its device");
    return false;
  }
  return true;
}

}  // namespace

void suggest_disks(std::string_view command) {
  bool any = false;
  blk::for_each_disk(
      [](blk::Disk& disk, void* context) {
        *static_cast<bool*>(context) |= disk.name().starts_with(kVirtioDisks);
      },
      &any);
  if (!any) {
    console::Writer out(console::Stream::Error);
    format_to(out, "{}: no virtio disk", command);
    put_why_no_disk(out);
    out.put("\n");
  }
}

bool find_disk(std::string_view command, std::string_view name, blk::OpenDevice& device) {
  const Result<void> opened = device.open(name);
  if (opened) {
    return true;
  }
  console::Writer out(console::Stream::Error);
  if (opened.error() != Errc::NotFound) {
    format_to(out, "{}: {}: {}\n", command, name, to_string(opened.error()));
    return false;
  }
  format_to(out, "{}: {}: no such disk; ", command, name);
  const bool any_virtio = put_disk_names(out);
  if (name.starts_with(kVirtioDisks) && !any_virtio) {
    put_why_no_disk(out);
  } else {
    put_troubled_devices(out);
  }
  out.put("\n");
  return false;
}

bool open_disk(std::string_view command, std::string_view name, blk::OpenDevice& device) {
  if (!find_disk(command, name, device)) {
    return false;
  }
  const bool awake = is_awake(command, device);
  if (!awake) {
    device.release();
  }
  return awake;
}

blk::Disk* disk_of(std::string_view name) {
  if (blk::Disk* const disk = blk::find(name); disk != nullptr) {
    return disk;
  }
  struct Search {
    std::string_view name;
    blk::Disk* found = nullptr;
  } search{name};
  blk::for_each_disk(
      [](blk::Disk& disk, void* context) {
        auto& wanted = *static_cast<Search*>(context);
        if (disk.find_partition(wanted.name) != nullptr) {
          wanted.found = &disk;
        }
      },
      &search);
  return search.found;
}

void Volumes::Mount::clear() {
  volume.reset();
  device.release();
}

bool Volumes::Mount::holds(std::string_view disk) const {
  return volume != nullptr && !device.removed() && device.name() == disk;
}

fat::Volume* Volumes::mount(std::string_view command, std::string_view disk) {
  Mount* place = &mounts_[0];
  for (Mount& mount : mounts_) {
    if (mount.holds(disk)) {
      mount.last_use = ++uses_;
      return is_awake(command, mount.device) ? mount.volume.get() : nullptr;
    }
    if (mount.last_use < place->last_use) {
      place = &mount;
    }
  }
  place->clear();
  place->last_use = 0;
  if (!open_disk(command, disk, place->device)) {
    return nullptr;
  }
  auto mounted = fat::Volume::mount(place->device);
  if (!mounted) {
    print_error("{}: {}\n", command, mounted.error().reason.view());
    place->clear();
    return nullptr;
  }
  place->volume = std::move(*mounted);
  place->last_use = ++uses_;
  return place->volume.get();
}

// A partition's sectors are its disk's, too.
void Volumes::forget(std::string_view name) {
  const blk::Disk* const disk = disk_of(name);
  for (Mount& mount : mounts_) {
    if (mount.volume != nullptr && disk_of(mount.device.name()) == disk) {
      mount.clear();
      mount.last_use = 0;
    }
  }
}

std::optional<Path> parse_path(std::string_view text) {
  const usize colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  return Path{text.substr(0, colon), text.substr(colon + 1)};
}

int find_place(Session& session, std::string_view command, std::string_view path, Place& place) {
  const std::optional<Path> parsed = parse_path(path);
  if (!parsed) {
    return usage_error(command, "not a path like vda:/name", path);
  }
  place.volume = session.volumes.mount(command, parsed->disk);
  if (place.volume == nullptr) {
    return kFailed;
  }
  Result<fat::Entry> entry = place.volume->lookup(parsed->inside);
  if (!entry) {
    return failure(command, path, in_words(entry.error()));
  }
  place.entry = *entry;
  return kSucceeded;
}

int find_file(Session& session, std::string_view command, std::string_view path, Place& place) {
  const int status = find_place(session, command, path, place);
  if (status == kSucceeded && place.entry.is_directory()) {
    return failure(command, path, to_string(Errc::IsADirectory));
  }
  return status;
}

}  // namespace sluice::app
