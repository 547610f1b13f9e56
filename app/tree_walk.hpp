// Everything below a directory, depth first, in directory order.
// Used by `ls -R` and `cksum -r`. What the disk says is bounded: at most kMaxDepth directories
// deep, no directory is entered twice, so that directories that contain each other come to an end,
// and none any more once there were more entries than the volume can hold.
#pragma once

#include <memory>
#include <string_view>

#include "growing_array.hpp"

#include <sluice/fs/fat/volume.hpp>

namespace sluice::app {

class TreeWalk {
 public:
  static constexpr u32 kMaxDepth = 128;

  enum class Step : u8 {
    Found,   // entry() and path()
    Failed,  // path() could not be read, or not to its end: see reason(); the walk goes on behind
             // it
    End,
  };

  // The volume outlives the walk.
  explicit TreeWalk(fat::Volume& volume);
  TreeWalk(const TreeWalk&) = delete;
  TreeWalk& operator=(const TreeWalk&) = delete;
  ~TreeWalk();

  // Begins below `directory`. NoMemory, NotADirectory, Malformed, Io, Removed. Task.
  Result<void> begin(const fat::Entry& directory);
  // The next file or directory; a directory comes before what is in it. Task.
  Step next();

  const fat::Entry& entry() const { return entry_; }
  // Relative to where the walk began, without a slash at the end; valid until the next call.
  std::string_view path() const { return {path_.items().data(), path_.count()}; }
  std::string_view reason() const { return reason_; }

 private:
  struct Level;
  Result<void> enter(const fat::Entry& directory);
  void leave();
  Step fail_here(std::string_view reason);

  fat::Volume* volume_;
  std::unique_ptr<Level> level_;  // the innermost; each owns the one around it
  u32 depth_ = 0;
  GrowingArray<char> path_;
  usize directory_path_bytes_ = 0;  // of path_: the innermost directory's, with its slash
  GrowingArray<u32> entered_;       // first clusters of the directories entered so far, ascending
  u64 entries_ = 0;                 // that those have room for
  fat::Entry entry_;
  bool enter_next_ = false;  // entry_ is a directory whose turn has come
  bool leave_next_ = false;  // the innermost directory could not be read on
  std::string_view reason_;
};

}  // namespace sluice::app
