// BlockDevice: what a file system or a program sees of a disk; and the synchronous helpers on top.
// Disk (disk.hpp) is one; OpenDevice is what find-and-open by name gives.
#pragma once

#include <array>
#include <atomic>
#include <span>
#include <string_view>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/drivers/block/partition.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::blk {

// What a device takes in one request. Bios may be longer: the request layer splits them.
struct Limits {
  u32 logical_block_bytes = 512;  // smallest unit of I/O: power of two, 512…65536
  u32 physical_block_bytes = 512;
  u32 max_segments = 128;
  u32 max_segment_bytes = ~u32{0};
  u32 max_bytes = 1024 * 1024;  // data of one request
  u32 boundary_bytes = 0;     // no request crosses a multiple of it; a power of two, or 0: any may
  u64 max_discard_bytes = 0;  // 0: no discard
  u64 max_write_zeroes_bytes = 0;  // 0: no write zeroes
  u64 max_secure_erase_bytes = 0;  // 0: no secure erase
};

class BlockDevice {
 public:
  virtual std::string_view name() const = 0;
  virtual u64 sectors() const = 0;  // capacity, in 512 bytes
  virtual const Limits& limits() const = 0;
  virtual bool read_only() const = 0;
  virtual bool has_write_cache() const = 0;  // Flush means something

  // Takes all bios of the list as one batch: neighbours merge, the device is notified once. Each
  // ends exactly once through its end_io, with an error status where it makes no sense (range,
  // alignment, read-only). Task or work.
  virtual void submit(List<Bio>& bios) = 0;
  void submit(Bio& bio);

  // Reaps what is complete without an interrupt; how many requests that were.
  // Task or work.
  virtual unsigned poll() = 0;

 protected:
  ~BlockDevice() = default;
};

// Gathers bios and submits them as one batch when it goes out of scope, on flush(), or once it
// holds 32.
class Plug {
 public:
  explicit Plug(BlockDevice& device) : device_(device) {}
  Plug(const Plug&) = delete;
  Plug& operator=(const Plug&) = delete;
  ~Plug() { flush(); }
  void add(Bio& bio);
  void flush();

 private:
  static constexpr u32 kBatch = 32;
  BlockDevice& device_;
  List<Bio> bios_;
  u32 count_ = 0;
};

// Synchronous helpers: submit and wait. Whole logical blocks. Task only.
Status submit_and_wait(BlockDevice& device, Bio& bio);
Status read(BlockDevice& device, Sector sector, std::span<std::byte> data);
Status write(BlockDevice& device, Sector sector, std::span<const std::byte> data);
Status flush(BlockDevice& device);
Status discard(BlockDevice& device, Sector sector, u64 bytes);
Status write_zeroes(BlockDevice& device, Sector sector, u64 bytes);
Status secure_erase(BlockDevice& device, Sector sector, u64 bytes);

// An open disk or partition: counted by the disk, released on destruction. Where the disk goes away
// meanwhile, every bio ends with Removed and the capacity is 0. For one hart at a time.
class OpenDevice final : public BlockDevice, public ListNode<> {
 public:
  OpenDevice() = default;
  ~OpenDevice() { release(); }

  // Opens what is called `name`: vda, ram0, vda1. NotFound; Busy: this object has one open. Task.
  Result<void> open(std::string_view name);
  void release();
  bool removed() const { return disk_.load(std::memory_order_acquire) == nullptr; }
  // Does what is submitted wait until somebody wakes the device? Task.
  bool suspended() const;

  std::string_view name() const override { return removed() ? "" : name_.data(); }
  u64 sectors() const override;
  const Limits& limits() const override { return limits_; }  // as they were when it was opened
  bool read_only() const override;
  bool has_write_cache() const override;
  using BlockDevice::submit;
  void submit(List<Bio>& bios) override;
  unsigned poll() override;

 private:
  friend void remove_from_list(Disk& disk);
  class Use;

  std::atomic<Disk*> disk_{nullptr};
  mutable std::atomic<u32> users_{0};  // calls that are with the disk right now
  Window window_;
  Limits limits_;
  std::array<char, 24> name_{};
};

}  // namespace sluice::blk
