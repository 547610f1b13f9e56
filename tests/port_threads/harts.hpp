// How a test gets its harts where each is a thread. The thread that makes a Harts is the hart that
// booted; the others do the jobs that they are given.
#pragma once

#include <functional>

#include <sluice/kernel/hart.hpp>

namespace sluice::test {

class Harts {
 public:
  explicit Harts(u32 count);
  ~Harts();  // they have nothing left to do
  Harts(const Harts&) = delete;
  Harts& operator=(const Harts&) = delete;

  // Has a hart call the function in irq context, soon. Any thread, also one that is no hart.
  static void interrupt(Hart& hart, std::function<void()> function);
  // Calls function(index) as a task of every hart, this one among them, and waits for all.
  static void on_each(const std::function<void(u32)>& function);
};

}  // namespace sluice::test
