// Looking for requests that take too long.
#include <sluice/drivers/block/timeout.hpp>

#include <algorithm>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

constexpr u64 kNone = ~u64{0};

}  // namespace

TimeoutWatch::TimeoutWatch(Disk& disk, u64 timeout_ns)
    : disk_(disk),
      timeout_ns_(timeout_ns),
      timeout_ticks_(clock::ns_to_ticks(timeout_ns)),
      watching_(timeout_ns == 0 ? 1 : 0),
      timer_([](void* watch) { post(static_cast<TimeoutWatch*>(watch)->work_); }, this),
      work_([](void* watch) { static_cast<TimeoutWatch*>(watch)->look(); }, this) {}

TimeoutWatch::~TimeoutWatch() {
  // Twice: a look that began before the last request ended may arm the timer once more.
  for (u32 round = 0; round < 2; ++round) {
    timer_.cancel_and_wait();
    cancel_and_wait(work_);
  }
}

void TimeoutWatch::watch() {
  if (watching_.exchange(1, std::memory_order_relaxed) == 0) {
    timer_.arm(clock::now_ns() + timeout_ns_);
  }
}

// Work. Where nothing is in flight any more, the next start has to arm the timer: who has a queue
// right now may not have seen that yet, so that after them we look once more.
void TimeoutWatch::look() {
  const u64 now = port::ticks();
  u64 next = kNone;
  for (HwQueue* queue : disk_.tag_set().hw_queues()) {
    next = std::min(next, ask_about(*queue, now));
  }
  if (next == kNone && !disk_.removed()) {
    watching_.store(0, std::memory_order_relaxed);
    for (HwQueue* queue : disk_.tag_set().hw_queues()) {
      const HwQueue::Hold barrier(*queue);
    }
    for (HwQueue* queue : disk_.tag_set().hw_queues()) {
      next = std::min(next, ask_about(*queue, now));
    }
    if (next != kNone && watching_.exchange(1, std::memory_order_relaxed) != 0) {
      next = kNone;  // the timer was armed meanwhile
    }
  }
  if (next != kNone) {
    timer_.arm(clock::ticks_to_ns(next));
  }
}

// When the first of those in flight will have taken too long; kNone: there are none.
u64 TimeoutWatch::ask_about(HwQueue& queue, u64 now_ticks) {
  u64 next = kNone;
  queue.for_each_in_flight([&](Request& request, bool held_back) {
    if (held_back || &request.disk() != &disk_) {
      return;
    }
    u64 due = std::max(request.started_ticks() + timeout_ticks_,
                       request.excused_until_ticks_.load(std::memory_order_relaxed));
    if (due <= now_ticks) {
      log::warning("{}: {} of sector {} (queue {}, tag {}) has taken {} ms", disk_.name(),
                   to_string(request.op()), request.sector(), queue.index(), request.tag(),
                   clock::ticks_to_ns(now_ticks - request.started_ticks()) / 1'000'000);
      due = now_ticks + timeout_ticks_;
      port::store_relaxed(request.excused_until_ticks_, due);
      if (queue.tag_set().ops().timeout(queue, request) == TimeoutResult::Fail) {
        request.complete(Status::TimedOut);
        return;
      }
    }
    next = std::min(next, due);
  });
  return next;
}

}  // namespace sluice::blk
