// Work: what an interrupt leaves to be done later, on the same hart, first in first out; and
// Completion, the one thing a task can wait for. Used by drivers and the request layer. Work runs
// where a task waits (or calls run_pending_work), never in the middle of a task's computation, so
// that work and task need no lock against each other on one hart.
#pragma once

#include <atomic>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/list.hpp>

namespace sluice {

// A function to be called once per posting. Embed it in what it works on; it must outlive its
// posting.
class Work : public ListNode<> {
 public:
  using Function = void (*)(void* context);
  Work(Function function, void* context) : function_(function), context_(context) {}

 private:
  friend bool run_pending_work();
  Function function_;
  void* context_;
};

// Posts to this hart; nothing happens where it is posted already. Any context.
void post(Work& work);

// Runs what is posted to this hart until nothing is; true where it ran something. Task only.
bool run_pending_work();

// An event that happens once per reset(). complete() in any context; wait() in task only, elsewhere
// a checked crash.
class Completion {
 public:
  void complete();
  bool done() const { return done_.load(std::memory_order_acquire) != 0; }
  void reset() { done_.store(0, std::memory_order_relaxed); }

  // Runs this hart's work and sleeps until complete() has been called.
  void wait();

 private:
  std::atomic<u32> done_{0};
};

// Runs this hart's work and sleeps until `ready()` holds: the loop beneath every wait. It is asked
// with interrupts off, so that an interrupt that makes it true is never slept over. Task only.
template <class Ready>
void wait_until(Ready ready) {
  SLUICE_ASSERT(port::this_hart().context == Context::Task);
  while (true) {
    run_pending_work();
    const IrqGuard irqs_off;
    if (ready()) {
      return;
    }
    if (port::this_hart().work.empty()) {
      port::idle();
    }
  }
}

}  // namespace sluice
