// A growing array of plain values on the heap, where running out of memory is an answer and not a
// crash. Used by the commands for words, paths and lists of files. Task.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include <sluice/kernel/types.hpp>

namespace sluice::app {

template <class T>
class GrowingArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // False: out of memory; the array is as before.
  [[nodiscard]] bool append(std::span<const T> values) {
    if (values.size() > capacity_ - used_ && !grow(used_ + values.size())) {
      return false;
    }
    std::copy(values.begin(), values.end(), items_.get() + used_);
    used_ += values.size();
    return true;
  }
  [[nodiscard]] bool push_back(const T& value) { return append(std::span(&value, 1)); }

  std::span<T> items() { return {items_.get(), used_}; }
  std::span<const T> items() const { return {items_.get(), used_}; }
  usize count() const { return used_; }
  T& operator[](usize index) { return items_[index]; }
  void truncate(usize count) { used_ = std::min(used_, count); }

 private:
  bool grow(usize needed) {
    const usize capacity = std::max({needed, capacity_ * 2, usize{16}});
    std::unique_ptr<T[]> bigger(new (std::nothrow) T[capacity]);
    if (!bigger) {
      return false;
    }
    std::copy_n(items_.get(), used_, bigger.get());
    items_ = std::move(bigger);
    capacity_ = capacity;
    return true;
  }

  std::unique_ptr<T[]> items_;
  usize used_ = 0;
  usize capacity_ = 0;
};

}  // namespace sluice::app
