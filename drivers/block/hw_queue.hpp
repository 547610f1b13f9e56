// HwQueue: a hardware queue of a device: its tags, and the bios and requests that wait for one
// (Linux: blk_mq_hw_ctx, with the software queues blk_mq_ctx that feed it). Used by drivers to find
// the request of a tag, and by Disk, which submits to it. Made by TagSet.
//
// One caller at a time passes requests on ("has the queue"). Who comes meanwhile, from another hart
// or from an end_io, leaves its bios in the software queue of its hart and returns; whoever has the
// queue collects them before it leaves. So queue_rq needs no lock, a completion inside it no
// recursion, and harts with queues of their own share nothing.
#pragma once

#include <array>
#include <atomic>

#include <sluice/drivers/block/completion_batch.hpp>
#include <sluice/drivers/block/queue_map.hpp>
#include <sluice/drivers/block/tags.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::blk {

class TagSet;
struct Admission;

class HwQueue {
 public:
  HwQueue(TagSet& tag_set, u32 index);
  ~HwQueue();
  HwQueue(const HwQueue&) = delete;
  HwQueue& operator=(const HwQueue&) = delete;

  u32 index() const { return index_; }
  QueueType type() const;
  TagSet& tag_set() const { return tag_set_; }
  void* driver_data = nullptr;  // the driver's, from init_hctx on

  // Tags in use: requests that the driver has, and those that it was too busy for. Any context.
  u32 in_flight() const;
  // The request that the driver has under `tag`, or null, also where there is no such tag. Any
  // context.
  Request* in_flight_request(u32 tag);
  // All of them by tag, for a driver that knows from its own record which are in flight.
  std::span<Request> requests() { return tags_.all(); }
  // Requests that began are ended here by a driver that does so inside queue_rq: they end together,
  // once this batch of bios is passed on.
  CompletionBatch& inline_completions() { return inline_completions_; }

  // Takes bios, which their disk has checked, makes requests of them and passes them to the driver.
  // Task or work.
  void submit(List<Bio>& bios);
  // The same for bios of `disk` that are to be checked on the way, most of which are plain ones
  // (express_lane.hpp). Task or work.
  void submit_fresh(Disk& disk, const Admission& admission, List<Bio>& bios);
  // Passes on what waits, as far as tags and device allow. Task or work.
  void run();
  // The same, soon, as work of this hart. Any context.
  void post_run();
  // Lets the driver complete what the device has finished, and passes on what waited for that. How
  // many. Task or work.
  unsigned poll();

  // Keeps everybody else from passing requests on; what came meanwhile is passed on in the end.
  // Task or work, not from an end_io; one at a time per hart.
  class Hold {
   public:
    explicit Hold(HwQueue& queue);
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { queue_.pass_on(); }

   private:
    HwQueue& queue_;
  };

  // --- For Disk, while it holds the queue ---
  // Ends what waits of disks that are gone.
  void end_waiting_of_removed();
  // What was put aside because its disk was quiesced waits again, in front.
  void unpark();
  // Each bio to its disk's scheduler, or into the line.
  void arrange(List<Bio>& bios);
  // Is there a disk with a scheduler among those that use the queue?
  void set_scheduled(bool scheduled) { set_detour(kScheduled, scheduled); }
  bool scheduled() const { return has_detour(kScheduled); }

  // --- For Disk; any context ---
  // Does the driver have a request of `disk`, or does one end right now? This hart is woken
  // whenever one has ended until it calls stop_watching().
  bool busy_with(const Disk& disk);
  void stop_watching();
  // Has a completion batch requests of `disk`, or does one end requests of whatever disk right now?
  bool ends_requests_of(const Disk& disk) const;
  // Does a request of `disk` exist that has begun and not ended?
  bool has_begun(const Disk& disk) const;
  // Calls visit(request, held_back) for each request that has begun and not ended.
  template <class Visit>
  void for_each_in_flight(Visit visit) const {
    for (Request& request : tags_.all()) {
      const u32 state = request.state_.load(std::memory_order_acquire);
      if (state == Request::kStarted || state == Request::kHeldBack) {
        visit(request, state == Request::kHeldBack);
      }
    }
  }

