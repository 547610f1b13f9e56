// A hart's own block: what it is, what it is doing, and the work and timers that are its own.
// On the target `tp` points to it from the first instruction; on the host a test sets it. There is
// no other "current" state. Fields are written by their own hart alone unless said otherwise.
#pragma once

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/types.hpp>

namespace sluice {

class Work;
class Timer;

// Who runs (docs/architecture.md, "Who runs"): what is allowed depends on it.
enum class Context : u8 { Task, Work, Irq };

struct Hart {
  u64 id = 0;     // the number the firmware gave it; not 0…n−1
  u32 index = 0;  // 0…n−1 in the order of start
  Context context = Context::Task;

  SpinLock work_lock;  // protects `work`: other harts post too
  List<Work> work;     // posted and not yet run, first in first out
  List<Timer> timers;  // armed, ordered by deadline; own hart with interrupts off

  u64 interrupts = 0;  // taken by this hart
};

}  // namespace sluice
