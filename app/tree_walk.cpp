// The walk over a tree of directories.
#include "tree_walk.hpp"

#include "command.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace sluice::app {

struct TreeWalk::Level {
  Level(fat::Directory&& opened, usize bytes) : directory(std::move(opened)), path_bytes(bytes) {}
  fat::Directory directory;
  usize path_bytes;  // of the directory around this one, with its slash
  std::unique_ptr<Level> around;
};

TreeWalk::TreeWalk(fat::Volume& volume) : volume_(&volume) {}

TreeWalk::~TreeWalk() {
  while (level_ != nullptr) {
    leave();
  }
}

Result<void> TreeWalk::begin(const fat::Entry& directory) {
  return enter(directory);
}

Result<void> TreeWalk::enter(const fat::Entry& directory) {
  Result<fat::Directory> opened = volume_->open_directory(directory);
  if (!opened) {
    return fail(opened.error());
  }
  auto level =
      std::unique_ptr<Level>(new (std::nothrow) Level(std::move(*opened), directory_path_bytes_));
  // The list of what was entered stays sorted; directories mostly lie in ascending order, so that
  // little is moved.
  if (level == nullptr || !entered_.push_back(0)) {
    return fail(Errc::NoMemory);
  }
  const std::span<u32> all = entered_.items();
  const auto place = std::upper_bound(all.begin(), all.end() - 1, directory.first_cluster);
  std::move_backward(place, all.end() - 1, all.end());
  *place = directory.first_cluster;

  entries_ += level->directory.capacity();
  level->around = std::move(level_);
  level_ = std::move(level);
  directory_path_bytes_ = path_.count();
  ++depth_;
  return {};
}

void TreeWalk::leave() {
  path_.truncate(level_->path_bytes);
  directory_path_bytes_ = level_->path_bytes;
  level_ = std::move(level_->around);
  --depth_;
}

TreeWalk::Step TreeWalk::fail_here(std::string_view reason) {
  reason_ = reason;
  return Step::Failed;
}

TreeWalk::Step TreeWalk::next() {
  if (std::exchange(leave_next_, false)) {
    leave();
  }
  if (std::exchange(enter_next_, false)) {
    const std::span<const u32> entered = entered_.items();
    if (depth_ == kMaxDepth) {
      return fail_here("directories are nested too deeply");
    }
    if (std::binary_search(entered.begin(), entered.end(), entry_.first_cluster)) {
      return fail_here("a directory that was listed already: the volume is corrupt");
    }
    if (entries_ > volume_->geometry().most_entries()) {
      return fail_here("directories share their clusters: the volume is corrupt");
    }
    if (!path_.push_back('/')) {
      return fail_here(to_string(Errc::NoMemory));
    }
    const Result<void> done = enter(entry_);
    if (!done) {
      path_.truncate(path_.count() - 1);
      return fail_here(in_words(done.error()));
    }
  }
  while (level_ != nullptr) {
    path_.truncate(directory_path_bytes_);
    const Result<bool> found = level_->directory.next(entry_);
    if (!found) {
      path_.truncate(directory_path_bytes_ == 0 ? 0 : directory_path_bytes_ - 1);
      leave_next_ = true;
      return fail_here(in_words(found.error()));
    }
    if (!*found) {
      leave();
      continue;
    }
    const std::string_view name = entry_.name.view();
    if (!path_.append({name.data(), name.size()})) {
      return fail_here(to_string(Errc::NoMemory));
    }
    enter_next_ = entry_.is_directory();
    return Step::Found;
  }
  return Step::End;
}

}  // namespace sluice::app
