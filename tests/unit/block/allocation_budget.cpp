// Replaces the allocation functions of this test program, all of them, so that new and delete stay
// a pair.
#include "allocation_budget.hpp"

#include <cstdlib>
#include <new>

#include <sluice/kernel/fail_alloc.hpp>

namespace sluice::test {
namespace {

constexpr std::size_t kNoLimit = ~std::size_t{0};
std::size_t budget = kNoLimit;
std::size_t total = 0;
bool refused = false;

void* allocate(std::size_t bytes, std::size_t alignment) {
  ++total;
  return std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
}

void* allocate_in_budget(std::size_t bytes, std::size_t alignment) {
  if (budget == 0 || sluice::fail_alloc::fails(bytes)) {
    refused = true;
    return nullptr;
  }
  if (budget != kNoLimit) {
    --budget;
  }
  return allocate(bytes, alignment);
}

constexpr std::size_t kDefault = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

AllocationBudget::AllocationBudget(std::size_t allocations) {
  budget = allocations;
  refused = false;
}
AllocationBudget::~AllocationBudget() {
  budget = kNoLimit;
}
bool AllocationBudget::exhausted() const {
  return refused;
}
std::size_t allocations_so_far() {
  return total;
}

}  // namespace sluice::test

using sluice::test::allocate;
using sluice::test::allocate_in_budget;
using sluice::test::kDefault;

void* operator new(std::size_t bytes) {
  void* memory = allocate(bytes, kDefault);
  return memory != nullptr ? memory : throw std::bad_alloc();
}
void* operator new[](std::size_t bytes) {
  return operator new(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  void* memory = allocate(bytes, static_cast<std::size_t>(alignment));
  return memory != nullptr ? memory : throw std::bad_alloc();
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return operator new(bytes, alignment);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_in_budget(bytes, kDefault);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_in_budget(bytes, kDefault);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_in_budget(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return allocate_in_budget(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(memory);
}
