// TimeoutWatch: finds the requests of a disk that its driver has had for too long, and asks the
// driver what to do (Linux: blk-timeout.c). Used by Disk, which owns one, and HwQueue, which tells
// it that there is something to watch. One timer per disk, armed while requests are in flight:
// starting one costs no more than the question whether it is.
#pragma once

#include <atomic>

#include <sluice/drivers/block/request.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::blk {

class TimeoutWatch {
 public:
  // A request is asked about once it has been with the driver for `timeout_ns`; 0: never.
  TimeoutWatch(Disk& disk, u64 timeout_ns);
  // The disk was removed.
  ~TimeoutWatch();
  TimeoutWatch(const TimeoutWatch&) = delete;
  TimeoutWatch& operator=(const TimeoutWatch&) = delete;

  u64 timeout_ns() const { return timeout_ns_; }

  // Whoever has a queue of the disk: is the timer armed? If not, watch() before queue_rq.
  bool watching() const { return watching_.load(std::memory_order_relaxed) != 0; }
  void watch();

 private:
  void look();
  u64 ask_about(HwQueue& queue, u64 now_ticks);

  Disk& disk_;
  const u64 timeout_ns_;
  const u64 timeout_ticks_;
  std::atomic<u32> watching_;
  Timer timer_;
  Work work_;  // look()
};

}  // namespace sluice::blk
