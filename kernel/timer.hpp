// Timers: a function called in irq context once its time has come.
// Used by the request layer's timeouts and by bench; few are armed at a time, so that a sorted list
// serves.
#pragma once

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

// Belongs to the hart that armed it. Embed it; cancel it before it is destroyed (a checked crash
// otherwise).
class Timer : public ListNode<> {
 public:
  using Function = void (*)(void* context);
  Timer(Function function, void* context) : function_(function), context_(context) {}

  // Calls the function at `deadline_ns` of clock::now_ns() or soon after; arming again moves the
  // deadline. Any context.
  void arm(u64 deadline_ns);
  void cancel();
  bool armed() const { return linked(); }

 private:
  friend void run_expired_timers();
  Function function_;
  void* context_;
  u64 deadline_ns_ = 0;
};

// Called by the timer interrupt's handler. Irq.
void run_expired_timers();

}  // namespace sluice
