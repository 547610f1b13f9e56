// The driver's side of the request layer: Request, QueueOps, HwQueue and TagSet (Linux: request, blk_mq_ops,
// blk_mq_hw_ctx, blk_mq_tag_set).
// A tag set owns, for each hardware queue, `depth` requests with the driver's payload inside: all that an I/O needs exists
// before the first one. It outlives its disks; destroying it while a request is in flight is a checked crash.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/drivers/block/block_device.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::blk {

class HwQueue;
class TagSet;

// One command to a device: neighbouring bios merged, or a part of a long one. Owned by its tag.
class Request : public ListNode<> {
 public:
  Op op() const { return op_; }
  Sector sector() const { return sector_; }
  u64 bytes() const { return bytes_; }               // of data, or of the range of a Discard or WriteZeroes
  u32 segment_count() const { return segment_count_; }  // what segments() yields
  u32 tag() const { return tag_; }                   // 0…depth−1, unique in its hardware queue
  HwQueue& hw_queue() const { return *hw_queue_; }
  Disk& disk() const { return *disk_; }

  // The memory, piece by piece, each at most limits().max_segment_bytes.
  SegmentRange segments() const;

  // The driver's own data, constructed with the tag set: the type given to TagSet::create.
  template <class Payload>
  Payload& payload() {
    return *static_cast<Payload*>(payload_);
  }

  // Ends the request, and each bio that has no other part outstanding; the tag is free afterwards. The one place where
  // a request ends. Called once by the driver for each request that queue_rq took. Any context, no lock held.
  void complete(Status status);

 private:
  friend class HwQueue;
  friend class RequestBuilder;
  friend class TagSet;

  Op op_ = Op::Read;
  Sector sector_{};
  u64 bytes_ = 0;
  u32 segment_count_ = 0;
  u32 tag_ = 0;
  HwQueue* hw_queue_ = nullptr;
  Disk* disk_ = nullptr;
  Bio* first_bio_ = nullptr;
  Bio* last_bio_ = nullptr;
  u64 first_offset_ = 0;  // into first_bio_, where this is a part of it
  void* payload_ = nullptr;
};

// What queue_rq says.
enum class QueueResult : u8 {
  Ok,      // taken: complete() will be called
  Busy,    // no room now; offered again after a completion, or a moment later
  Failed,  // cannot be done: ends with IoError
};

// What a driver implements.
class QueueOps {
 public:
  // A hardware queue comes, and goes. Task.
  virtual Result<void> init_hctx(HwQueue&) { return {}; }
  virtual void exit_hctx(HwQueue&) {}

  // Starts the request. `last`: no other follows at once, so tell the device now. Task or work.
  virtual QueueResult queue_rq(HwQueue& queue, Request& request, bool last) = 0;

  // Tells the device of what was queued with last = false, where the batch ended otherwise. Task or work.
  virtual void commit_rqs(HwQueue&) {}

  // Completes what the device has finished; how many requests. Task or work.
  virtual unsigned poll(HwQueue&) { return 0; }

 protected:
  ~QueueOps() = default;
};

// A hardware queue: its tags, and what waits for one.
class HwQueue {
 public:
  HwQueue(TagSet& tag_set, u32 index);

  u32 index() const { return index_; }
  TagSet& tag_set() const { return tag_set_; }
  void* driver_data = nullptr;  // the driver's, from init_hctx on

  u32 in_flight() const;
  // The request in flight under `tag`, or null: how a driver turns what a device says into a request.
  Request* in_flight_request(u32 tag);

  // Takes bios, makes requests of them and passes them to the driver. Task or work.
  void submit(List<Bio>& bios);
  // Passes on what waits, as far as tags and device allow. Task or work.
  void run();
  // Ends what waits of `disk`. Task.
  void fail_waiting(Disk& disk, Status status);

 private:
  friend class Request;
  friend class TagSet;

  Request* allocate_tag();
  void free_tag(Request& request);
  Request* next_request();
  void on_completion();

  TagSet& tag_set_;
  u32 index_;
  SpinLock lock_;                // protects the two lists
  List<Bio> waiting_;            // bios with no request yet, first in first out
  List<Request> held_back_;      // requests that the driver was too busy for; they go first
  std::atomic<u32> needs_run_{0};  // something waits: a completion posts run_work_
  std::span<std::atomic<u64>> free_tags_;  // a bit each, set: free
  std::span<Request> requests_;
  Work run_work_;
  Timer retry_timer_;            // for Busy with nothing in flight
};

class TagSet {
 public:
  struct Shape {
    u32 hw_queues = 1;
    u32 depth = 64;      // requests per hardware queue, 1…4096
    bool merge = true;   // neighbouring bios become one request
  };

  // Allocates everything, each request with a default-constructed Payload. NoMemory, Invalid, or what init_hctx said. Task.
  template <class Payload>
  static Result<std::unique_ptr<TagSet>> create(QueueOps& ops, Shape shape) {
    return create_erased(ops, shape, PayloadType::of<Payload>());
  }
  ~TagSet();
  TagSet(const TagSet&) = delete;
  TagSet& operator=(const TagSet&) = delete;

  const Shape& shape() const { return shape_; }
  QueueOps& ops() const { return ops_; }
  std::span<HwQueue* const> hw_queues() const { return queues_; }
  // The queue that this hart submits to.
  HwQueue& queue_of_this_hart() const;
  u32 in_flight() const;

 private:
  struct PayloadType {
    usize bytes;
    usize alignment;
    void (*construct)(void* at);
    void (*destroy)(void* at);
    template <class P>
    static PayloadType of() {
      return {sizeof(P), alignof(P), [](void* at) { new (at) P(); },
              [](void* at) { static_cast<P*>(at)->~P(); }};
    }
  };

  TagSet(QueueOps& ops, Shape shape, PayloadType payload);
  static Result<std::unique_ptr<TagSet>> create_erased(QueueOps& ops, Shape shape,
                                                       PayloadType payload);
  Result<void> allocate_queue(u32 index);

  QueueOps& ops_;
  Shape shape_;
  PayloadType payload_;
  std::span<HwQueue*> queues_;
  u32 initialised_queues_ = 0;  // those whose init_hctx succeeded
};

}  // namespace sluice::blk
