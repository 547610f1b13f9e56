// A hart's own block: what it is, what it is doing, and the work, jobs and timers that are its own.
// On the target `tp` points to it from the first instruction; on the host a test sets it. There is
// no other "current" state. Fields are written by their own hart alone unless said otherwise.
#pragma once

#include <atomic>

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

class Job;
class Timer;
class Work;

inline constexpr u32 kMaxHarts = 8;

// Who runs (docs/architecture.md, "Who runs"): what is allowed depends on it.
enum class Context : u8 { Task, Work, Irq };

struct Hart {
  u64 id = 0;     // mhartid, as the device tree calls it; not 0…n−1
  u32 index = 0;  // 0…n−1 in the order of start
  Context context = Context::Task;
  u64 interrupts = 0;  // timers' and other harts'; external ones are counted by source

  // Is it about to sleep, or asleep, in a wait? Others change it too: wake(). With what they give
  // it to do, it is apart from what the hart alone writes.
  alignas(64) std::atomic<u32> asleep{0};
  std::atomic<u32> has_work{0};  // the next two may hold something: asked before the lock is taken
  SpinLock work_lock;            // protects the next three: other harts post too
  List<Work> work;               // posted and not yet run, first in first out
  List<Job> jobs;                // given by run_on() and not yet begun
  const Work* running_work = nullptr;

  SpinLock timer_lock;  // protects the next two: other harts cancel too
  List<Timer> timers;   // armed by this hart, ordered by deadline
  const Timer* running_timer = nullptr;
};

// Irq context for a scope: around what an interrupt has to call.
class IrqContext {
 public:
  IrqContext() { port::this_hart().context = Context::Irq; }
  IrqContext(const IrqContext&) = delete;
  IrqContext& operator=(const IrqContext&) = delete;
  ~IrqContext() { port::this_hart().context = interrupted_; }
  Context interrupted() const { return interrupted_; }

 private:
  Context interrupted_ = port::this_hart().context;
};

// The harts that run, in the order of start; the first is the one that booted. Any context.
u32 hart_count();
Hart& hart(u32 index);  // below hart_count()

}  // namespace sluice
