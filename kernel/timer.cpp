// The timer list of a hart, ordered by deadline; the hart's timer interrupt is set to the first.
#include <sluice/kernel/timer.hpp>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/hart.hpp>

namespace sluice {
namespace {

constexpr u64 kNever = ~u64{0};

}  // namespace

void Timer::arm(u64 deadline_ns) {
  cancel();
  Hart& hart = port::this_hart();
  const LockGuard guard(hart.timer_lock);
  List<Timer>& timers = hart.timers;
  deadline_ns_ = deadline_ns;
  auto position = timers.begin();
  while (position != timers.end() && position->deadline_ns_ <= deadline_ns) {
    ++position;
  }
  timers.insert(position, *this);
  hart_.store(&hart, std::memory_order_release);
  if (&timers.front() == this) {
    port::set_timer(clock::ns_to_ticks(deadline_ns));
  }
}

// Takes it out of the hart's timers, where it is there; an interrupt for the old deadline finds
// nothing expired. True: its function is running there.
bool Timer::take_from(Hart& hart) {
  const LockGuard guard(hart.timer_lock);
  if (hart_.load(std::memory_order_relaxed) == &hart) {
    unlink();
    hart_.store(nullptr, std::memory_order_release);
  }
  return hart.running_timer == this;
}

void Timer::cancel() {
  while (Hart* const hart = hart_.load(std::memory_order_acquire)) {
    take_from(*hart);  // again, where it has fired and was armed elsewhere just before
  }
}

void Timer::cancel_and_wait() {
  for (u32 i = 0; i < hart_count(); ++i) {
    Hart& at = hart(i);
    while (take_from(at) && &at != &port::this_hart()) {
      port::relax();
    }
  }
}

void run_expired_timers() {
  Hart& hart = port::this_hart();
  while (true) {
    Timer::Function function = nullptr;
    void* context = nullptr;
    {
      const LockGuard guard(hart.timer_lock);
      hart.running_timer = nullptr;
      if (hart.timers.empty() || hart.timers.front().deadline_ns_ > clock::now_ns()) {
        port::set_timer(hart.timers.empty() ? kNever
                                            : clock::ns_to_ticks(hart.timers.front().deadline_ns_));
        return;
      }
      Timer& timer = *hart.timers.pop_front();
      timer.hart_.store(nullptr, std::memory_order_release);
      hart.running_timer = &timer;
      function = timer.function_;  // its owner may end it as soon as it is in no list
      context = timer.context_;
    }
    function(context);
  }
}

}  // namespace sluice
