// A file from its beginning to its end, a large piece at a time, the next piece on its way while
// one is used. Used by cat, cksum and dd.
#pragma once

#include <array>
#include <memory>
#include <span>

#include <sluice/fs/fat/volume.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::app {

class FileStream {
 public:
  // For files of this volume, one after the other, with two buffers of up to `bytes` (a multiple of
  // a page; less where memory is short). NoMemory. Task.
  static Result<std::unique_ptr<FileStream>> create(fat::Volume& volume, usize bytes);
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  ~FileStream() { stop(); }

  // Begins a file, at `offset`. IsADirectory, NoMemory. Task.
  Result<void> open(const fat::Entry& entry, u64 offset = 0);
  // The next piece, valid until the next call; empty at the end of the file. Malformed, Io,
  // Removed: there is no next piece then. Task.
  Result<std::span<const std::byte>> next();

  fat::Volume& volume() const { return *volume_; }

 private:
  struct Slot {
    std::unique_ptr<fat::ReadJob> job;
    Completion done;
    Pages memory;
    u64 offset = 0;
    usize asked_bytes = 0;
    bool active = false;
  };

  explicit FileStream(fat::Volume& volume) : volume_(&volume) {}
  Result<void> start(Slot& slot, u64 offset);
  void wait(Slot& slot);
  void stop();
  void adapt(const Slot& slot, usize bytes);

  fat::Volume* volume_;
  std::optional<fat::File> file_;
  std::array<Slot, 2> slots_;
  u32 current_ = 0;
  u64 offset_ = 0;  // of the next piece
  usize buffer_bytes_ = 0;
  usize ask_bytes_ = 0;  // per read: less than the buffer where the file is fragmented
  u32 whole_reads_ = 0;  // since the last that ended early
};

}  // namespace sluice::app
