// Request: one command to a device, with the driver's own data inside; and QueueOps, what a driver
// implements (Linux: request, blk_mq_ops). Used by drivers. The request layer makes a request of
// bios (merge.hpp), gives it to queue_rq, and the driver ends it with complete().
#pragma once

#include <atomic>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/drivers/block/block_device.hpp>

namespace sluice::blk {

class HwQueue;

// Neighbouring bios merged, or a part of a long one. Owned by its tag.
class Request : public ListNode<> {
 public:
  Op op() const { return op_; }
  Sector sector() const { return sector_; }
  u64 bytes() const { return bytes_; }  // of data, or of the range of a Discard or WriteZeroes
  u32 segment_count() const { return segment_count_; }  // what segments() yields
  u32 tag() const { return tag_; }                      // 0…depth−1, unique in its hardware queue
  HwQueue& hw_queue() const { return *hw_queue_; }
  Disk& disk() const { return *disk_; }

  // The memory, piece by piece, each at most limits().max_segment_bytes.
  SegmentRange segments() const {
    return {first_bio_, start_, carries_data(op_) ? bytes_ : 0, max_segment_bytes_};
  }

  // The driver's own data, constructed with the tag set: the type given to TagSet::create.
  template <class Payload>
  Payload& payload() {
    return *static_cast<Payload*>(payload_);
  }

  // Ends the request, and each bio that has no other part outstanding; the tag is free before the
  // first of them ends. The one place where a request ends. Called once by the driver for each
  // request that queue_rq takes, also from within queue_rq; a second call is a checked crash. Any
  // context, no lock held.
  void complete(Status status);

 private:
  friend class HwQueue;
  friend class RequestBuilder;
  friend class TagSet;

  // kStarted: the driver has it, from queue_rq to complete(). kHeldBack: the driver was too busy
  // for it.
  enum State : u32 { kFree, kHeldBack, kStarted };

  [[gnu::noinline]] static void end_bios(Bio* bio, Bio* last, Status status, HwQueue* to_run);

  Op op_ = Op::Read;
  u32 tag_ = 0;
  u32 segment_count_ = 0;
  std::atomic<u32> state_{kFree};
  Sector sector_{};
  u64 bytes_ = 0;
  HwQueue* hw_queue_ = nullptr;
  Disk* disk_ = nullptr;
  Bio* first_bio_ = nullptr;  // the chain; the last one may be part of another request too
  Bio* last_bio_ = nullptr;
  SegmentCursor start_;  // in the memory of first_bio_
  u32 max_segment_bytes_ = 0;
  void* payload_ = nullptr;
  Request* next_free_ = nullptr;  // while its tag is free
};

// What queue_rq says.
enum class QueueResult : u8 {
  Ok,      // taken: complete() will be, or has been, called
  Busy,    // no room now; offered again after a completion, or a moment later
  Failed,  // cannot be done: ends with IoError
};

// What a driver implements. Calls of queue_rq and commit_rqs for one hardware queue never overlap.
class QueueOps {
 public:
  // A hardware queue comes, and goes. Task.
  virtual Result<void> init_hctx(HwQueue&) { return {}; }
  virtual void exit_hctx(HwQueue&) {}

  // Starts the request. `last`: no other follows at once, so tell the device now. Task or work.
  virtual QueueResult queue_rq(HwQueue& queue, Request& request, bool last) = 0;

  // Tells the device of what was queued with last = false, where the batch ended otherwise. Task or
  // work.
  virtual void commit_rqs(HwQueue&) {}

  // Completes what the device has finished; how many requests. Task or work.
  virtual unsigned poll(HwQueue&) { return 0; }

 protected:
  ~QueueOps() = default;
};

}  // namespace sluice::blk
