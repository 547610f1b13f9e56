// An image file as a read-only disk. Used by fat_host.
#pragma once

#include <string>

#include "tests/unit/fat/byte_device.hpp"

namespace sluice::test {

class FileDevice final : public JudgingDisk {
 public:
  // Opens the image; what lies behind the last whole block of `logical_block_bytes` is no part of
  // the disk. Throws std::runtime_error where it cannot be opened, or read.
  FileDevice(const std::string& path, u32 logical_block_bytes);
  ~FileDevice();
  FileDevice(const FileDevice&) = delete;
  FileDevice& operator=(const FileDevice&) = delete;

 private:
  u64 size_bytes() const override { return disk_bytes_; }
  void copy(u64 at, std::span<std::byte> to) const override;

  int file_;
  u64 disk_bytes_ = 0;
};

}  // namespace sluice::test
