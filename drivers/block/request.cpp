// The end of a request.
#include <sluice/drivers/block/request.hpp>

#include <sluice/drivers/block/hw_queue.hpp>

namespace sluice::blk {

// The one bio of a request that nobody waits for, which is most of them, ends without a stack
// frame.
void Request::complete(Status status) {
  SLUICE_ASSERT(state_.load(std::memory_order_relaxed) != kFree);
  Bio* const first = first_bio_;
  Bio* const last = last_bio_;
  HwQueue& queue = *hw_queue_;
  // First the tag, so that an end_io that submits finds it; from then on the request may be
  // another's.
  const bool somebody_waits = queue.free_tag(*this);
  if (somebody_waits || first != last) [[unlikely]] {
    end_bios(first, last, status, somebody_waits ? &queue : nullptr);
  } else {
    first->end_part(status);
  }
}

void Request::end_bios(Bio* bio, Bio* last, Status status, HwQueue* to_run) {
  if (to_run != nullptr) {
    to_run->post_run();
  }
  while (bio != last) {
    Bio* const next = bio->next_in_request_;  // read before the bio ends: then it is its owner's
    bio->end_part(status);
    bio = next;
  }
  last->end_part(status);
}

}  // namespace sluice::blk
