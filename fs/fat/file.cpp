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

// Walks on until the first `most` clusters (of those needed) are proven: no two of them are the
// same. As long as a chain only goes up it cannot come back to itself; from where it goes down on,
// it is walked to its end first, else the same bytes might be given twice. That waits for as long
// as the first `least` are. Malformed where there are not so many, or it turned out to be a cycle:
// nobody knows where that was entered wrongly.
Result<void> File::walk_to(u32 least, u32 most) {
  const u32 needed = clusters_needed();
  while (stopped_ == ChainWalk::Step::Run && proven_ < (goes_up_ ? most : least)) {
    const u32 walked = walk_.clusters();
    const u32 limit =
        walked < needed ? std::min(std::max(most - proven_, kWalkAhead), needed - walked) : ~0u;
    stopped_ = TRY(walk_.advance(limit));
    if (stopped_ == ChainWalk::Step::Run) {
      take_run(walked < needed);
    }
    if (stopped_ != ChainWalk::Step::Run) {
      proven_ = stopped_ == ChainWalk::Step::Cycle ? 0 : walk_.clusters();
      if (stopped_ != ChainWalk::Step::End || proven_ < needed) {
        log_broken_chain(*table_, name_, walk_, stopped_);
      }
    }
  }
  return proven_ >= least ? Result<void>{} : fail(Errc::Malformed);
}

bool File::knows(u64 offset) {
  const u32 clusters = static_cast<u32>(offset / table_->geometry().cluster_bytes) + 1;
  return (clusters <= proven_ || walk_to(0, clusters)) && clusters <= proven_;
}

void File::take_run(bool is_needed) {
  const Run& run = walk_.run();
  if (is_needed) {
    map_.append({.file_cluster = walk_.index(), .cluster = run.cluster, .count = run.count});
  }
  if (walk_.clusters() > table_->geometry().clusters) {
    stopped_ = ChainWalk::Step::Cycle;  // there are not so many
  }
  goes_up_ = goes_up_ && run.cluster > highest_;
  highest_ = run.cluster + run.count - 1;
  if (goes_up_) {
    proven_ = walk_.clusters();
  }
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
  u64 wanted = offset < size_bytes_ ? std::min<u64>(out.size(), size_bytes_ - offset) : 0;
  if (wanted != 0) {
    const u32 clusters = static_cast<u32>((offset + wanted - 1) / geometry.cluster_bytes) + 1;
    if (clusters > proven_) [[unlikely]] {
      TRY(walk_to(static_cast<u32>(offset / geometry.cluster_bytes) + 1, clusters));
      wanted = std::min(wanted, u64{proven_} * geometry.cluster_bytes - offset);
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
  TRY(walk_to(clusters_needed(), clusters_needed()));
  return map_.runs();
}

}  // namespace sluice::fat
