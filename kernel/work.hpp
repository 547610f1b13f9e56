// Work: what an interrupt leaves to be done later, first in first out on one hart; Job, a task for
// another hart; and Completion, the one thing a task can wait for. Used by drivers and the request
// layer. Work runs where a task waits (or calls run_pending_work), never in the middle of a task's
// computation, so that work and task need no lock against each other on one hart.
#pragma once

#include <atomic>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/list.hpp>

namespace sluice {

// A function to be called once per posting. Embed it in what it works on; it must outlive its
// posting (cancel() ends that).
class Work : public ListNode<> {
 public:
  using Function = void (*)(void* context);
  Work(Function function, void* context) : function_(function), context_(context) {}

 private:
  friend bool run_pending_work();
  friend void post_to(Hart& hart, Work& work);
  friend bool cancel(Work& work);
  friend void cancel_and_wait(Work& work);
  struct Found {
    bool posted;
    bool running;
  };
  Found take_from(Hart& hart);
  Function function_;
  void* context_;
  std::atomic<Hart*> hart_{nullptr};  // where it is posted; null: nowhere
};

// Posts to a hart, and wakes it; nothing happens where the work is posted already, to whichever
// hart: that run begins after this call. Any context.
void post_to(Hart& hart, Work& work);
// Posts to this hart.
void post(Work& work);
// The work is posted nowhere from now on; it may be running on its hart. True: it was posted, and
// that run does not come. Any context.
bool cancel(Work& work);
// The same, and it is not running on another hart either: then what it works on may go. Nobody
// posts it any more but its own function. Task or work, no lock held that the function takes.
void cancel_and_wait(Work& work);

// Runs what is posted to this hart until nothing is; true where it ran something. Task only.
bool run_pending_work();

// Makes `hart` look again at what it waits for, after a change that it should see; cheap where it
// is awake. Any context.
void wake(Hart& hart);

// An event that happens once per reset(). complete() in any context, on any hart, after which the
// completion is its waiter's again; wait() in task only, elsewhere a checked crash.
class Completion {
 public:
  void complete();
  // Who waits for this otherwise than by wait() is woken on the hart that completes, and no other.
  bool done() const { return state_.load(std::memory_order_acquire) == kDone; }
  void reset() { state_.store(kNobody, std::memory_order_relaxed); }

  // Runs this hart's work and sleeps until complete() has been called. One waiter.
  void wait();

 private:
  // kNobody, kDone, or 2 + the index of the hart that waits: one word, so that complete() touches
  // nothing once the waiter may go on.
  static constexpr u32 kNobody = 0;
  static constexpr u32 kDone = 1;
  static constexpr u32 kFirstHart = 2;
  std::atomic<u32> state_{kNobody};
};

// A function to be called once as a task of another hart: it may wait there.
class Job : public ListNode<> {
 public:
  using Function = void (*)(void* context);
  Job(Function function, void* context) : function_(function), context_(context) {}
  bool done() const { return done_.done(); }
  // Until the function has returned. Task, on another hart than the job's.
  void wait() { done_.wait(); }

 private:
  friend void run_on(Hart& hart, Job& job);
  friend void run_next_job();
  Function function_;
  void* context_;
  Completion done_;
};

// Has `hart` run the job as its task, after those that it was given before. On this hart it runs at
// once; the hart that booted has a task of its own, main, and takes no job from others (a checked
// crash). Task.
void run_on(Hart& hart, Job& job);

// What a hart without a task of its own does over and over: waits for a job, and runs it. Task.
void run_next_job();

// Runs this hart's work and sleeps until `ready()` holds, which it is asked until it does and not
// again: the loop beneath every wait. Before the sleep it is asked with interrupts off, so that an
// interrupt that makes it true is never slept over; another hart that makes it true calls wake().
// Task only, interrupts on.
template <class Ready>
[[gnu::always_inline]] inline void wait_until(Ready ready) {
  Hart& hart = port::this_hart();
  SLUICE_ASSERT(hart.context == Context::Task);
  while (true) {
    if (hart.has_work.load(std::memory_order_relaxed) != 0) [[unlikely]] {
      run_pending_work();
    }
    if (ready()) {
      return;
    }
    const bool irqs_were_on = port::irq_save();
    SLUICE_ASSERT(irqs_were_on);  // else no interrupt would ever end the wait
    // An exchange here and in wake(): of two on one word, one comes first. If it is wake()'s, this
    // one sees it, and with it what was done before; else wake() finds us asleep.
    hart.asleep.exchange(1, std::memory_order_acquire);
    const bool is_ready = ready();
    if (!is_ready && hart.has_work.load(std::memory_order_relaxed) == 0) [[likely]] {
      port::idle();
    }
    hart.asleep.exchange(0, std::memory_order_acquire);
    port::irq_restore(true);
    if (is_ready) [[unlikely]] {
      return;  // not asked again: it may have taken what it waited for
    }
  }
}

}  // namespace sluice
