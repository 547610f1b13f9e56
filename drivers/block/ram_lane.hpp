// RamLane: a RAM disk's part of one hardware queue: the gate to the bytes, and the requests that
// were taken and end later. Used by RamDisk.
#pragma once

#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/timer.hpp>

namespace sluice::blk {

// The driver's part of a request that does not end inside queue_rq.
struct RamCommand : ListNode<> {
  Request* request = nullptr;
  u64 due_ns = 0;
  Status status = Status::Ok;
  u32 extensions = 0;
  bool held = false;  // by its lane
};

// On cache lines of its own: two harts with their own queues share nothing but the bytes.
class alignas(64) RamLane {
 public:
  static constexpr u64 kNever = ~u64{0};

  explicit RamLane(HwQueue& queue);
  // Nothing is held.
  ~RamLane() { timer_.cancel_and_wait(); }
  static RamLane& of(const HwQueue& queue) { return *static_cast<RamLane*>(queue.driver_data); }

  // Held while bytes are copied between memory and store; who takes pages away has those of all
  // lanes. No interrupt handler comes here, so that interrupts stay on.
  SpinLock gate;

  // The request ends with `status` at `due_ns` of the clock, or kNever. Task or work.
  void hold(Request& request, Status status, u64 due_ns);
  // Ends what is due; how many. Any context.
  unsigned end_due();
  // Ends everything with `status`. Task or work.
  void end_all(Status status);
  // The request has taken too long. Extend: it is held on to, at most so many times; Fail: not any
  // more; Reset: it was not held, as it is ending at this moment, or another has its tag by now.
  // Any context.
  TimeoutResult give_up(Request& request, u32 extensions);

 private:
  const RamCommand* first_to_ring_for() const;

  HwQueue& queue_;
  SpinLock lock_;          // protects the next two
  List<RamCommand> held_;  // by due time
  Timer timer_;            // armed for the first that is not polled for, unless that is never due
};

}  // namespace sluice::blk
