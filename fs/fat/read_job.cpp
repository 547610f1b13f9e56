// Reads in flight; see read_job.hpp.
#include <sluice/fs/fat/read_job.hpp>

#include <algorithm>
#include <new>

namespace sluice::fat {

Result<std::unique_ptr<ReadJob>> ReadJob::create(const BlockReader& reader,
                                                 const Geometry& geometry) {
  constexpr u32 kMostBounceBytes = 64 * 1024;
  const u32 block_bytes = reader.block_bytes();
  std::unique_ptr<ReadJob> job(new (std::nothrow) ReadJob(reader));
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
    return fail(reader_->error_of(status));
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
    if (job.bounce_blocks_used_ != 0) [[unlikely]] {
      for (RangeRead& run : std::span(job.runs_).first(job.run_count_)) {
        run.finish();
      }
    }
    job.done_->complete();  // the job may be gone now
  }
}

}  // namespace sluice::fat
