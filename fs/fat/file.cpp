// Files; see file.hpp.
#include <sluice/fs/fat/file.hpp>

#include <algorithm>
#include <cstring>

namespace sluice::fat {

File::File(BlockReader& reader, Table& table, const Entry& entry)
    : reader_(&reader),
      table_(&table),
      size_bytes_(entry.size_bytes),
      first_cluster_(entry.first_cluster),
      name_(entry.name.view()),
      walk_(table, entry.first_cluster) {}

u32 File::clusters_needed() const {
  const u32 cluster_bytes = table_->geometry().cluster_bytes;
  return size_bytes_ / cluster_bytes + (size_bytes_ % cluster_bytes != 0 ? 1 : 0);
}

// Walks on until the map holds the first `clusters` (of those needed). Malformed where the chain
// stops before, or turned out to be a cycle: nobody knows where that was entered wrongly.
Result<void> File::walk_to(u32 clusters) {
  while (walk_.clusters() < clusters && stopped_ == ChainWalk::Step::Run) {
    const u32 walked = walk_.clusters();
    const u32 limit = std::min(std::max(clusters - walked, kWalkAhead), clusters_needed() - walked);
    const ChainWalk::Step step = TRY(walk_.advance(limit));
    if (step == ChainWalk::Step::Run) {
      map_.append({.file_cluster = walk_.index(),
                   .cluster = walk_.run().cluster,
                   .count = walk_.run().count});
    } else {
      stopped_ = step;
      log_broken_chain(*table_, name_, walk_, step);
    }
  }
  if (stopped_ == ChainWalk::Step::Cycle || walk_.clusters() < clusters) {
    return fail(Errc::Malformed);
  }
  return {};
}

// The run that contains a cluster of the file that was walked to already. The map kept only some of
// the runs: from the one before on.
[[gnu::noinline]] Result<Extent> File::walk_on(const Extent* kept, u32 file_cluster) {
  Extent extent = kept != nullptr ? *kept : Extent{0, first_cluster_, 0};
  const u32 from = extent.file_cluster;
  ChainWalk walk(*table_, extent.cluster);
  while (!extent.contains(file_cluster)) {
    if (TRY(walk.advance(walk_.clusters() - from - walk.clusters())) != ChainWalk::Step::Run) {
      return fail(Errc::Malformed);  // the table has changed meanwhile
    }
    extent = {from + walk.index(), walk.run().cluster, walk.run().count};
  }
  return extent;
}

Result<void> File::read_async(ReadJob& job, u64 offset, std::span<std::byte> out,
                              Completion& done) {
  const Geometry& geometry = table_->geometry();
  job.begin();
  const u64 wanted = offset < size_bytes_ ? std::min<u64>(out.size(), size_bytes_ - offset) : 0;
  if (wanted != 0) {
    const u32 clusters = static_cast<u32>((offset + wanted - 1) / geometry.cluster_bytes) + 1;
    if (walk_.clusters() < clusters || stopped_ != ChainWalk::Step::Run) [[unlikely]] {
      TRY(walk_to(clusters));
    }
  }
  while (job.bytes_ < wanted) {
    const u64 at = offset + job.bytes_;
    const u32 file_cluster = static_cast<u32>(at / geometry.cluster_bytes);
    const Extent* const kept = map_.at_or_before(file_cluster);
    const bool is_kept = kept != nullptr && kept->contains(file_cluster);
    const Extent run = (is_kept ? *kept : TRY(walk_on(kept, file_cluster))).from(file_cluster);
    const u64 skip = at % geometry.cluster_bytes;
    const u64 bytes = std::min(u64{run.count} * geometry.cluster_bytes - skip, wanted - job.bytes_);
    const u64 disk_byte = geometry.cluster_byte(run.cluster) + skip;
    if (!reader_->holds(disk_byte, bytes)) {
      return fail(reader_->beyond_end());
    }
    if (!job.add(disk_byte, out.subspan(job.bytes_, bytes), reader_->block_bytes())) {
      break;
    }
  }
  job.submit(reader_->device(), done);
  return {};
}

Result<usize> File::read(u64 offset, std::span<std::byte> out) {
  reads_in_order_ = offset == read_end_ && out.size() < kMostAheadOf ? reads_in_order_ + 1 : 0;
  usize bytes = reads_in_order_ > kReadsInOrder ? read_ahead(offset, out) : 0;
  if (!job_ && bytes < out.size()) {
    job_ = TRY(ReadJob::create(*reader_, table_->geometry()));
  }
  while (bytes < out.size()) {
    Completion done;
    TRY(read_async(*job_, offset + bytes, out.subspan(bytes), done));
    done.wait();
    const usize more = TRY(job_->result());
    if (more == 0) {
      break;
    }
    bytes += more;
  }
  read_end_ = offset + bytes;
  return bytes;
}

// How many bytes it could give: all, or as far as the file goes. Where that failed, the place is
// read once more, without readahead, and what is wrong comes to light.
usize File::read_ahead(u64 offset, std::span<std::byte> out) {
  if (!ahead_) {
    Result<std::unique_ptr<Readahead>> made =
        Readahead::create(*reader_, table_->geometry(), kAheadBytes);
    if (!made) {
      return 0;
    }
    ahead_ = std::move(*made);
  }
  usize bytes = 0;
  while (bytes < out.size()) {
    const u64 at = offset + bytes;
    if (const u64 piece_end = ahead_->offset(); at >= piece_end || piece_end - at > piece_.size()) {
      if (at != piece_end) {
        ahead_->begin(at);
      }
      piece_ = {};
      const Result<std::span<const std::byte>> next = ahead_->next(*this);
      if (!next || next->empty()) {
        reads_in_order_ = 0;
        break;
      }
      piece_ = *next;
    }
    const std::span<const std::byte> here = piece_.last(ahead_->offset() - at);
    const usize count = std::min(here.size(), out.size() - bytes);
    std::memcpy(out.data() + bytes, here.data(), count);
    bytes += count;
  }
  return bytes;
}

Result<u32> File::count_extents() {
  TRY(walk_to(clusters_needed()));
  return map_.runs();
}

}  // namespace sluice::fat
