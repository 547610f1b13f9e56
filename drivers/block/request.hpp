// Request: one command to a device, with the driver's own data inside; and QueueOps, what a driver
// implements (Linux: request, blk_mq_ops). Used by drivers. The request layer makes a request of
// bios (merge.hpp, express_lane.hpp), gives it to queue_rq, and the driver ends it with complete(),
// or many at once with a CompletionBatch (completion_batch.hpp).
#pragma once

#include <atomic>
#include <type_traits>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/drivers/block/block_device.hpp>
#include <sluice_port.hpp>

namespace sluice::blk {

class HwQueue;
class QueueMap;
struct FreshBios;

// A field of which any hart may take a glimpse while its owner writes it: what it says may be of
// the past, and fit nothing else that was seen. No more than a load or a store.
template <class T>
class Glimpsed {
 public:
  operator T() const { return static_cast<T>(word_.load(std::memory_order_relaxed)); }
  Glimpsed& operator=(T value) {
    port::store_relaxed(word_, static_cast<Word>(value));
    return *this;
  }

 private:
  using Word = std::conditional_t<(sizeof(T) > sizeof(u32)), u64, u32>;
  std::atomic<Word> word_{0};
};

// Neighbouring bios merged, or a part of a long one. Owned by its tag.
class Request : public ListNode<> {
 public:
  Op op() const { return static_cast<Op>(op_and_flags_ & 0xff); }
  bool fua() const { return (flags() & bio_flag::kFua) != 0; }  // only where Disk::Options::fua
  bool polled() const { return (flags() & bio_flag::kPolled) != 0; }
  bool keeps_place() const { return (flags() & bio_flag::kNoUnmap) != 0; }
  Sector sector() const { return Sector(sector_); }
  u64 bytes() const { return bytes_; }  // of data, or of the range of an operation without
  u32 segment_count() const { return segment_count_; }  // what segments() yields
  u32 tag() const { return static_cast<u32>(tag_); }    // 0…depth−1, unique in its hardware queue
  HwQueue& hw_queue() const { return *hw_queue_; }
  Disk& disk() const { return *disk_.load(std::memory_order_relaxed); }

  // When it was given to the driver, and when its first bio was submitted, in ticks of the clock.
  u64 started_ticks() const { return started_ticks_.load(std::memory_order_relaxed); }
  u64 submitted_ticks() const { return submitted_ticks_; }

  // The memory, piece by piece, each at most limits().max_segment_bytes.
  SegmentRange segments() const;
  // The one segment of a request whose segment_count() is 1.
  Segment only_segment() const { return {data_, static_cast<u32>(bytes_)}; }

  // The driver's own data, constructed with the tag set: the type given to TagSet::create.
  template <class Payload>
  Payload& payload() const {
    return *static_cast<Payload*>(payload_);
  }

  // Ends the request, and each bio that has no other part outstanding. Called once by the driver
  // for each request that queue_rq takes, also from within queue_rq; a second call is a checked
  // crash. Transient: it is tried again, kRetries times. Any context, no lock held.
  void complete(Status status);

  // Gives a request back that the device did not take after all: it goes to the driver again,
  // before anything newer. Instead of complete(). Any context, no lock held.
  void requeue();

  static constexpr u8 kRetries = 5;

 private:
  friend class CompletionBatch;
  friend class ExpressLane;
  friend class HwQueue;
  friend class RequestBuilder;
  friend class Tags;
  friend class TimeoutWatch;
  friend struct TestAccess;

  // kStarted: the driver has it, from queue_rq to complete(). kHeldBack: the driver was too busy
  // for it, or gave it back. kEnding: its bios end.
  enum State : u32 { kFree, kHeldBack, kStarted, kEnding };

  u8 flags() const { return static_cast<u8>(op_and_flags_ >> 8); }
  void set_op_and_flags(Op op, u8 flags) { op_and_flags_ = static_cast<u32>(op) | u32{flags} << 8; }

  // What an I/O touches stands together.
  std::atomic<u32> state_{kFree};
  u16 segment_count_ = 0;
  u8 retries_ = 0;
  Status status_ = Status::Ok;  // until it ends with another
  Glimpsed<u32> op_and_flags_;
  u64 tag_ = 0;
  Glimpsed<u64> sector_;  // on the whole disk
  Glimpsed<u64> bytes_;
  std::atomic<Disk*> disk_{nullptr};  // timeouts and freezes look at it from other harts
  HwQueue* hw_queue_ = nullptr;
  Bio* first_bio_ = nullptr;  // the chain; the last one may be part of another request too
  Bio* last_bio_ = nullptr;
  std::byte* data_ = nullptr;  // where there is one segment
  Glimpsed<u64> submitted_ticks_;
  std::atomic<u64> started_ticks_{0};
  std::atomic<u64> excused_until_ticks_{0};  // by the driver; or a request before it was, under the
                                             // same tag, and then it is no later than its own time
  void* payload_ = nullptr;
  Request* next_ = nullptr;  // in the list of free tags, or of a completion batch
  SegmentCursor start_;      // in the memory of first_bio_; where there is one segment, only while
                             // others may join it
};

// What queue_rq says.
enum class QueueResult : u8 {
  Ok,      // taken: complete() will be, or has been, called
  Busy,    // no room now; offered again after a completion, or a moment later
  Failed,  // cannot be done: ends with IoError
};

// What a driver says of a request that has been with it for longer than the disk's timeout.
enum class TimeoutResult : u8 {
  Extend,  // it is all right: another period
  Fail,    // the device does not have it any more, and never will touch its memory: ends with
           // TimedOut
  Reset,   // the driver is about to end or requeue it: it resets the device, or has just ended it
};

// What a driver implements. Calls of queue_rq and commit_rqs for one hardware queue never overlap.
class QueueOps {
 public:
  // A hardware queue comes, and goes. Task.
  virtual Result<void> init_hctx(HwQueue&) { return {}; }
  virtual void exit_hctx(HwQueue&) {}

  // Which hart submits to which queue; what the driver does not change is spread evenly. Task.
  virtual void map_queues(QueueMap&) {}

  // Starts the request. `last`: no other follows at once, so tell the device now. Task or work.
  virtual QueueResult queue_rq(HwQueue& queue, Request& request, bool last) = 0;

  // Starts as many requests of plain bios as it can in one go, and tells the device of them
  // (express_lane.hpp). For drivers that say so: has_queue_rqs(). Task or work.
  virtual void queue_rqs(HwQueue&, FreshBios&) {}
  virtual bool has_queue_rqs() const { return false; }

  // Tells the device of what was queued with last = false, where the batch ended otherwise. Task or
  // work.
  virtual void commit_rqs(HwQueue&) {}

  // Completes what the device has finished; how many requests. Task or work.
  virtual unsigned poll(HwQueue&) { return 0; }

  // How often the device was told of new requests, since it began. Any context.
  virtual u64 notifications(const HwQueue&) const { return 0; }

  // The request has been with the driver for too long; it may have ended by now, and another may
  // have begun under its tag, as started_ticks() says: the driver looks under its own lock. Fail:
  // the request is the request layer's again. Work.
  virtual TimeoutResult timeout(HwQueue&, Request&) { return TimeoutResult::Extend; }

 protected:
  ~QueueOps() = default;
};

}  // namespace sluice::blk
