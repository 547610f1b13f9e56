// Counting down to the allocation that fails.
#include <sluice/kernel/fail_alloc.hpp>

#include <sluice/kernel/log.hpp>

namespace sluice::fail_alloc {

constinit std::atomic<u64> left{0};

bool count_down(usize bytes) {
  u64 before = left.load(std::memory_order_relaxed);
  // Another hart may have met its end meanwhile: below 0 nothing counts.
  while (before != 0 &&
         !left.compare_exchange_weak(before, before - 1, std::memory_order_relaxed)) {
  }
  if (before != 1) {
    return false;
  }
  log::warning("fail_alloc: an allocation of {} bytes fails on purpose", bytes);
  return true;
}

}  // namespace sluice::fail_alloc
