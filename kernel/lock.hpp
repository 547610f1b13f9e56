// Spin locks that keep this hart's interrupts off while held, so that irq, work and task may share
// data. Held for a few lines only; nobody waits or allocates under one.
#pragma once

#include <atomic>

#include <sluice/kernel/types.hpp>
#include <sluice_port.hpp>

namespace sluice {

class SpinLock {
 public:
  SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() {
    while (!try_lock()) {
      while (held_.load(std::memory_order_relaxed) != 0) {
        port::relax();
      }
    }
  }
  bool try_lock() { return held_.exchange(1, std::memory_order_acquire) == 0; }
  void unlock() { port::store_release(held_, u32{0}); }
  bool held() const { return held_.load(std::memory_order_relaxed) != 0; }

 private:
  std::atomic<u32> held_{0};
};

// Interrupts of this hart off for a scope; nests.
class IrqGuard {
 public:
  IrqGuard() : were_on_(port::irq_save()) {}
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;
  ~IrqGuard() { port::irq_restore(were_on_); }

 private:
  bool were_on_;
};

// Interrupts off and the lock held for a scope.
class LockGuard {
 public:
  explicit LockGuard(SpinLock& lock) : lock_(lock) { lock_.lock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;
  ~LockGuard() { lock_.unlock(); }

 private:
  IrqGuard irqs_off_;  // constructed first, destroyed last
  SpinLock& lock_;
};

}  // namespace sluice
