// Goes through the tree of a FAT volume; see fat_tree.hpp.
#include "fat_tree.hpp"

#include <algorithm>
#include <cstring>

#include "fat_rules.hpp"
#include "tests/port/world.hpp"

namespace sluice::fuzz {
namespace {

constexpr u32 kMostDepth = 5;
constexpr u32 kMostLinks = 300;  // of a chain that are followed one by one

// Of exactly this size, so that ASan sees what is written behind it.
using Buffer = std::unique_ptr<std::byte[]>;
Buffer make_buffer(usize bytes) {
  return std::make_unique_for_overwrite<std::byte[]>(bytes);
}

}  // namespace

// --- Directories ---------------------------------------------------------------------------------

void FatTree::walk() {
  visit(volume_.root(), "", 0);
}

void FatTree::list(const fat::Entry& directory, Entries& entries) {
  Result<fat::Directory> opened = volume_.open_directory(directory);
  if (!opened) {
    return;
  }
  entries.reserve(entries_left_);
  while (entries_left_ > 0) {
    fat::Entry& entry = entries.emplace_back();
    const Result<bool> more = opened->next(entry);
    if (!more || !*more) {
      entries.pop_back();
      return;
    }
    require_entry(entry);
    --entries_left_;
  }
}

// `path` is empty where it is not known, or would lead to an earlier entry of the same name.
void FatTree::visit(const fat::Entry& directory, const std::string& path, u32 depth) {
  Entries entries;
  list(directory, entries);
  budget_.spend(budget_.directory());
  --directories_left_;
  for (const fat::Entry& entry : entries) {
    std::string here;
    if (lookups_left_ > 0 && (!path.empty() || directory.is_root) &&
        first_of_name(entries, entry.name) == &entry) {
      here = path + '/' + std::string(entry.name.view());
      look_up(here, entry);
    }
    if (!entry.is_directory()) {
      try_file(entry);
    } else if (depth < kMostDepth && directories_left_ > 0) {
      visit(entry, here, depth + 1);
    }
    count_down_to_removal();
  }
}

void FatTree::look_up(const std::string& path, const fat::Entry& expected) {
  --lookups_left_;
  const Result<fat::Entry> found = volume_.lookup(path);
  budget_.spend(static_cast<u64>(std::ranges::count(path, '/')) * budget_.directory());
  require(found || faulty(), "what was listed is not found");
  require(!found || same(*found, expected), "a path leads to another entry");
}

void FatTree::count_down_to_removal() {
  if (plan_.gone_after > 0 && --plan_.gone_after == 0) {
    device_.bytes.clear();
    device_.zero_bytes = 0;
  }
}

// --- Files ---------------------------------------------------------------------------------------

bool FatTree::complete() const {
  const fat::Geometry& geometry = volume_.geometry();
  const u64 readable = align_down(device_.disk_bytes(), u64{device_.limits().logical_block_bytes});
  return !faulty() && geometry.cluster_byte(geometry.clusters + 2) <= readable;
}

void FatTree::try_file(const fat::Entry& entry) {
  if (files_left_ == 0) {
    return;
  }
  --files_left_;
  Result<fat::File> opened = volume_.open(entry);
  require(opened.has_value(), "a file does not open");
  const u32 size = opened->size_bytes();
  whole_ = false;
  if (plan_.two_at_once) {
    read_two_at_once(*opened);
    count_extents(*opened);
  } else {
    read(*opened, plan_.offset % (u64{size} + 1), plan_.bytes % kMostBytes);
    count_extents(*opened);
    read(*opened, size - std::min(size, 600u), 1000);
  }
  read(*opened, 0, 700);
}

void FatTree::count_extents(fat::File& file) {
  const u32 cluster_bytes = volume_.geometry().cluster_bytes;
  const u64 clusters = (u64{file.size_bytes()} + cluster_bytes - 1) / cluster_bytes;
  const Result<u32> extents = file.count_extents();
  budget_.spend(budget_.walk());
  whole_ = extents.has_value();
  if (extents) {
    require(clusters <= volume_.geometry().clusters, "a file is longer than its volume");
    require(*extents <= clusters && (*extents > 0) == (clusters > 0),
            "a file has more extents than clusters, or none");
  }
}

void FatTree::read(fat::File& file, u64 offset, usize bytes) {
  const Buffer memory = make_buffer(bytes);
  const std::span buffer(memory.get(), bytes);
  const Result<usize> got = file.read(offset, buffer);
  budget_.spend(budget_.file(bytes));
  if (got) {
    const u64 there = offset < file.size_bytes() ? file.size_bytes() - offset : 0;
    require(*got == std::min<u64>(there, bytes), "a read gives more or less than there is");
    require_contents(file, offset, buffer.first(*got));
  } else {
    require(!whole_ || !complete(), "a read fails, but the file is whole");
  }
}

// The bios of both are in flight together, and end in an order of the disk's.
void FatTree::read_two_at_once(fat::File& file) {
  for (std::unique_ptr<fat::ReadJob>& job : jobs_) {
    if (job == nullptr) {
      Result<std::unique_ptr<fat::ReadJob>> made = volume_.make_read_job();
      require(made.has_value(), "there is no memory for a read");
      job = std::move(*made);
    }
  }
  const std::array<u64, 2> offsets{plan_.offset % (u64{file.size_bytes()} + 1), 0};
  const usize bytes = plan_.bytes % kMostBytes;
  const std::array<Buffer, 2> memory{make_buffer(bytes), make_buffer(bytes)};
  const std::array<std::span<std::byte>, 2> outs{std::span(memory[0].get(), bytes),
                                                 std::span(memory[1].get(), bytes)};
  std::array<Completion, 2> done;
  std::array<bool, 2> started{};
  device_.hold = true;
  for (usize i = 0; i < jobs_.size(); ++i) {
    started[i] = file.read_async(*jobs_[i], offsets[i], outs[i], done[i]).has_value();
  }
  for (usize i = jobs_.size(); i-- > 0;) {
    if (started[i]) {
      done[i].wait();
    }
  }
  device_.hold = false;
  budget_.spend(2 * budget_.file(bytes));
  for (usize i = 0; i < jobs_.size(); ++i) {
    require(started[i] || !whole_ || !complete(), "a read does not start, but the file is whole");
    const Result<usize> got = started[i] ? jobs_[i]->result() : fail(Errc::Io);
    if (got) {
      const u64 there = file.size_bytes() - std::min<u64>(offsets[i], file.size_bytes());
      const u64 wanted = std::min<u64>(there, outs[i].size());
      require(*got <= wanted && (*got > 0) == (wanted > 0), "a read gives more, or nothing");
      require_contents(file, offsets[i], outs[i].first(*got));
    }
  }
}

// Follows the chain link by link, and compares with what stands in its clusters.
void FatTree::require_contents(const fat::File& file, u64 offset,
                               std::span<const std::byte> contents) {
  const fat::Geometry& geometry = volume_.geometry();
  const u64 skipped = offset / geometry.cluster_bytes;
  if (contents.empty() || skipped > kMostLinks || device_.sectors() == 0) {
    return;
  }
  u32 cluster = file.first_cluster();
  u64 skip = offset % geometry.cluster_bytes;
  std::array<std::byte, 512> expected;
  for (u64 index = 0; !contents.empty(); ++index) {
    require(geometry.is_cluster(cluster), "bytes come from beyond the chain");
    if (index >= skipped) {
      while (skip < geometry.cluster_bytes && !contents.empty()) {
        const usize bytes =
            std::min({geometry.cluster_bytes - skip, contents.size(), expected.size()});
        device_.copy(geometry.cluster_byte(cluster) + skip, std::span(expected).first(bytes));
        require(std::memcmp(contents.data(), expected.data(), bytes) == 0,
                "a file has other bytes");
        contents = contents.subspan(bytes);
        skip += bytes;
      }
      skip = 0;
    }
    const Result<fat::Link> link = volume_.table().link(cluster);
    budget_.spend(1);
    if (!link) {
      return;
    }
    cluster = link->kind == fat::Link::Kind::Next ? link->value : 0;
  }
}

}  // namespace sluice::fuzz
