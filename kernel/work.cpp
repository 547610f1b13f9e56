// The work queue of a hart, and waiting.
#include <sluice/kernel/work.hpp>

#include <sluice_port.hpp>

namespace sluice {

void post(Work& work) {
  Hart& hart = port::this_hart();
  const LockGuard guard(hart.work_lock);
  if (!work.linked()) {
    hart.work.push_back(work);
  }
}

bool run_pending_work() {
  Hart& hart = port::this_hart();
  SLUICE_ASSERT(hart.context == Context::Task);
  bool ran = false;
  while (true) {
    Work* work = nullptr;
    {
      const LockGuard guard(hart.work_lock);
      work = hart.work.pop_front();
    }
    if (work == nullptr) {
      return ran;
    }
    hart.context = Context::Work;
    work->function_(work->context_);
    hart.context = Context::Task;
    ran = true;
  }
}

void Completion::complete() {
  done_.store(1, std::memory_order_release);
}

void Completion::wait() {
  wait_until([this] { return done(); });
}

}  // namespace sluice
