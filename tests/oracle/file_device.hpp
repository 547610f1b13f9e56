// An image file as a read-only disk. Used by fat_host. Reference: blk::BlockDevice.
#pragma once

#include <string>

#include <sluice/drivers/block/block_device.hpp>

namespace sluice::test {

class FileDevice final : public blk::BlockDevice {
 public:
  // Opens the image; what lies behind the last whole block of `logical_block_bytes` is no part of
  // the disk. Throws std::runtime_error where it cannot be opened.
  FileDevice(const std::string& path, u32 logical_block_bytes);
  ~FileDevice();
  FileDevice(const FileDevice&) = delete;
  FileDevice& operator=(const FileDevice&) = delete;

  std::string_view name() const override { return "image"; }
  u64 sectors() const override { return disk_bytes_ / blk::kSectorBytes; }
  const blk::Limits& limits() const override { return limits_; }
  bool read_only() const override { return true; }
  bool has_write_cache() const override { return false; }
  using BlockDevice::submit;
  void submit(List<blk::Bio>& bios) override;
  unsigned poll() override { return 0; }

 private:
  blk::Status transfer(const blk::Bio& bio) const;

  int file_;
  u64 disk_bytes_ = 0;
  blk::Limits limits_;
};

}  // namespace sluice::test
