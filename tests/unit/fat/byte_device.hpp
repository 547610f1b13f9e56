// Read-only disks in memory, with the knobs that the FAT tests need: they judge each bio and count.
// ByteDevice is the one whose every byte is there; sparse_device.hpp has one that may be large.
#pragma once

#include <deque>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <sluice/drivers/block/block_device.hpp>

namespace sluice::test {

class JudgingDisk : public blk::BlockDevice {
 public:
  std::string_view name() const override { return "vda"; }
  u64 sectors() const override { return size_bytes() / blk::kSectorBytes; }
  const blk::Limits& limits() const override { return limits_; }
  bool read_only() const override { return true; }
  bool has_write_cache() const override { return false; }
  using BlockDevice::submit;
  void submit(List<blk::Bio>& bios) override;
  unsigned poll() override { return 0; }

  // Ends one of the bios that are held, if there is one: a World's step.
  bool complete_one();
  usize held() const { return held_.size(); }

  std::set<u64> bad_sectors;  // of 512 bytes: reading one fails the bio
  bool hold = false;          // bios wait for complete_one()
  bool newest_first = false;  // which of them it ends

  usize bios = 0;     // submitted so far
  usize batches = 0;  // calls of submit
  u64 bytes_read = 0;
  usize senseless = 0;  // bios out of range, misaligned or not reads

  void reset_counters() { bios = batches = senseless = bytes_read = 0; }

 protected:
  explicit JudgingDisk(u32 logical_block_bytes);
  virtual u64 size_bytes() const = 0;
  // A range within them.
  virtual void copy(u64 at, std::span<std::byte> to) const = 0;

 private:
  void end(blk::Bio& bio);
  blk::Status transfer(const blk::Bio& bio);

  blk::Limits limits_;
  std::deque<blk::Bio*> held_;
};

class ByteDevice final : public JudgingDisk {
 public:
  using Contents = std::vector<std::byte>;
  explicit ByteDevice(Contents contents, u32 logical_block_bytes = 512)
      : JudgingDisk(logical_block_bytes), bytes(std::move(contents)) {}

  std::vector<std::byte> bytes;
  u64 zero_bytes = 0;  // behind those: a large disk in little memory

  u64 disk_bytes() const { return bytes.size() + zero_bytes; }
  // What stands on the disk from this byte on, whatever its sectors are like.
  void copy(u64 at, std::span<std::byte> to) const override;

 private:
  u64 size_bytes() const override { return disk_bytes(); }
};

}  // namespace sluice::test
