// Timers: a function called in irq context once its time has come.
// Used by the request layer's timeouts and by bench; few are armed at a time, so that a sorted list
// serves.
#pragma once

#include <atomic>

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

struct Hart;

// Fires on the hart that armed it. Embed it; cancel it before it is destroyed (a checked crash
// otherwise).
class Timer : public ListNode<> {
 public:
  using Function = void (*)(void* context);
  Timer(Function function, void* context) : function_(function), context_(context) {}

  // Calls the function at `deadline_ns` of clock::now_ns() or soon after, on this hart; arming
  // again moves the deadline. Who arms it on different harts sees to it that they do not at once.
  // Any context.
  void arm(u64 deadline_ns);
  // It does not fire from now on; on another hart its function may be running. Any context.
  void cancel();
  // The same, and its function is not running either: then what it works on may go. Nobody arms it
  // any more but the function itself. Any context in which the function would not wait for the
  // caller: no lock is held that it takes.
  void cancel_and_wait();
  // Any context; what another hart does with it meanwhile may be seen late.
  bool armed() const { return hart_.load(std::memory_order_relaxed) != nullptr; }

 private:
  friend void run_expired_timers();
  bool take_from(Hart& hart);
  Function function_;
  void* context_;
  u64 deadline_ns_ = 0;
  std::atomic<Hart*> hart_{
      nullptr};  // where it is armed: changed under the timer lock of that hart
};

// Called by the timer interrupt's handler. Irq.
void run_expired_timers();

}  // namespace sluice
