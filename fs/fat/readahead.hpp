// Reading a file from one place to its end, a large piece at a time, the next piece on its way
// while one is used.
// Used by programs that read all of a file, and by File::read for those who read it bit by bit.
#pragma once

#include <array>
#include <memory>
#include <span>

#include <sluice/fs/fat/read_job.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::fat {

class File;

class Readahead {
 public:
  // For files of the volume of this geometry, one after the other, with two buffers of up to
  // `bytes` (a multiple of a page; less where memory is short). NoMemory. Task.
  static Result<std::unique_ptr<Readahead>> create(const BlockReader& reader,
                                                   const Geometry& geometry, usize bytes);
  Readahead(const Readahead&) = delete;
  Readahead& operator=(const Readahead&) = delete;
  ~Readahead() { stop(); }

  // The next piece is from `offset` on, and may be another file's. Task.
  void begin(u64 offset);
  // The next piece of the file, valid until the next call; empty at the end of the file. Malformed,
  // Io, Removed: it is to be begun again then. Task.
  Result<std::span<const std::byte>> next(File& file);
  u64 offset() const { return offset_; }  // of the next piece

 private:
  struct Slot {
    std::unique_ptr<ReadJob> job;
    Completion done;
    Pages memory;
    u64 offset = 0;
    usize asked_bytes = 0;
    bool active = false;
  };

  Readahead() = default;
  Result<void> start(Slot& slot, File& file, u64 offset);
  void wait(Slot& slot);
  void stop();
  void adapt(const Slot& slot, usize bytes);

  std::array<Slot, 2> slots_;
  u32 current_ = 0;
  u64 offset_ = 0;
  usize buffer_bytes_ = 0;
  usize ask_bytes_ = 0;  // per read: less than the buffer where the file is fragmented
  u32 whole_reads_ = 0;  // since the last that ended early
};

}  // namespace sluice::fat
