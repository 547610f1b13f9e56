// The end of requests.
#include <sluice/drivers/block/completion_batch.hpp>

#include <utility>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/block/tag_set.hpp>

namespace sluice::blk {
namespace {

// Latencies of one bucket.
struct Bucket {
  u32 index;
  u64 least;
  u64 width;
};

Bucket bucket_of(u64 ticks) {
  const u32 index = latency_bucket(ticks);
  if (index == 0) {
    return {0, 0, 1};
  }
  const u64 least = u64{1} << (index - 1);
  return {index, least, index == kLatencyBuckets - 1 ? ~u64{0} : least};
}

}  // namespace

// Three walks over the chain: those that failed, the sums of what there is to count, and the ends
// of the bios, which nothing else is mixed with: so that each has all that it needs in registers.
// The bios end before the tags are free, and ending_ says meanwhile that we still look at them.
void CompletionBatch::end_chain() {
  HwQueue& queue = queue_;
  queue.begin_ending();
  const u64 now_ticks = port::ticks();
  *tail_ = nullptr;
  if (failed_ != 0) [[unlikely]] {
    sort_out_failed();
  }
  if (first_ != nullptr) [[likely]] {
    count_all(now_ticks);
    const bool unblocked = queue.scheduled() && tell_schedulers(now_ticks);
    end_bios();
    if (unblocked) {
      queue.tag_set().post_run_all();
    }
  }
  queue.finish_ending();
}

// Sums up requests as long as disk, operation and bucket of latency stay the same.
inline void CompletionBatch::count_all(u64 now_ticks) {
  const Request* request = first_;
  while (request != nullptr) {
    Disk& disk = request->disk();
    const Op op = request->op_;
    const Bucket bucket = bucket_of(now_ticks - request->submitted_ticks());
    Statistics::Ended ended;
    do {
      const u64 submitted = request->submitted_ticks();
      const u64 started = request->started_ticks();
      ++ended.requests;
      ended.bytes += request->bytes_;
      ended.queue_ticks += started - submitted;
      ended.device_ticks -= started;
      request = request->next_;
    } while (request != nullptr && &request->disk() == &disk && request->op_ == op &&
             now_ticks - request->submitted_ticks() - bucket.least < bucket.width);
    ended.device_ticks += ended.requests * now_ticks;
    disk.statistics(queue_.index()).add(direction_of(op), ended, bucket.index);
  }
}

// Ends the bios and gives the tags back.
inline void CompletionBatch::end_bios() {
  Request* const first = std::exchange(first_, nullptr);
  tail_ = &first_;  // an end_io may begin anew
  Request* last = nullptr;
  for (Request* request = first; request != nullptr; request = request->next_) {
    last = request;
    Bio* const bio = request->first_bio_;
    port::store_release(request->state_, u32{Request::kFree});
    if (bio == request->last_bio_) [[likely]] {
      bio->end_part(request->status_);
    } else {
      end_several(bio, request->last_bio_, request->status_);
    }
  }
  if (queue_.tags_.give_back(*first, *last)) [[unlikely]] {
    queue_.post_run();
  }
}

void CompletionBatch::end_several(Bio* bio, Bio* last, Status status) {
  while (bio != last) {
    Bio* const next = bio->next_in_request_;  // read before the bio ends: then it is its owner's
    bio->end_part(status);
    bio = next;
  }
  last->end_part(status);
}

// Takes those out that go to the driver once more, and counts the errors of the others.
[[gnu::noinline]] void CompletionBatch::sort_out_failed() {
  failed_ = 0;
  tail_ = &first_;
  Request* request = first_;
  while (request != nullptr) {
    Request* const next = request->next_;
    if (request->status_ == Status::Ok || !try_again(*request)) {
      append(*request);
    }
    request = next;
  }
  *tail_ = nullptr;
}

bool CompletionBatch::try_again(Request& request) {
  if (request.status_ == Status::Transient) {
    if (request.retries_ < Request::kRetries && !request.disk().removed()) {
      ++request.retries_;
      queue_.give_back(request);
      return true;
    }
    request.status_ = Status::IoError;
  }
  request.disk().statistics(queue_.index()).add_error(direction_of(request.op_));
  return false;
}

[[gnu::noinline]] bool CompletionBatch::tell_schedulers(u64 now_ticks) {
  bool unblocked = false;
  for (const Request* request = first_; request != nullptr; request = request->next_) {
    if (Scheduler* const scheduler = request->disk().scheduler_.get(); scheduler != nullptr) {
      unblocked = scheduler->ended(*request, now_ticks) || unblocked;
    }
  }
  return unblocked;
}

}  // namespace sluice::blk
