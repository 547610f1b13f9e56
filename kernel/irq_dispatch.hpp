// The dispatch of an interrupt to its handler, to be inlined where each instruction counts.
// Used by the drivers of interrupt controllers; others call Controller::dispatch().
#pragma once

#include <sluice/kernel/irq.hpp>

namespace sluice::irq {

[[gnu::always_inline]] inline bool Controller::dispatch_inlined(u32 source) {
  Action& action = actions_[source];
  while (action.held_by.exchange(&port::this_hart(), std::memory_order_acquire) != nullptr)
      [[unlikely]] {
    port::relax();
  }
  if (action.handler != nullptr) [[likely]] {
    const IrqContext irq;
    if (++action.count % kLookEvery == 0) [[unlikely]] {
      look_for_storm(source);
    }
    action.handler(action.context);
  } else {
    disable_unwanted(source);
  }
  const bool enabled_here = action.affinity == &port::this_hart();
  if (!enabled_here) [[unlikely]] {
    count_elsewhere(action);
  }
  action.held_by.store(nullptr, std::memory_order_release);
  return enabled_here;
}

}  // namespace sluice::irq
