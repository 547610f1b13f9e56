// One read of a file on its way to the disk and back.
// Used by File, and by programs that have several of them in flight.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>

#include <sluice/fs/fat/block_reader.hpp>
#include <sluice/fs/fat/bpb.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::fat {

// One read on its way: up to kMaxRuns bios, one for each contiguous run of clusters, sent as one
// batch. Reusable; one for each read that is to be in flight at the same time. Memory: the bios,
// and two blocks to bounce (at most 64 KiB, or two blocks, where the disk's blocks are larger than
// the volume's sectors: every run may be ragged there).
class ReadJob {
 public:
  static constexpr u32 kMaxRuns = 32;

  // A job for files of the volume of this geometry. NoMemory. Task.
  static Result<std::unique_ptr<ReadJob>> create(const BlockReader& reader,
                                                 const Geometry& geometry);
  ReadJob(const ReadJob&) = delete;
  ReadJob& operator=(const ReadJob&) = delete;
  ~ReadJob();  // not while it is in flight: a checked crash

  // How it ended, after the completion: bytes read, or the error of the first part that failed: Io,
  // Removed, Malformed where the disk has become smaller. Any context.
  Result<usize> result() const;

 private:
  friend class File;
  explicit ReadJob(const BlockReader& reader) : reader_(&reader) {}
  void begin();
  // Adds a run to the batch; false where there is no room for it.
  bool add(u64 disk_byte, std::span<std::byte> target, u32 block_bytes);
  void submit(blk::BlockDevice& device, Completion& done);
  static void end_io(blk::Bio& bio);

  const BlockReader* reader_;
  u32 run_count_ = 0;
  std::unique_ptr<std::byte[]> bounce_;
  u32 bounce_blocks_ = 0;       // how many there are
  u32 bounce_blocks_used_ = 0;  // by this batch
  usize bytes_ = 0;
  std::atomic<u32> outstanding_{0};
  std::atomic<u32> failure_{0};  // a blk::Status, the first that was not Ok
  Completion* done_ = nullptr;
  std::array<RangeRead, kMaxRuns> runs_;  // last: the rest is nearer then
};

}  // namespace sluice::fat
