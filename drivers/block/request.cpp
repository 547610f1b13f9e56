// A request's memory, and its end or second beginning.
#include <sluice/drivers/block/request.hpp>

#include <sluice/drivers/block/completion_batch.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/hw_queue.hpp>

namespace sluice::blk {

SegmentRange Request::segments() const {
  if (segment_count_ == 1) {
    return SegmentRange(only_segment());
  }
  return {first_bio_, start_, segment_count_ == 0 ? 0 : bytes(), disk().limits().max_segment_bytes};
}

void Request::complete(Status status) {
  CompletionBatch batch(*hw_queue_);
  batch.add(*this, status);
}

void Request::requeue() {
  SLUICE_ASSERT(state_.load(std::memory_order_relaxed) == kStarted);
  HwQueue& queue = *hw_queue_;
  queue.begin_ending();
  queue.take_again(*this);
  queue.finish_ending();
}

}  // namespace sluice::blk
