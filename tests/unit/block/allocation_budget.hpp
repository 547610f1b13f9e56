// Lets allocations fail: while an AllocationBudget lives, `new (std::nothrow)` gives null once the
// budget is used up. So does the one that fail_alloc (kernel/fail_alloc.hpp) has counted down to.
#pragma once

#include <cstddef>

namespace sluice::test {

class AllocationBudget {
 public:
  explicit AllocationBudget(std::size_t allocations);
  AllocationBudget(const AllocationBudget&) = delete;
  AllocationBudget& operator=(const AllocationBudget&) = delete;
  ~AllocationBudget();
  // Was anything refused?
  bool exhausted() const;
};

// All allocations of this program so far, of whatever kind.
std::size_t allocations_so_far();

}  // namespace sluice::test
