// DeviceJob: one job's engine on a device: an array of bios, as many as the depth, that go round
// between the device and a loop. Made and destroyed by run_on_device on the hart that booted; runs
// on a hart of its own. Nothing is allocated while it runs and the clock is read once per batch.
//
// What came back goes out again in groups, so that the device works on one while the loop fills the
// next. Most of the time there is nothing special about an I/O: those take the fast lane, whose
// instructions are counted (docs/performance.md); all others go one by one.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "bench.hpp"
#include "bench_verify.hpp"

#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::app::bench {

class DeviceJob {
 public:
  DeviceJob(const Options& options, const Plan& plan, u32 index, Tally& tally);

  // Opens the device and allocates. What OpenDevice::open says; NoMemory, a record that is too
  // large with a word on standard error. Task.
  Result<void> prepare();

  // What a job does: the I/Os that are measured; and a look at everything that it wrote. Task, on
  // its hart.
  void measure();
  void read_back();

  // Runs one of the two on hart `index`; on this one at once. Task.
  void start(void (DeviceJob::*phase)());
  void wait();  // until it is over

  Outcome outcome;

 private:
  struct Slot : blk::Bio {
    std::atomic<Slot*> next{nullptr};  // in the list of those that came back, or of the idle ones
    u64 started_ticks = 0;
    u64 block = 0;
    blk::Segment segment;
    Pages memory;
  };

  static void end_io(blk::Bio& bio);
  Result<void> prepare_slots();
  void aim(Slot& slot, Direction direction);

  void go_round(u64 deadline_ticks);
  Slot* wait_for_some();
  Slot* gather();
  Slot* after(const Slot& slot) const;
  u64 in_flight() const { return options_.depth - idle_count_ - ready_count_; }
  void put_away(Slot& slot);
  void stop() { limit_ = issued_; }
  bool next_io(Slot& slot);
  void issue_idle();
  void take_back(Slot& slot);
  void verify(const Slot& slot);
  void turn_round(Slot*& back);
  template <class Order>
  Slot* fast_lane(Order& order_here, Slot* back, u64 most);
  void submit();

  // --- Set once ---
  const Options& options_;
  const Plan& plan_;
  const u32 index_;
  Tally& tally_;
  blk::OpenDevice device_;
  std::unique_ptr<Slot[]> slots_;
  Slot* not_yet_ = nullptr;    // in Slot::next: its end_io is about to say what comes behind it
  u64 group_ = 1;              // bios in one submission at most,
  u64 least_ready_ = 1;        // and at least, as long as others are in flight
  const Direction direction_;  // of all, where they are not mixed
  bool plain_ = false;         // they are not, and nothing is verified: the fast lane is open,
  Histogram* plain_latency_ = nullptr;  // and this is for all

  // --- While it runs ---
  Sequence sequence_;
  std::optional<Verifier> verifier_;
  bool reading_back_ = false;
  u64 next_to_read_back_ = 0;
  std::optional<u64> postponed_;  // a block that comes next, once what is in flight there is done
  Direction postponed_direction_ = Direction::Read;
  // Each bio is idle, ready to be submitted, or in flight.
  Slot* idle_ = nullptr;
  u64 idle_count_ = 0;
  List<blk::Bio> ready_;
  u64 ready_count_ = 0;
  u64 now_ticks_ = 0;  // when the loop looked last
  u64 issued_ = 0;     // I/Os that became ready,
  u64 limit_ = 0;      // and how many are to
  // What end_io, in any context, has to know: where to push what is done, a stack that is taken as
  // a whole, and on which hart somebody waits for that.
  struct alignas(64) Finished {
    std::atomic<Slot*> top{nullptr};
    Hart* waiter;
  } finished_;

  void (DeviceJob::*phase_)() = nullptr;
  Job job_;
};

}  // namespace sluice::app::bench
