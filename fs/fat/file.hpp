// Files: reading at any offset, whole blocks straight into the caller's memory.
// Used by programs, through Volume::open. The chain is walked once, as far as the reads reach; a
// seek to where it was walked is a search in the extent map.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include <sluice/fs/fat/directory.hpp>
#include <sluice/fs/fat/extent_map.hpp>
#include <sluice/fs/fat/table.hpp>
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
  // Removed. Any context.
  Result<usize> result() const;

 private:
  friend class File;
  ReadJob() = default;
  void begin();
  // Adds a run to the batch; false where there is no room for it.
  bool add(u64 disk_byte, std::span<std::byte> target, u32 block_bytes);
  void submit(blk::BlockDevice& device, Completion& done);
  static void end_io(blk::Bio& bio);

  std::array<RangeRead, kMaxRuns> runs_;
  u32 run_count_ = 0;
  std::unique_ptr<std::byte[]> bounce_;
  u32 bounce_blocks_ = 0;       // how many there are
  u32 bounce_blocks_used_ = 0;  // by this batch
  usize bytes_ = 0;
  std::atomic<u32> outstanding_{0};
  std::atomic<u32> failure_{0};  // a blk::Status, the first that was not Ok
  Completion* done_ = nullptr;
};

// An open file. Movable, while nothing is in flight; the volume outlives it. Used by one hart.
class File {
 public:
  // Of a file's entry; nothing in it is checked before the first read. Any context.
  File(BlockReader& reader, Table& table, const Entry& entry);

  u32 size_bytes() const { return size_bytes_; }
  u32 first_cluster() const { return first_cluster_; }
  std::string_view name() const { return name_; }

  // Reads from `offset` until `out` is full or the file ends; how many bytes: fewer than asked at
  // the end of the file alone. Malformed: the chain is broken before that, nothing in `out` counts
  // (what lies before the break can be read); Io, Removed; NoMemory at the first call. Task.
  Result<usize> read(u64 offset, std::span<std::byte> out);

  // Starts a read and completes `done` when all of it has ended; then job.result(). It may be
  // shorter than asked: as far as the job has room for runs; 0 at the end of the file. On an error
  // nothing was started. Waits only for sectors of the table that are not at hand. `out`, `job` and
  // `done` stay until then. Malformed, Io, Removed. Task.
  Result<void> read_async(ReadJob& job, u64 offset, std::span<std::byte> out, Completion& done);

  // Contiguous runs of clusters that hold the file. Walks the whole chain. Malformed where it is
  // shorter than the file, broken or cyclic; Io, Removed. Task.
  Result<u32> count_extents();

 private:
  // Clusters of a run taken at once where a read needs fewer: about what one read of the table
  // brings.
  static constexpr u32 kWalkAhead = 4096;

  u32 clusters_needed() const;
  Result<void> walk_to(u32 clusters);
  Result<Extent> run_at(u32 file_cluster);

  BlockReader* reader_;
  Table* table_;
  u32 size_bytes_;
  u32 first_cluster_;
  Text<80> name_;  // for messages
  ChainWalk walk_;
  ChainWalk::Step stopped_ = ChainWalk::Step::Run;  // otherwise: why the walk goes no further
  ExtentMap map_;                                   // of what was walked
  std::unique_ptr<ReadJob> job_;                    // read()'s, made at its first call
};

}  // namespace sluice::fat
