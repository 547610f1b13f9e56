// A volume mounted from an image in memory, and what the tests ask of it.
#pragma once

#include "tests/catch.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <sluice/fs/fat/volume.hpp>
#include "tests/port/world.hpp"
#include "tests/unit/fat/byte_device.hpp"
#include "tests/unit/fat/image_builder.hpp"

namespace sluice::test {

// `Disk` is a JudgingDisk.
template <class Disk>
struct MountedOn {
  explicit MountedOn(typename Disk::Contents image, u32 logical_block_bytes = 512)
      : device(std::move(image), logical_block_bytes) {
    fat::Volume::MountResult result = fat::Volume::mount(device);
    if (!result) {
      throw std::runtime_error("mount: " + std::string(result.error().reason.view()));
    }
    volume = std::move(*result);
  }
  ~MountedOn() { CHECK(device.senseless == 0); }

  fat::Entry entry(std::string_view path) {
    Result<fat::Entry> found = volume->lookup(path);
    if (!found) {
      throw std::runtime_error(std::string(path) + ": " + std::string(to_string(found.error())));
    }
    return *found;
  }

  fat::File open(std::string_view path) {
    Result<fat::File> file = volume->open(entry(path));
    REQUIRE(file.has_value());
    return std::move(*file);
  }

  // All of a file in one read, or the error. (Tests compare bytes within double parentheses: Catch
  // would print them all.)
  Result<Bytes> read(std::string_view path) {
    fat::File file = open(path);
    Bytes bytes(file.size_bytes());
    const usize count = TRY(file.read(0, bytes));
    CHECK(count == bytes.size());
    return bytes;
  }

  // Names in the order of the directory, '/' behind directories; "!" and the error where it fails.
  std::vector<std::string> list(std::string_view path) {
    std::vector<std::string> names;
    Result<fat::Directory> directory = volume->open_directory(entry(path));
    if (!directory) {
      return {"!" + std::string(to_string(directory.error()))};
    }
    fat::Entry found;
    Result<bool> more = directory->next(found);
    for (; more && *more; more = directory->next(found)) {
      names.emplace_back(std::string(found.name.view()) + (found.is_directory() ? "/" : ""));
    }
    if (!more) {
      names.push_back("!" + std::string(to_string(more.error())));
    }
    return names;
  }

  World world;
  Disk device;
  std::unique_ptr<fat::Volume> volume;
};
using Mounted = MountedOn<ByteDevice>;

using Names = std::vector<std::string>;

// The reason why an image does not mount.
inline std::string mount_error(Bytes image) {
  const World world;
  ByteDevice device(std::move(image));
  const fat::Volume::MountResult result = fat::Volume::mount(device);
  CHECK(device.senseless == 0);
  return result ? "mounts" : std::string(result.error().reason.view());
}

}  // namespace sluice::test
