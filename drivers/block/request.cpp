// The end of a request.
#include <sluice/drivers/block/request.hpp>

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {

SegmentRange Request::segments() const {
  const u64 data_bytes = carries_data(op_) ? bytes_ : 0;
  return {first_bio_, start_, data_bytes, disk_->limits().max_segment_bytes};
}

void Request::complete(Status status) {
  SLUICE_ASSERT(state_.load(std::memory_order_relaxed) != kFree);
  Bio* bio = first_bio_;
  Bio* const last = last_bio_;
  // First the tag, so that an end_io that submits finds it; from then on the request may be
  // another's.
  hw_queue_->free_tag(*this);
  while (bio != last) {
    Bio* const next = bio->next_in_request_;  // read before the bio ends: then it is its owner's
    bio->end_part(status);
    bio = next;
  }
  bio->end_part(status);
}

}  // namespace sluice::blk
