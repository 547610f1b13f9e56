// One hardware queue at work: bios in, requests to the driver, and what happens when it is full.
#include <sluice/drivers/block/hw_queue.hpp>

#include <utility>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/express_lane.hpp>
#include <sluice/drivers/block/merge.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::blk {
namespace {

constexpr u64 kRetryNs = 1'000'000;  // after Busy with nothing in flight

}  // namespace

HwQueue::HwQueue(TagSet& tag_set, u32 index)
    : tag_set_(tag_set),
      ops_(tag_set.ops()),
      merge_(tag_set.shape().merge),
      index_(index),
      detours_(tag_set.ops().has_queue_rqs() ? 0 : kNoLane),
      run_work_(
          [](void* context) {
            auto& queue = *static_cast<HwQueue*>(context);
            queue.posted_.exchange(0, std::memory_order_acq_rel);
            queue.run();
          },
          this),
      retry_timer_([](void* context) { static_cast<HwQueue*>(context)->post_run(); }, this) {}

// What was posted for bios that have ended otherwise meanwhile is taken back, or over.
HwQueue::~HwQueue() {
  retry_timer_.cancel_and_wait();
  cancel_and_wait(run_work_);
}

QueueType HwQueue::type() const {
  return tag_set_.map().type_of(index_);
}

// --- What there is -------------------------------------------------------------------------------

u32 HwQueue::in_flight() const {
  u32 used = 0;
  for_each_in_flight([&used](const Request&, bool) { ++used; });
  return used;
}

Request* HwQueue::in_flight_request(u32 tag) {
  if (tag >= tags_.depth() ||
      tags_[tag].state_.load(std::memory_order_relaxed) != Request::kStarted) {
    return nullptr;
  }
  return &tags_[tag];
}

bool HwQueue::any_started() const {
  bool any = false;
  for_each_in_flight([&any](const Request&, bool held_back) { any = any || !held_back; });
  return any;
}

bool HwQueue::has_begun(const Disk& disk) const {
  bool begun = false;
  for_each_in_flight(
      [&](const Request& request, bool) { begun = begun || &request.disk() == &disk; });
  return begun;
}

// The requests first, then the batches: a request is ending from when a batch has it, and the batch
// counts from before it is free until after its tag has come back.
bool HwQueue::ends_requests_of(const Disk& disk) const {
  for (const Request& request : tags_.all()) {
    if (request.state_.load(std::memory_order_acquire) == Request::kEnding &&
        &request.disk() == &disk) {
      return true;
    }
  }
  return (ending_.load(std::memory_order_acquire) & kBatches) != 0;
}

bool HwQueue::busy_with(const Disk& disk) {
  const u32 watcher = u32{1} << (kWatcherShift + port::this_hart().index);
  ending_.fetch_or(watcher, std::memory_order_acq_rel);
  bool busy = false;
  for_each_in_flight([&](const Request& request, bool held_back) {
    busy = busy || (!held_back && &request.disk() == &disk);
  });
  return busy || ends_requests_of(disk);
}

void HwQueue::wake_watchers(u32 harts) {
  for (u32 index = 0; harts != 0; ++index, harts >>= 1) {
    if ((harts & 1) != 0) {
      wake(hart(index));
    }
  }
}

void HwQueue::stop_watching() {
  ending_.fetch_and(~(u32{1} << (kWatcherShift + port::this_hart().index)),
                    std::memory_order_relaxed);
}

// --- Who has the queue ---------------------------------------------------------------------------

void HwQueue::submit(List<Bio>& bios) {
  if (!take_queue()) [[unlikely]] {
    leave_bios(bios);
    return;
  }
  if (!scheduled()) [[likely]] {
    waiting_.splice_back(bios);
  } else {
    arrange(bios);
  }
  pass_on();
}

void HwQueue::run() {
  List<Bio> none;
  submit(none);
}

void HwQueue::post_run() {
  // Two exchanges, here and where the work begins: it sees what was done before this, or we see
  // that it has begun, and post it anew.
  if (posted_.exchange(1, std::memory_order_acq_rel) == 0) {
    post(run_work_);
  }
}

unsigned HwQueue::poll() {
  const unsigned completed = ops_.poll(*this);
  // A poller may never come to run the work that a completion has posted.
  if (posted_.load(std::memory_order_relaxed) != 0) {
    run();
  }
  return completed;
}

