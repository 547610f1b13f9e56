// Who has a hardware queue, and how bios come to it.
#include <sluice/drivers/block/hw_queue.hpp>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/express_lane.hpp>
#include <sluice/drivers/block/tag_set.hpp>

namespace sluice::blk {
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

}  // namespace sluice::blk
