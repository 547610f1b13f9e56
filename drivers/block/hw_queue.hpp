// HwQueue: a hardware queue of a device: its tags, and the bios and requests that wait for one
// (Linux: blk_mq_hw_ctx). Used by drivers to find the request of a tag, and by Disk, which submits
// to it. Made by TagSet. One caller at a time passes requests on ("has the queue"); who comes
// meanwhile, from another hart or from an end_io, leaves its bios in `arrived_` and returns. So
// queue_rq needs no lock and a completion inside it no recursion.
#pragma once

#include <atomic>
#include <memory>

#include <sluice/drivers/block/request.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::blk {

class TagSet;

class HwQueue {
 public:
  HwQueue(TagSet& tag_set, u32 index);
  ~HwQueue();
  HwQueue(const HwQueue&) = delete;
  HwQueue& operator=(const HwQueue&) = delete;

  u32 index() const { return index_; }
  TagSet& tag_set() const { return tag_set_; }
  void* driver_data = nullptr;  // the driver's, from init_hctx on

  // Tags in use: requests that the driver has, and those that it was too busy for. Any context.
  u32 in_flight() const;
  // The request that the driver has under `tag`, or null, also where there is no such tag. Any
  // context.
  Request* in_flight_request(u32 tag);

  // Takes bios, whose disk is set, makes requests of them and passes them to the driver. Task or
  // work.
  void submit(List<Bio>& bios);
  // Passes on what waits, as far as tags and device allow. Task or work.
  void run();
  // Lets the driver complete what the device has finished, and passes on what waited for that. How
  // many. Task or work.
  unsigned poll();
  // Ends what waits of `disk`, which refuses new bios already. Task.
  void fail_waiting(Disk& disk, Status status);
  // Does a request or a waiting bio belong to `disk`? Task.
  bool uses(const Disk& disk) const;

 private:
  friend class Request;
  friend class TagSet;

  Result<void> allocate(u32 depth);

  Request* take_tag();
  bool free_tag(Request& request);
  bool take_returned();

  bool take_queue(List<Bio>& bios);
  bool leave_queue();
  void pass_on();
  bool pass_on_waiting();
  bool start(Request& request, bool& untold);
  Request* next_request();
  Request* next_held_back();
  bool wait_for_completion();
  bool any_started() const;
  void post_run();

  TagSet& tag_set_;
  QueueOps& ops_;
  const bool merge_;
  u32 index_;
  u32 depth_ = 0;

  SpinLock lock_;       // protects the next three
  List<Bio> arrived_;   // while another had the queue
  bool taken_ = false;  // somebody has the queue
  bool again_ = false;  // and shall go over it once more

  // Of whoever has the queue.
  List<Bio> waiting_;            // bios with no request yet, first in first out
  List<Request> held_back_;      // requests that the driver was too busy for; they go first
  Request* own_free_ = nullptr;  // requests whose tags are free, taken from returned_

  std::atomic<Request*> returned_{nullptr};  // more of them: completions put them here
  Request somebody_waits_;      // at the end of returned_: the first to come posts run_work_
  std::atomic<u32> posted_{0};  // run_work_ is
  std::unique_ptr<Request[]> requests_;  // by tag
  std::byte* payloads_ = nullptr;        // an array; the tag set knows of what
  Work run_work_;
  Timer retry_timer_;  // for Busy with nothing in flight
};

}  // namespace sluice::blk
