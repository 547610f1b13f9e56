// cksum: checksum, size and path of files, or of every file below a directory, sorted by the bytes
// of their paths.
#include <algorithm>

#include "commands.hpp"
#include "crc.hpp"
#include "growing_array.hpp"
#include "tree_walk.hpp"

namespace sluice::app {
namespace {

constexpr usize kBufferBytes = 512 * 1024;

// Sums files with one pair of buffers for each run of files on the same volume.
class Summer {
 public:
  // Prints the line of a file; the reason is returned where there is none.
  Result<void> sum(fat::Volume& volume, const fat::Entry& entry, std::string_view shown) {
    fat::File file = TRY(volume.open(entry));
    if (&volume != volume_) {
      close();
      ahead_ = TRY(volume.make_readahead(kBufferBytes));
      volume_ = &volume;
    }
    ahead_->begin(0);
    PosixCrc crc;
    while (true) {
      const std::span<const std::byte> piece = TRY(ahead_->next(file));
      if (piece.empty()) {
        break;
      }
      crc.add(piece);
    }
    print("{} {} {}\n", crc.value(), crc.bytes(), shown);
    return {};
  }

  // Before volumes come and go.
  void close() {
    volume_ = nullptr;
    ahead_.reset();
  }

 private:
  fat::Volume* volume_ = nullptr;
  std::unique_ptr<fat::Readahead> ahead_;
};

// The files of a tree: their paths in one array, and where each begins.
struct FileList {
  struct File {
    usize path_begin;
    usize path_bytes;
    u32 first_cluster;
    u32 size_bytes;
  };
  GrowingArray<char> paths;
  GrowingArray<File> files;

  bool add(std::string_view path, const fat::Entry& entry) {
    const File file{paths.count(), path.size(), entry.first_cluster, entry.size_bytes};
    return paths.append({path.data(), path.size()}) && files.push_back(file);
  }
  std::string_view path(const File& file) const {
    return {paths.items().data() + file.path_begin, file.path_bytes};
  }
  void sort() {
    std::ranges::sort(files.items(), {}, [this](const File& file) { return path(file); });
  }
};

int collect(const Place& place, std::string_view root, FileList& list) {
  TreeWalk walk(*place.volume);
  if (const Result<void> begun = walk.begin(place.entry); !begun) {
    return failure("cksum", root, in_words(begun.error()));
  }
  int status = kSucceeded;
  while (true) {
    switch (walk.next()) {
      case TreeWalk::Step::Found:
        if (!walk.entry().is_directory() && !list.add(walk.path(), walk.entry())) {
          return failure("cksum", root, to_string(Errc::NoMemory));
        }
        break;
      case TreeWalk::Step::Failed:
        status = failure_below("cksum", root, walk.path(), walk.reason());
        break;
      case TreeWalk::Step::End:
        return status;
    }
  }
}

int sum_tree(const Place& place, std::string_view root) {
  FileList list;
  int status = collect(place, root, list);
  list.sort();
  Summer summer;
  for (const FileList::File& file : list.files.items()) {
    const std::string_view path = list.path(file);
    fat::Entry entry;
    entry.name.append(path.substr(path.rfind('/') + 1));
    entry.first_cluster = file.first_cluster;
    entry.size_bytes = file.size_bytes;
    if (const Result<void> done = summer.sum(*place.volume, entry, path); !done) {
      status = first_failure(status, failure_below("cksum", root, path, in_words(done.error())));
    }
  }
  return status;
}

}  // namespace

int run_cksum(Session& session, Words words) {
  bool recursive = false;
  OptionReader options(words);
  while (options.next()) {
    if (!options.is("r")) {
      return unknown_option("cksum", options);
    }
    recursive = true;
  }
  if (options.operands().empty()) {
    return usage_error("cksum", "a path is needed");
  }
  Summer summer;
  int status = kSucceeded;
  for (const std::string_view path : options.operands()) {
    summer.close();
    Place place;
    int done = find_place(session, "cksum", path, place);
    if (done == kSucceeded && place.entry.is_directory()) {
      done =
          recursive ? sum_tree(place, path) : failure("cksum", path, to_string(Errc::IsADirectory));
    } else if (done == kSucceeded) {
      const Result<void> summed = summer.sum(*place.volume, place.entry, path);
      done = summed ? kSucceeded : failure("cksum", path, in_words(summed.error()));
    }
    status = first_failure(status, done);
  }
  return status;
}

}  // namespace sluice::app
