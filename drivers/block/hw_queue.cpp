// One hardware queue at work: bios in, requests to the driver, and what happens when it is full.
#include <sluice/drivers/block/hw_queue.hpp>

#include <new>
#include <utility>

#include <sluice/drivers/block/disk.hpp>
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
      run_work_(
          [](void* context) {
            auto& queue = *static_cast<HwQueue*>(context);
            queue.posted_.store(0, std::memory_order_relaxed);
            queue.run();
          },
          this),
      retry_timer_([](void* context) { static_cast<HwQueue*>(context)->post_run(); }, this) {}

HwQueue::~HwQueue() {
  retry_timer_.cancel();
  const LockGuard guard(port::this_hart().work_lock);
  run_work_.unlink();  // posted for bios that have ended otherwise meanwhile
}

Result<void> HwQueue::allocate(u32 depth) {
  depth_ = depth;
  requests_.reset(new (std::nothrow) Request[depth]);
  if (requests_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  for (u32 tag = depth; tag-- > 0;) {
    Request& request = requests_[tag];
    request.tag_ = tag;
    request.hw_queue_ = this;
    request.next_free_ = std::exchange(own_free_, &request);
  }
  return {};
}

// --- Tags ---

// A tag is free while its request is in one of two lists: own_free_, of whoever has the queue, who
// alone takes tags; and returned_, where completions push and which is taken as a whole. So neither
// needs a lock, and no request that was seen at the head of returned_ can have gone and come back
// with another behind it.
Request* HwQueue::take_tag() {
  if (own_free_ == nullptr && !take_returned()) [[unlikely]] {
    return nullptr;
  }
  return std::exchange(own_free_, own_free_->next_free_);
}

// Takes what has come back, where own_free_ is empty. False: nothing has.
bool HwQueue::take_returned() {
  if (returned_.load(std::memory_order_relaxed) == &somebody_waits_) {
    return false;
  }
  own_free_ = returned_.exchange(nullptr, std::memory_order_acquire);
  return own_free_ != nullptr;
}

// Frees the tag. True: somebody waits for one, and post_run() is due. The wish to hear of it lies
// in the same word as the tags, so that neither can miss the other. Any context.
bool HwQueue::free_tag(Request& request) {
  request.state_.store(Request::kFree, std::memory_order_relaxed);
  Request* first = returned_.load(std::memory_order_relaxed);
  do {
    request.next_free_ = first == &somebody_waits_ ? nullptr : first;
  } while (!returned_.compare_exchange_weak(first, &request, std::memory_order_release,
                                            std::memory_order_relaxed));
  return first == &somebody_waits_;
}

u32 HwQueue::in_flight() const {
  u32 used = 0;
  for (u32 tag = 0; tag < depth_; ++tag) {
    used += requests_[tag].state_.load() != Request::kFree ? 1 : 0;
  }
  return used;
}

Request* HwQueue::in_flight_request(u32 tag) {
  if (tag >= depth_) {
    return nullptr;
  }
  Request& request = requests_[tag];
  return request.state_.load(std::memory_order_relaxed) == Request::kStarted ? &request : nullptr;
}

bool HwQueue::uses(const Disk& disk) const {
  for (u32 tag = 0; tag < depth_; ++tag) {
    const Request& request = requests_[tag];
    if (request.state_.load() != Request::kFree && request.disk_ == &disk) {
      return true;
    }
  }
  const auto is_here = [&disk](const List<Bio>& bios) {
    for (const Bio& bio : bios) {
      if (bio.disk_ == &disk) {
        return true;
      }
    }
    return false;
  };
  return is_here(waiting_) || is_here(arrived_);
}

// --- From bios to the driver ---

void HwQueue::submit(List<Bio>& bios) {
  if (take_queue(bios)) {
    pass_on();
  }
}

void HwQueue::run() {
  List<Bio> none;
  submit(none);
}

unsigned HwQueue::poll() {
  const unsigned completed = ops_.poll(*this);
  // A poller may never come to run the work that a completion has posted.
  if (posted_.load(std::memory_order_relaxed) != 0) {
    run();
  }
  return completed;
}

// Adds `bios` to what waits. True: the caller has the queue now. False: somebody has it, and will
// see to them.
bool HwQueue::take_queue(List<Bio>& bios) {
  const LockGuard guard(lock_);
  if (taken_) {
    arrived_.splice_back(bios);
    again_ = true;
    return false;
  }
  taken_ = true;
  waiting_.splice_back(bios);
  return true;
}

// False: something has come meanwhile, and the caller still has the queue.
bool HwQueue::leave_queue() {
  const LockGuard guard(lock_);
  if (again_) {
    again_ = false;
    waiting_.splice_back(arrived_);
    return false;
  }
  taken_ = false;
  return true;
}

void HwQueue::pass_on() {
  do {
    while (!pass_on_waiting()) {
    }
  } while (!leave_queue());
}

// False: a tag came back at the last moment, and more can be passed on.
bool HwQueue::pass_on_waiting() {
  bool untold = false;  // the driver took a request that was not the last: commit_rqs is due
  bool taken = true;
  while (taken) {
    Request* const request = next_request();
    if (request == nullptr) {
      break;
    }
    taken = start(*request, untold);
  }
  if (untold) {
    ops_.commit_rqs(*this);
  }
  return (waiting_.empty() && held_back_.empty()) || wait_for_completion();
}

// The next for the driver; null where nothing waits, or for nothing but a tag. What makes no sense
// ends here.
Request* HwQueue::next_request() {
  if (!held_back_.empty()) [[unlikely]] {
    if (Request* const held = next_held_back(); held != nullptr) {
      return held;
    }
  }
  while (!waiting_.empty()) {
    Bio& bio = waiting_.front();
    Status status = Status::Removed;
    if (!bio.disk_->removed_) [[likely]] {
      status = bio.status;
      if (bio.plan_ != Bio::Plan::EndNow) [[likely]] {
        Request* const request = take_tag();
        if (request == nullptr || RequestBuilder::fill(*request, waiting_, merge_)) [[likely]] {
          return request;
        }
        request->next_free_ = std::exchange(own_free_, request);
        status = Status::Misaligned;
      }
    }
    waiting_.remove(bio);
    bio.end_part(status);
  }
  return nullptr;
}

Request* HwQueue::next_held_back() {
  while (Request* const held = held_back_.pop_front()) {
    if (!held->disk_->removed_) {
      return held;
    }
    held->complete(Status::Removed);
  }
  return nullptr;
}

// False: the driver was too busy.
bool HwQueue::start(Request& request, bool& untold) {
  const bool last = waiting_.empty() && held_back_.empty();
  request.state_.store(Request::kStarted, std::memory_order_relaxed);
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
  return false;
}

// Asks for run() after the next completion, or a moment later where none is to come. False:
// requests have come back meanwhile, so go on.
bool HwQueue::wait_for_completion() {
  Request* const back = returned_.exchange(&somebody_waits_, std::memory_order_acq_rel);
  if (back != nullptr && back != &somebody_waits_) {
    Request* last = back;
    while (last->next_free_ != nullptr) {
      last = last->next_free_;
    }
    last->next_free_ = std::exchange(own_free_, back);
    return false;
  }
  if (!held_back_.empty() && !any_started()) {
    retry_timer_.arm(clock::now_ns() + kRetryNs);
  }
  return true;
}

bool HwQueue::any_started() const {
  for (u32 tag = 0; tag < depth_; ++tag) {
    if (requests_[tag].state_.load(std::memory_order_relaxed) == Request::kStarted) {
      return true;
    }
  }
  return false;
}

// Any context.
void HwQueue::post_run() {
  if (posted_.exchange(1, std::memory_order_relaxed) == 0) {
    post(run_work_);
  }
}

void HwQueue::fail_waiting(Disk& disk, Status status) {
  List<Bio> none;
  if (!take_queue(none)) {
    return;  // who has it goes over everything again, and asks before each request whether the disk
             // is there
  }
  List<Bio> bios;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    Bio& bio = *at++;
    if (bio.disk_ == &disk) {
      waiting_.remove(bio);
      bios.push_back(bio);
    }
  }
  List<Request> requests;
  for (auto at = held_back_.begin(); at != held_back_.end();) {
    Request& request = *at++;
    if (request.disk_ == &disk) {
      held_back_.remove(request);
      requests.push_back(request);
    }
  }
  while (Request* const request = requests.pop_front()) {
    request->complete(status);
  }
  while (Bio* const bio = bios.pop_front()) {
    bio->end_part(status);
  }
  pass_on();
}

}  // namespace sluice::blk
