// The end of requests.
#include <sluice/drivers/block/completion_batch.hpp>

#include <utility>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/block/tag_set.hpp>

namespace sluice::blk {
namespace {

// When requests were submitted whose latency, now that they end, is in one bucket: so many ticks of
// the clock, from `first` on. None is said to be in bucket 0.
struct Submissions {
  Submissions(u32 bucket, u64 now_ticks)
      : ticks((u64{1} << bucket) / 2), first(now_ticks + 1 - 2 * ticks) {}
  bool has(u64 submitted) const { return submitted - first < ticks; }

  u64 ticks;
  u64 first;
};

}  // namespace

// Three walks over the chain: those that failed, the sums of what there is to count, and the ends
// of the bios, which nothing else is mixed with: so that each has all that it needs in registers.
// The bios end before the tags are free, and ending_ says meanwhile that we still look at them.
void CompletionBatch::end_chain() {
  HwQueue& queue = queue_;
  queue.begin_ending();
  const u64 now_ticks = port::ticks();
  *tail_ = nullptr;
  if (failed_) [[unlikely]] {
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

// Sums up requests as long as disk, operation and bucket of latency stay the same. No call on the
// way, so that all registers are the loop's.
inline void CompletionBatch::count_all(u64 now_ticks) const {
  const Request* request = first_;
  u32 bucket = queue_.last_bucket_.load(std::memory_order_relaxed);
  do {
    Disk& disk = request->disk();
    const u32 op_and_flags = request->op_and_flags_;
    u64 submitted = request->submitted_ticks();
    Submissions alike(bucket, now_ticks);
    if (!alike.has(submitted)) [[unlikely]] {
      bucket = latency_bucket(now_ticks - submitted, bucket);
      alike = Submissions(bucket, now_ticks);
    }
    u64 requests = 0;
    u64 bytes = 0;
    u64 all_submitted = 0;
    u64 all_started = 0;
    do {
      ++requests;
      bytes += request->bytes_;
      all_submitted += submitted;
      all_started += request->started_ticks();
      request = request->next_;
      if (request == nullptr) {
        break;
      }
      submitted = request->submitted_ticks();
    } while (&request->disk() == &disk && request->op_and_flags_ == op_and_flags &&
             alike.has(submitted));
    disk.statistics(queue_.index())
        .add(static_cast<Op>(op_and_flags & 0xff),
             {requests, bytes, all_started - all_submitted, requests * now_ticks - all_started},
             bucket);
  } while (request != nullptr);
  port::store_relaxed(queue_.last_bucket_, bucket);
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

[[gnu::noinline]] void CompletionBatch::end_several(Bio* bio, Bio* last, Status status) {
  while (bio != last) {
    Bio* const next = bio->next_in_request_;  // read before the bio ends: then it is its owner's
    bio->end_part(status);
    bio = next;
  }
  last->end_part(status);
}

// Takes those out that go to the driver once more, and counts the errors of the others.
[[gnu::noinline]] void CompletionBatch::sort_out_failed() {
  failed_ = false;
  tail_ = &first_;
  Request* request = first_;
  while (request != nullptr) {
    Request* const next = request->next_;
    if (request->status_ == Status::Ok || !try_again(*request)) {
      *tail_ = request;
      tail_ = &request->next_;
    }
    request = next;
  }
  *tail_ = nullptr;
}

bool CompletionBatch::try_again(Request& request) {
  if (request.status_ == Status::Transient) {
    if (request.retries_ < Request::kRetries && !request.disk().removed()) {
      ++request.retries_;
      request.status_ = Status::Ok;
      queue_.take_again(request);
      return true;
    }
    request.status_ = Status::IoError;
  }
  request.disk().statistics(queue_.index()).add_error(request.op());
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
