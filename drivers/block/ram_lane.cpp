// Requests that end later.
#include <sluice/drivers/block/ram_lane.hpp>

#include <algorithm>

#include <sluice/drivers/block/completion_batch.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::blk {

RamLane::RamLane(HwQueue& queue)
    : queue_(queue), timer_([](void* lane) { static_cast<RamLane*>(lane)->end_due(); }, this) {}

void RamLane::hold(Request& request, Status status, u64 due_ns) {
  RamCommand& command = request.payload<RamCommand>();
  command.request = &request;
  command.due_ns = due_ns;
  command.status = status;
  command.extensions = 0;
  const LockGuard guard(lock_);
  auto before = held_.end();
  while (before != held_.begin()) {
    auto previous = before;
    if ((--previous)->due_ns <= due_ns) {
      break;
    }
    before = previous;
  }
  held_.insert(before, command);
  command.held = true;
  if (first_to_ring_for() == &command) {
    timer_.arm(due_ns);
  }
}

// The first that nobody polls for; null where there is none or it is never due.
const RamCommand* RamLane::first_to_ring_for() const {
  const auto first = std::ranges::find_if(
      held_, [](const RamCommand& command) { return !command.request->polled(); });
  return first == held_.end() || first->due_ns == kNever ? nullptr : &*first;
}

unsigned RamLane::end_due() {
  List<RamCommand> due;
  {
    const LockGuard guard(lock_);
    const u64 now = clock::now_ns();
    while (!held_.empty() && held_.front().due_ns <= now) {
      RamCommand& command = *held_.pop_front();
      command.held = false;
      due.push_back(command);
    }
    if (const RamCommand* const first = first_to_ring_for(); first != nullptr) {
      timer_.arm(first->due_ns);
    }
  }
  unsigned ended = 0;
  CompletionBatch batch(queue_);
  while (const RamCommand* const command = due.pop_front()) {
    batch.add(*command->request, command->status);
    ++ended;
  }
  return ended;
}

void RamLane::end_all(Status status) {
  List<RamCommand> ending;
  {
    const LockGuard guard(lock_);
    for (RamCommand& command : held_) {
      command.held = false;
    }
    ending.splice_back(held_);
  }
  CompletionBatch batch(queue_);
  while (const RamCommand* const command = ending.pop_front()) {
    batch.add(*command->request, status);
  }
}

TimeoutResult RamLane::give_up(Request& request, u32 extensions) {
  RamCommand& command = request.payload<RamCommand>();
  const LockGuard guard(lock_);
  const u64 taken_ns = clock::ticks_to_ns(port::ticks() - request.started_ticks());
  if (!command.held || taken_ns < request.disk().timeout_ns()) {
    return TimeoutResult::Reset;
  }
  if (command.extensions < extensions) {
    ++command.extensions;
    return TimeoutResult::Extend;
  }
  command.unlink();
  command.held = false;
  return TimeoutResult::Fail;
}

}  // namespace sluice::blk