 private:
  friend class CompletionBatch;
  friend class ExpressLane;
  friend class Request;
  friend class TagSet;

  // What a hart left here while another had the queue (Linux: blk_mq_ctx).
  struct SoftwareQueue {
    SpinLock lock;
    List<Bio> bios;
  };

  bool take_queue() { return (state_.fetch_or(kTaken, std::memory_order_acquire) & kTaken) == 0; }
  bool has_detour(u32 reason) const {
    return (detours_.load(std::memory_order_relaxed) & reason) != 0;
  }
  void set_detour(u32 reason, bool on);
  void submit_step_by_step(Disk& disk, const Admission& admission, List<Bio>& bios, bool taken);
  void hold_back(Request& request);
  void leave_bios(List<Bio>& bios);
  bool leave_queue();
  void collect();
  void pass_on();
  bool pass_on_waiting();
  Request* next_request(u64& now_ticks);
  Request* next_held_back();
  bool ask_schedulers(u64& now_ticks);
  static void tell_scheduler(const Request& request);
  void turn_away(Bio& bio);
  bool start(Request& request, u64 now_ticks, bool& untold);
  bool wait_for_completion();
  bool any_started() const;
  void take_again(Request& request);
  void begin_ending() { ending_.fetch_add(1, std::memory_order_acq_rel); }
  // Whoever looks after this has seen what came before it, or is woken.
  void finish_ending() {
    const u32 watchers = ending_.fetch_sub(1, std::memory_order_acq_rel) >> kWatcherShift;
    if (watchers != 0) [[unlikely]] {
      wake_watchers(watchers);
    }
  }
  static void wake_watchers(u32 harts);
  void collect_requeued();
  void end_held_back(Request& request);

  // Of detours_: why a bio cannot go straight to the driver.
  static constexpr u32 kNoLane = 1;     // the driver has no queue_rqs
  static constexpr u32 kScheduled = 2;  // a disk has a scheduler
  static constexpr u32 kRequeued = 4;   // requests were given back
  static constexpr u32 kWaiting = 8;  // when the queue was left, something waited or was held back

  static constexpr u32 kTaken = u32{1} << 31;  // of state_; below it a bit per hart that left bios
  static constexpr u32 kWatcherShift = 16;     // of ending_: a bit per hart that watches
  static constexpr u32 kBatches = (u32{1} << kWatcherShift) - 1;  // and how many batches there are
  static_assert(kMaxHarts <= 16);

  TagSet& tag_set_;
  QueueOps& ops_;
  const bool merge_;
  const u32 index_;
  std::atomic<u32> state_{0};
  std::atomic<u32> detours_;

  // Of whoever has the queue.
  bool out_of_tags_ = false;
  bool busy_ = false;        // the driver is
  u32 next_disk_ = 0;        // whose scheduler is asked first
  List<Bio> waiting_;        // bios with no request yet, first in first out
  List<Bio> parked_;         // those of quiesced disks
  List<Request> held_back_;  // requests that the driver was too busy for; they go first
  Tags tags_;
  CompletionBatch inline_completions_{*this};
  std::byte* payloads_ = nullptr;  // an array by tag; the tag set knows of what

  std::array<SoftwareQueue, kMaxHarts> software_queues_;

  SpinLock requeue_lock_;
  List<Request> requeued_;  // given back by the driver in any context

  std::atomic<u32> last_bucket_{0};  // of latency: the next is mostly there, too

  // How many completion batches are ending requests, or drivers giving one back; and which harts
  // wait for the end of that.
  std::atomic<u32> ending_{0};

  std::atomic<u32> posted_{0};  // run_work_ is
  Work run_work_;
  Timer retry_timer_;  // for Busy with nothing in flight
};

}  // namespace sluice::blk
