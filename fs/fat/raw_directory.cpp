// The entries of a directory on the disk; see raw_directory.hpp.
#include <sluice/fs/fat/raw_directory.hpp>

#include <algorithm>
#include <new>
#include <utility>

#include <sluice/kernel/log.hpp>

namespace sluice::fat {

namespace {

constexpr RawShortName kDot{'.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
constexpr RawShortName kDotDot{'.', '.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};

}  // namespace

std::array<char, 5> Attributes::text() const {
  return {has(kReadOnly) ? 'r' : '-', has(kHidden) ? 'h' : '-', has(kSystem) ? 's' : '-',
          has(kDirectory) ? 'd' : '-', has(kArchive) ? 'a' : '-'};
}

RawEntry::Kind RawEntry::kind_of_dots() const {
  return name == kDot ? Kind::Dot : name == kDotDot ? Kind::DotDot : Kind::Named;
}

u32 RawEntry::first_cluster(Type type) const {
  const u32 high = type == Type::Fat32 ? u32{first_cluster_high} : 0;
  return high << 16 | first_cluster_low;  // all of it, as Linux does
}

Result<RawDirectory> RawDirectory::open(BlockReader& reader, Table& table, u32 first_cluster,
                                        std::string_view name, u32 most_clusters) {
  const Geometry& geometry = table.geometry();
  RawDirectory directory(reader, table, name);
  if (first_cluster == 0 && geometry.type != Type::Fat32) {
    directory.capacity_ = geometry.root_entries;
    directory.region_byte_ = geometry.root_byte();
    directory.region_left_ = u64{geometry.root_entries} * sizeof(RawEntry);
  } else {
    const u32 clusters = TRY(directory.check_chain(first_cluster, most_clusters));
    directory.capacity_ = clusters * (geometry.cluster_bytes / u32{sizeof(RawEntry)});
    directory.walk_.emplace(table, first_cluster);
    if (clusters == most_clusters) {
      directory.left_ = directory.capacity_;
    }
  }
  directory.window_entries_ = std::min(directory.capacity_, kMaxWindowEntries);
  directory.window_.reset(new (std::nothrow) RawEntry[directory.window_entries_]);
  if (!directory.window_) {
    return fail(Errc::NoMemory);
  }
  return directory;
}

Result<u32> RawDirectory::check_chain(u32 first_cluster, u32 most_clusters) const {
  const u32 cluster_bytes = table_->geometry().cluster_bytes;
  constexpr u64 kMaxBytes = u64{kMaxEntries} * sizeof(RawEntry);
  const u32 most = static_cast<u32>(std::max<u64>(kMaxBytes / cluster_bytes, 1));
  ChainWalk walk(*table_, first_cluster);
  ChainWalk::Step step = ChainWalk::Step::Run;
  while (step == ChainWalk::Step::Run) {
    if (walk.clusters() == most_clusters) {
      return most_clusters;
    }
    if (walk.clusters() > most) {
      log::error("{}: {}: its chain of clusters is longer than a directory can be ({} bytes)",
                 table_->device_name(), name_.view(), kMaxBytes);
      return fail(Errc::Malformed);
    }
    step = TRY(walk.advance(std::min(most + 1, most_clusters - walk.clusters())));
  }
  // Where it breaks off later, what stands before that can be read.
  if (step == ChainWalk::Step::Cycle || walk.clusters() == 0) {
    log_broken_chain(*table_, name_, walk, step);
    return fail(Errc::Malformed);
  }
  return walk.clusters();
}

// Goes to the next run of clusters: false where there is none.
Result<bool> RawDirectory::next_region() {
  if (!walk_) {
    return false;
  }
  const Geometry& geometry = table_->geometry();
  const ChainWalk::Step step = TRY(walk_->advance());
  switch (step) {
    case ChainWalk::Step::Run:
      region_byte_ = geometry.cluster_byte(walk_->run().cluster);
      region_left_ = u64{walk_->run().count} * geometry.cluster_bytes;
      return true;
    case ChainWalk::Step::End:
      return false;
    case ChainWalk::Step::Broken:
    case ChainWalk::Step::Cycle:
      break;
  }
  log_broken_chain(*table_, name_, *walk_, step);
  return fail(Errc::Malformed);
}

Result<bool> RawDirectory::fill() {
  const u32 left = std::exchange(left_, 0);  // stays so at the end, and after an error
  if (left == 0 || (region_left_ == 0 && !TRY(next_region()))) {
    return false;
  }
  const u32 entries = static_cast<u32>(
      std::min<u64>(region_left_ / sizeof(RawEntry), std::min(window_entries_, left)));
  const std::span<RawEntry> window(window_.get(), entries);
  TRY(reader_->read(region_byte_, std::as_writable_bytes(window)));
  region_byte_ += window.size_bytes();
  region_left_ -= window.size_bytes();
  left_ = left - entries;
  at_ = window.data();
  end_ = at_ + entries;
  return true;
}

bool RawDirectory::end() {
  at_ = end_;
  left_ = 0;
  return false;
}

}  // namespace sluice::fat
