// Tags: the requests of a hardware queue, of which each owns a tag, and which of them are free
// (Linux: blk_mq_tags). Used by HwQueue. No lock: a free tag is in one of two lists, `own_`, of
// whoever has the queue, who alone takes tags; and `returned_`, where completions push and which is
// taken as a whole. So no request that was seen at the head of returned_ can have gone and come
// back with another behind it.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <sluice/drivers/block/request.hpp>

namespace sluice::blk {

class Tags {
 public:
  Result<void> allocate(HwQueue& queue, u32 depth);

  u32 depth() const { return depth_; }
  // `tag` is below depth().
  Request& operator[](usize tag) const { return requests_[tag]; }
  std::span<Request> all() const { return {requests_.get(), depth_}; }
  void set_payload(u32 tag, void* payload) { requests_[tag].payload_ = payload; }

  // --- Whoever has the queue ---
  // Is no tag free?
  bool empty() { return own_ == nullptr && !take_returned(); }
  // empty() was false.
  Request& take_own() { return *std::exchange(own_, own_->next_); }
  // Null: none is free.
  Request* take() { return empty() ? nullptr : &take_own(); }
  void put_back(Request& request) { request.next_ = std::exchange(own_, &request); }
  // Asks give_back() to tell of the next that it gives. False: some have come back since take()
  // said that there are none.
  bool wait_for_one();

  // --- Any context ---
  // Gives back requests, chained by next_ from `first` to `last`. True: somebody waits for one.
  bool give_back(Request& first, Request& last);

 private:
  bool take_returned();

  Request* own_ = nullptr;
  std::atomic<Request*> returned_{nullptr};
  Request somebody_waits_;  // at the end of returned_: the wish to hear of the next lies in the
                            // same word as the tags, so that neither can miss the other
  std::unique_ptr<Request[]> requests_;
  u32 depth_ = 0;
};

}  // namespace sluice::blk