HwQueue::Hold::Hold(HwQueue& queue) : queue_(queue) {
  while (!queue.take_queue()) {
    port::relax();
  }
}

// Whoever has the queue will see to them, or we do, if it has gone meanwhile.
[[gnu::noinline]] void HwQueue::leave_bios(List<Bio>& bios) {
  const u32 hart = port::this_hart().index;
  {
    SoftwareQueue& own = software_queues_[hart];
    const LockGuard guard(own.lock);
    own.bios.splice_back(bios);
  }
  const u32 before = state_.fetch_or(kTaken | u32{1} << hart, std::memory_order_acq_rel);
  if ((before & kTaken) == 0) {
    pass_on();
  }
}

// False: something has come meanwhile, and the caller still has the queue.
bool HwQueue::leave_queue() {
  u32 taken = kTaken;
  return state_.compare_exchange_strong(taken, 0, std::memory_order_release,
                                        std::memory_order_relaxed);
}

// Takes what other harts, and end_ios, have left.
[[gnu::noinline]] void HwQueue::collect() {
  u32 harts = state_.exchange(kTaken, std::memory_order_acq_rel) & ~kTaken;
  for (u32 hart = 0; harts != 0; ++hart, harts >>= 1) {
    if ((harts & 1) != 0) {
      List<Bio> bios;
      {
        const LockGuard guard(software_queues_[hart].lock);
        bios.splice_back(software_queues_[hart].bios);
      }
      arrange(bios);
    }
  }
}

void HwQueue::set_detour(u32 reason, bool on) {
  if (on) {
    detours_.fetch_or(reason, std::memory_order_relaxed);
  } else {
    detours_.fetch_and(~reason, std::memory_order_relaxed);
  }
}

// Each bio to its disk's scheduler, or into the line.
void HwQueue::arrange(List<Bio>& bios) {
  while (Bio* const bio = bios.pop_front()) {
    Scheduler* const scheduler = bio->disk_->scheduler_.get();
    if (scheduler != nullptr && bio->can_be_scheduled() && !bio->disk_->removed()) {
      List<Bio> one;
      one.push_back(*bio);
      scheduler->insert(*this, one);
    } else {
      waiting_.push_back(*bio);
    }
  }
}

void HwQueue::pass_on() {
  while (true) {
    while (!pass_on_waiting()) {
    }
    if (const bool waiting = !waiting_.empty() || !held_back_.empty();
        waiting != has_detour(kWaiting)) {
      set_detour(kWaiting, waiting);
    }
    if (leave_queue()) [[likely]] {
      return;
    }
    collect();
  }
}

// --- From bios to the driver: the express lane ---------------------------------------------------

// Where nothing waits and nothing is in the way, the driver makes requests of plain bios as it
// takes them: with everything at hand in one loop, that is half of what it is step by step. From
// the first bio on that is anything else, the way is the other one.
void HwQueue::submit_fresh(Disk& disk, const Admission& admission, List<Bio>& bios) {
  const bool taken = take_queue();
  if (taken && (detours_.load(std::memory_order_relaxed) |
                disk.gate_.load(std::memory_order_relaxed)) == 0) [[likely]] {
    if (!disk.timeouts_.watching()) [[unlikely]] {
      disk.timeouts_.watch();
    }
    FreshBios fresh{disk, *this, admission, bios};
    ops_.queue_rqs(*this, fresh);
    inline_completions_.end_all();
    if (bios.empty() && held_back_.empty() && leave_queue()) [[likely]] {
      return;
    }
  }
  submit_step_by_step(disk, admission, bios, taken);
}

[[gnu::noinline]] void HwQueue::submit_step_by_step(Disk& disk, const Admission& admission,
                                                    List<Bio>& bios, bool taken) {
  disk.admit_all(bios, admission);
  if (!taken) {
    leave_bios(bios);
    return;
  }
  arrange(bios);
  pass_on();
}

void HwQueue::hold_back(Request& request) {
  port::store_relaxed(request.state_, u32{Request::kHeldBack});
  held_back_.push_back(request);
}

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

// Any context.
void HwQueue::give_back(Request& request) {
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
