// The timer list of a hart, ordered by deadline; the hart's timer interrupt is set to the first.
#include <sluice/kernel/timer.hpp>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/lock.hpp>

namespace sluice {
namespace {

constexpr u64 kNever = ~u64{0};

}  // namespace

void Timer::arm(u64 deadline_ns) {
  const IrqGuard irqs_off;
  List<Timer>& timers = port::this_hart().timers;
  unlink();
  deadline_ns_ = deadline_ns;
  auto position = timers.begin();
  while (position != timers.end() && position->deadline_ns_ <= deadline_ns) {
    ++position;
  }
  timers.insert(position, *this);
  if (&timers.front() == this) {
    port::set_timer(clock::ns_to_ticks(deadline_ns));
  }
}

void Timer::cancel() {
  const IrqGuard irqs_off;
  unlink();  // an interrupt for the old deadline finds nothing expired
}

void run_expired_timers() {
  List<Timer>& timers = port::this_hart().timers;
  while (!timers.empty() && timers.front().deadline_ns_ <= clock::now_ns()) {
    Timer& timer = *timers.pop_front();
    timer.function_(timer.context_);
  }
  port::set_timer(timers.empty() ? kNever : clock::ns_to_ticks(timers.front().deadline_ns_));
}

}  // namespace sluice
