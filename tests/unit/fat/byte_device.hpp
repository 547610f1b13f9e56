// A disk over bytes in memory, with the knobs that the FAT tests need.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include <sluice/drivers/block/block_device.hpp>

namespace sluice::test {

class ByteDevice final : public blk::BlockDevice {
 public:
  explicit ByteDevice(std::vector<std::byte> contents, u32 logical_block_bytes = 512);

  std::string_view name() const override { return "vda"; }
  u64 sectors() const override { return bytes.size() / blk::kSectorBytes; }
  const blk::Limits& limits() const override { return limits_; }
  bool read_only() const override { return true; }
  bool has_write_cache() const override { return false; }
  using BlockDevice::submit;
  void submit(List<blk::Bio>& bios) override;
  unsigned poll() override { return 0; }

  // Ends one of the bios that are held, if there is one: a World's step.
  bool complete_one();
  usize held() const { return held_.size(); }

  std::vector<std::byte> bytes;
  std::set<u64> bad_sectors;  // of 512 bytes: reading one fails the bio
  bool hold = false;          // bios wait for complete_one()
  bool newest_first = false;  // which of them it ends

  usize bios = 0;     // submitted so far
  usize batches = 0;  // calls of submit
  u64 bytes_read = 0;
  usize senseless = 0;  // bios out of range, misaligned or not reads

  void reset_counters() { bios = batches = senseless = bytes_read = 0; }

 private:
  void end(blk::Bio& bio);
  blk::Status transfer(const blk::Bio& bio);

  blk::Limits limits_;
  std::deque<blk::Bio*> held_;
};

}  // namespace sluice::test
