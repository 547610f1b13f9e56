// Files: reading at any offset, whole blocks straight into the caller's memory.
// Used by programs, through Volume::open. The chain is walked once, as far as the reads reach; a
// seek to where it was walked is a search in the extent map.
#pragma once

#include <memory>
#include <span>

#include <sluice/fs/fat/directory.hpp>
#include <sluice/fs/fat/extent_map.hpp>
#include <sluice/fs/fat/readahead.hpp>
#include <sluice/fs/fat/table.hpp>

namespace sluice::fat {

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
  // (what lies before the break can be read); Io, Removed; NoMemory at the first call. Who reads in
  // order, less than kMostAheadOf bytes at a time, is read ahead for. Task.
  static constexpr usize kMostAheadOf = 16 * 1024;
  Result<usize> read(u64 offset, std::span<std::byte> out);

  // Starts a read and completes `done` when all of it has ended; then job.result(). It may be
  // shorter than asked: as far as the job has room for runs and the chain is known; 0 at the end of
  // the file. On an error
  // nothing was started. Waits only for sectors of the table that are not at hand. `out`, `job` and
  // `done` stay until then. Malformed, Io, Removed. Task.
  Result<void> read_async(ReadJob& job, u64 offset, std::span<std::byte> out, Completion& done);

  // Is the place one that can be read, as far as is known without walking all of the chain? For
  // Readahead: what nobody has asked for does not bring a cycle to light. Task.
  bool knows(u64 offset);

  // Contiguous runs of clusters that hold the file. Walks the whole chain. Malformed where it is
  // shorter than the file, broken or cyclic; Io, Removed. Task.
  Result<u32> count_extents();

 private:
  // Clusters of a run taken at once where a read needs fewer: about what one read of the table
  // brings.
  static constexpr u32 kWalkAhead = 4096;

  static constexpr usize kAheadBytes = 64 * 1024;  // per piece, of two
  static constexpr u32 kReadsInOrder = 2;          // before it is read ahead

  usize read_ahead(u64 offset, std::span<std::byte> out);
  u32 clusters_needed() const;
  Result<void> walk_to(u32 least, u32 most);
  void take_run(bool is_needed);
  Result<Extent> walk_on(const Extent* kept, u32 file_cluster);

  BlockReader* reader_;
  Table* table_;
  u32 size_bytes_;
  u32 first_cluster_;
  Text<80> name_;  // for messages
  ChainWalk walk_;
  ChainWalk::Step stopped_ = ChainWalk::Step::Run;  // otherwise: why the walk goes no further
  u32 proven_ = 0;                // clusters that can be read: no two are the same
  bool goes_up_ = true;           // the chain, so far,
  u32 highest_ = 0;               // and to there
  ExtentMap map_;                 // of what was walked
  std::unique_ptr<ReadJob> job_;  // read()'s, made at its first call
  u64 read_end_ = 0;              // where read() ended last
  u32 reads_in_order_ = 0;
  std::unique_ptr<Readahead> ahead_;
  std::span<const std::byte> piece_;  // of it: what lies before its offset()
};

}  // namespace sluice::fat
