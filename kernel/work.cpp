// The work queue of a hart, and waiting.
#include <sluice/kernel/work.hpp>

#include <sluice_port.hpp>

namespace sluice {

// --- Work ---

void post_to(Hart& hart, Work& work) {
  {
    const LockGuard guard(hart.work_lock);
    // Written also where it stays as it is: who takes the work out reads that, and with it what was
    // done before this call.
    Hart* at = work.hart_.load(std::memory_order_relaxed);
    while (!work.hart_.compare_exchange_weak(
        at, at == nullptr ? &hart : at, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    if (at != nullptr) {
      return;
    }
    hart.work.push_back(work);
    hart.has_work.store(1, std::memory_order_relaxed);
  }
  if (&hart != &port::this_hart()) {
    wake(hart);
  }
}

void post(Work& work) {
  post_to(port::this_hart(), work);
}

// Takes it out of the hart's list, where it is there. Says what there was.
Work::Found Work::take_from(Hart& hart) {
  const LockGuard guard(hart.work_lock);
  const bool posted = hart_.load(std::memory_order_relaxed) == &hart;
  if (posted) {
    unlink();
    hart_.exchange(nullptr, std::memory_order_acq_rel);
  }
  return {.posted = posted, .running = hart.running_work == this};
}

bool cancel(Work& work) {
  while (Hart* const hart = work.hart_.load(std::memory_order_acquire)) {
    if (work.take_from(*hart).posted) {
      return true;
    }
  }
  return false;
}

void cancel_and_wait(Work& work) {
  for (u32 i = 0; i < hart_count(); ++i) {
    Hart& at = hart(i);
    while (work.take_from(at).running && &at != &port::this_hart()) {
      port::relax();
    }
  }
}

bool run_pending_work() {
  Hart& hart = port::this_hart();
  SLUICE_ASSERT(hart.context == Context::Task);
  bool ran = false;
  while (true) {
    Work::Function function = nullptr;
    void* context = nullptr;
    {
      const LockGuard guard(hart.work_lock);
      Work* const work = hart.work.pop_front();
      hart.running_work = work;
      if (work == nullptr) {
        hart.has_work.store(0, std::memory_order_relaxed);
        return ran;
      }
      work->hart_.exchange(nullptr, std::memory_order_acq_rel);
      function = work->function_;  // its owner may end it as soon as it is in no list
      context = work->context_;
    }
    hart.context = Context::Work;
    function(context);
    hart.context = Context::Task;
    ran = true;
  }
}

void wake(Hart& hart) {
  // Whoever finds it asleep takes that on itself: the others need not wake it again.
  if (hart.asleep.exchange(0, std::memory_order_release) != 0) {
    port::wake(hart);
  }
}

// --- Completion ---

void Completion::complete() {
  const u32 before = state_.exchange(kDone, std::memory_order_acq_rel);
  if (before >= kFirstHart) {
    Hart& waiter = hart(before - kFirstHart);
    if (&waiter != &port::this_hart()) {
      wake(waiter);
    }
  }
}

void Completion::wait() {
  SLUICE_ASSERT(port::this_hart().context == Context::Task);
  u32 nobody = kNobody;
  if (state_.compare_exchange_strong(nobody, kFirstHart + port::this_hart().index,
                                     std::memory_order_acq_rel)) {
    wait_until([this] { return done(); });
  }
  SLUICE_ASSERT(done());
}

// --- Jobs ---

void run_on(Hart& hart, Job& job) {
  job.done_.reset();
  if (&hart == &port::this_hart()) {
    job.function_(job.context_);
    job.done_.complete();
    return;
  }
  SLUICE_ASSERT(hart.index != 0);
  {
    const LockGuard guard(hart.work_lock);
    hart.jobs.push_back(job);
    hart.has_work.store(1, std::memory_order_relaxed);
  }
  wake(hart);
}

void run_next_job() {
  Hart& hart = port::this_hart();
  Job* job = nullptr;
  wait_until([&hart, &job] {
    const LockGuard guard(hart.work_lock);
    job = hart.jobs.pop_front();
    return job != nullptr;
  });
  job->function_(job->context_);
  job->done_.complete();
}

}  // namespace sluice
