// Files; see file.hpp.
#include <sluice/fs/fat/file.hpp>

#include <algorithm>
#include <new>

namespace sluice::fat {

Result<std::unique_ptr<ReadJob>> ReadJob::create(const BlockReader& reader,
                                                 const Geometry& geometry) {
  constexpr u32 kMostBounceBytes = 64 * 1024;
  const u32 block_bytes = reader.block_bytes();
  std::unique_ptr<ReadJob> job(new (std::nothrow) ReadJob);
  if (!job) {
    return fail(Errc::NoMemory);
  }
  // Runs begin and end at sectors of the volume: where these are whole blocks, only the two ends of
  // the read can be ragged.
  job->bounce_blocks_ = block_bytes <= geometry.sector_bytes
                            ? 2
                            : std::clamp(kMostBounceBytes / block_bytes, 2u, 2 * kMaxRuns);
  job->bounce_.reset(new (std::nothrow) std::byte[usize{job->bounce_blocks_} * block_bytes]);
  if (!job->bounce_) {
    return fail(Errc::NoMemory);
  }
  return job;
}

ReadJob::~ReadJob() {
  SLUICE_ASSERT(outstanding_.load(std::memory_order_acquire) == 0);
}

Result<usize> ReadJob::result() const {
  const auto status = static_cast<blk::Status>(failure_.load(std::memory_order_acquire));
  if (status != blk::Status::Ok) {
    return fail(blk::to_errc(status));
  }
  return bytes_;
}

void ReadJob::begin() {
  SLUICE_ASSERT(outstanding_.load(std::memory_order_acquire) == 0);
  run_count_ = 0;
  bounce_blocks_used_ = 0;
  bytes_ = 0;
  failure_.store(static_cast<u32>(blk::Status::Ok), std::memory_order_relaxed);
}

bool ReadJob::add(u64 disk_byte, std::span<std::byte> target, u32 block_bytes) {
  const u32 bounce_blocks = RangeRead::bounce_blocks(disk_byte, target.size(), block_bytes);
  if (run_count_ == kMaxRuns || bounce_blocks > bounce_blocks_ - bounce_blocks_used_) {
    return false;
  }
  std::byte* bounce = bounce_.get() + usize{bounce_blocks_used_} * block_bytes;
  runs_[run_count_].prepare(disk_byte, target, block_bytes, bounce, end_io, this);
  ++run_count_;
  bounce_blocks_used_ += bounce_blocks;
  bytes_ += target.size();
  return true;
}

void ReadJob::submit(blk::BlockDevice& device, Completion& done) {
  if (run_count_ == 0) {
    done.complete();
    return;
  }
  done_ = &done;
  outstanding_.store(run_count_, std::memory_order_release);
  List<blk::Bio> bios;
  for (RangeRead& run : std::span(runs_).first(run_count_)) {
    bios.push_back(run.bio());
  }
  device.submit(bios);
}

void ReadJob::end_io(blk::Bio& bio) {
  ReadJob& job = *static_cast<ReadJob*>(bio.context);
  if (bio.status != blk::Status::Ok) {
    u32 none = static_cast<u32>(blk::Status::Ok);
    job.failure_.compare_exchange_strong(none, static_cast<u32>(bio.status),
                                         std::memory_order_acq_rel);
  }
  if (job.outstanding_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    for (RangeRead& run : std::span(job.runs_).first(job.run_count_)) {
      run.finish();
    }
    job.done_->complete();  // the job may be gone now
  }
}

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

// The run from a cluster of the file on that was walked to already.
Result<Extent> File::run_at(u32 file_cluster) {
  const Extent* kept = map_.at_or_before(file_cluster);
  Extent extent = kept != nullptr ? *kept : Extent{0, first_cluster_, 0};
  if (!extent.contains(file_cluster)) {
    // The map kept only some of the runs: walk on from the one before.
    const u32 from = extent.file_cluster;
    ChainWalk walk(*table_, extent.cluster);
    while (!extent.contains(file_cluster)) {
      if (TRY(walk.advance(walk_.clusters() - from - walk.clusters())) != ChainWalk::Step::Run) {
        return fail(Errc::Malformed);  // the table has changed meanwhile
      }
      extent = {from + walk.index(), walk.run().cluster, walk.run().count};
    }
  }
  const u32 skip = file_cluster - extent.file_cluster;
  return Extent{file_cluster, extent.cluster + skip, extent.count - skip};
}

Result<void> File::read_async(ReadJob& job, u64 offset, std::span<std::byte> out,
                              Completion& done) {
  const Geometry& geometry = table_->geometry();
  job.begin();
  const u64 wanted = offset < size_bytes_ ? std::min<u64>(out.size(), size_bytes_ - offset) : 0;
  if (wanted != 0) {
    TRY(walk_to(static_cast<u32>((offset + wanted - 1) / geometry.cluster_bytes) + 1));
  }
  while (job.bytes_ < wanted) {
    const u64 at = offset + job.bytes_;
    const Extent run = TRY(run_at(static_cast<u32>(at / geometry.cluster_bytes)));
    const u64 skip = at % geometry.cluster_bytes;
    const u64 bytes = std::min(u64{run.count} * geometry.cluster_bytes - skip, wanted - job.bytes_);
    const u64 disk_byte = geometry.cluster_byte(run.cluster) + skip;
    TRY(check_range(reader_->device(), disk_byte, bytes));
    if (!job.add(disk_byte, out.subspan(job.bytes_, bytes), reader_->block_bytes())) {
      break;
    }
  }
  job.submit(reader_->device(), done);
  return {};
}

Result<usize> File::read(u64 offset, std::span<std::byte> out) {
  if (!job_) {
    job_ = TRY(ReadJob::create(*reader_, table_->geometry()));
  }
  usize bytes = 0;
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
  return bytes;
}

Result<u32> File::count_extents() {
  TRY(walk_to(clusters_needed()));
  return map_.runs();
}

}  // namespace sluice::fat
