// From waiting bios to the driver, and what happens when it is full.
#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/block/merge.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::blk {
namespace {

constexpr u64 kRetryNs = 1'000'000;  // after Busy with nothing in flight

}  // namespace

// --- From bios to the driver: step by step -------------------------------------------------------

// False: a tag came back at the last moment, and more can be passed on.
bool HwQueue::pass_on_waiting() {
  u64 now_ticks = port::ticks();
  bool untold = false;  // the driver took a request that was not the last: commit_rqs is due
  bool taken = true;
  out_of_tags_ = false;
  busy_ = false;
  if (has_detour(kRequeued)) [[unlikely]] {
    collect_requeued();
  }
  while (taken) {
    Request* const request = next_request(now_ticks);
    if (request == nullptr) {
      break;
    }
    taken = start(*request, now_ticks, untold);
  }
  if (untold) {
    ops_.commit_rqs(*this);
  }
  if (!inline_completions_.empty()) {
    inline_completions_.end_all();
    if (out_of_tags_) {
      return false;
    }
  }
  return (!out_of_tags_ && !busy_) || wait_for_completion();
}

// The next for the driver; null where nothing waits, or for nothing but a tag. What makes no sense
// ends here.
Request* HwQueue::next_request(u64& now_ticks) {
  if (!held_back_.empty()) [[unlikely]] {
    if (Request* const held = next_held_back(); held != nullptr) {
      return held;
    }
  }
  if (scheduled() && !waiting_.empty() && waiting_.front().disk_->scheduler_ == nullptr)
      [[unlikely]] {
    ask_schedulers(now_ticks);  // a disk without a scheduler does not starve those that have one
  }
  while (!waiting_.empty() || ask_schedulers(now_ticks)) {
    Bio& bio = waiting_.front();
    if (bio.disk_->gate_.load(std::memory_order_relaxed) != 0 || bio.plan_ == Bio::Plan::EndNow)
        [[unlikely]] {
      turn_away(bio);
      continue;
    }
    Request* const request = tags_.take();
    if (request == nullptr) [[unlikely]] {
      out_of_tags_ = true;
      return nullptr;
    }
    if (RequestBuilder::fill(*request, waiting_, merge_)) [[likely]] {
      if (scheduled()) [[unlikely]] {
        tell_scheduler(*request);
      }
      return request;
    }
    tags_.put_back(*request);
    waiting_.remove(bio);
    bio.end_part(Status::Misaligned);
  }
  return nullptr;
}

[[gnu::noinline]] void HwQueue::tell_scheduler(const Request& request) {
  if (Scheduler* const scheduler = request.disk().scheduler_.get(); scheduler != nullptr) {
    scheduler->started(request);
  }
}

// A bio that does not go to the driver now: its disk is gone or quiesced, or it made no sense.
[[gnu::noinline]] void HwQueue::turn_away(Bio& bio) {
  const u32 gate = bio.disk_->gate_.load(std::memory_order_relaxed);
  waiting_.remove(bio);
  if ((gate & Disk::kRemoved) != 0) {
    bio.end_part(Status::Removed);
  } else if (bio.plan_ == Bio::Plan::EndNow) {
    bio.end_part(bio.status);
  } else {
    parked_.push_back(bio);
  }
}

Request* HwQueue::next_held_back() {
  for (auto at = held_back_.begin(); at != held_back_.end();) {
    Request& request = *at++;
    const u32 gate = request.disk().gate_.load(std::memory_order_relaxed);
    if (gate == 0) {
      held_back_.remove(request);
      return &request;
    }
    if ((gate & Disk::kRemoved) != 0) {
      end_held_back(request);
    }
  }
  return nullptr;
}

// Has the disks' schedulers add to what waits; each disk of the tag set in its turn.
bool HwQueue::ask_schedulers(u64& now_ticks) {
  if (!scheduled()) [[likely]] {
    return false;
  }
  Request* const request = tags_.take();
  if (request == nullptr) {
    out_of_tags_ = true;  // a scheduler orders best at the last moment
    return false;
  }
  tags_.put_back(*request);
  const bool more = tag_set_.dispatch(*this, next_disk_, waiting_);
  now_ticks = port::ticks();  // another hart may have submitted it just now
  return more;
}

// False: the driver was too busy.
inline bool HwQueue::start(Request& request, u64 now_ticks, bool& untold) {
  Disk& disk = request.disk();
  const bool last = waiting_.empty() && held_back_.empty() && !scheduled();
  port::store_relaxed(request.started_ticks_, now_ticks);
  port::store_release(request.state_, u32{Request::kStarted});
  if (!disk.timeouts_.watching()) [[unlikely]] {
    disk.timeouts_.watch();
  }
  const QueueResult result = ops_.queue_rq(*this, request, last);
  if (result == QueueResult::Ok) [[likely]] {
    untold = !last;
    return true;
  }
  if (result == QueueResult::Failed) {
    request.complete(Status::IoError);
    return true;
  }
  request.state_.store(Request::kHeldBack, std::memory_order_relaxed);
  held_back_.push_front(request);
  busy_ = true;
  return false;
}

// --- When it is full -----------------------------------------------------------------------------

void HwQueue::hold_back(Request& request) {
  port::store_relaxed(request.state_, u32{Request::kHeldBack});
  held_back_.push_back(request);
}

// Asks for run() after the next completion, or a moment later where none is to come. False:
// requests have come back meanwhile, so go on.
bool HwQueue::wait_for_completion() {
  if (!tags_.wait_for_one()) {
    return false;
  }
  if (busy_ && !any_started()) {
    retry_timer_.arm(clock::now_ns() + kRetryNs);
  }
  return true;
}

bool HwQueue::any_started() const {
  bool any = false;
  for_each_in_flight([&any](const Request&, bool held_back) { any = any || !held_back; });
  return any;
}

// --- Given back ----------------------------------------------------------------------------------

// Any context.
void HwQueue::take_again(Request& request) {
  request.state_.store(Request::kHeldBack, std::memory_order_relaxed);
  {
    const LockGuard guard(requeue_lock_);
    requeued_.push_back(request);
    set_detour(kRequeued, true);
  }
  post_run();
}

void HwQueue::collect_requeued() {
  List<Request> requeued;
  {
    const LockGuard guard(requeue_lock_);
    set_detour(kRequeued, false);
    requeued.splice_back(requeued_);
  }
  requeued.splice_back(held_back_);
  held_back_.splice_back(requeued);
}

// --- For Disk ------------------------------------------------------------------------------------

void HwQueue::end_waiting_of_removed() {
  unpark();
  collect_requeued();
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    Bio& bio = *at++;
    if (bio.disk_->removed()) {
      turn_away(bio);
    }
  }
  for (auto at = held_back_.begin(); at != held_back_.end();) {
    Request& request = *at++;
    if (request.disk().removed()) {
      end_held_back(request);
    }
  }
}

void HwQueue::end_held_back(Request& request) {
  held_back_.remove(request);
  request.state_.store(Request::kStarted, std::memory_order_relaxed);
  request.complete(Status::Removed);
}

void HwQueue::unpark() {
  parked_.splice_back(waiting_);
  waiting_.splice_back(parked_);
}

}  // namespace sluice::blk
