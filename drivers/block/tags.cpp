// Free tags: taken one at a time, given back in chains.
#include <sluice/drivers/block/tags.hpp>

#include <new>
#include <utility>

namespace sluice::blk {

Result<void> Tags::allocate(HwQueue& queue, u32 depth) {
  requests_.reset(new (std::nothrow) Request[depth]);
  if (requests_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  depth_ = depth;
  for (u32 tag = depth; tag-- > 0;) {
    requests_[tag].tag_ = tag;
    requests_[tag].hw_queue_ = &queue;
    put_back(requests_[tag]);
  }
  return {};
}

bool Tags::take_returned() {
  if (returned_.load(std::memory_order_relaxed) == &somebody_waits_) {
    return false;
  }
  own_ = returned_.exchange(nullptr, std::memory_order_acquire);
  return own_ != nullptr;
}

bool Tags::give_back(Request& first, Request& last) {
  Request* before = returned_.load(std::memory_order_relaxed);
  do {
    last.next_ = before == &somebody_waits_ ? nullptr : before;
  } while (!returned_.compare_exchange_weak(before, &first, std::memory_order_release,
                                            std::memory_order_relaxed));
  return before == &somebody_waits_;
}

bool Tags::wait_for_one() {
  Request* const back = returned_.exchange(&somebody_waits_, std::memory_order_acq_rel);
  if (back == nullptr || back == &somebody_waits_) {
    return true;
  }
  Request* last = back;
  while (last->next_ != nullptr) {
    last = last->next_;
  }
  last->next_ = std::exchange(own_, back);
  return false;
}

}  // namespace sluice::blk
