// BlockQueue: one virtqueue of a virtio disk, as a hardware queue of the request layer: requests
// into the ring, completions out of it. Made by BlockDisk. Reference: virtio 1.2, 5.2.6.
//
// All that a request needs stands ready under its tag: the bus addresses of its data in the
// payload, and in DMA memory its slot with the header, the status byte and, where indirect
// descriptors were negotiated, a table.
#pragma once

#include <array>
#include <memory>
#include <span>

#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/virtio/block_config.hpp>
#include <sluice/drivers/virtio/bus.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::virtio {

class BlockQueue {
 public:
  static constexpr u32 kMaxSegments = 32;  // of a request's data
  static constexpr u32 kMaxDepth = 256;    // requests in flight
  static constexpr u32 kMaxQueueSize = 1024;
  static constexpr u32 kMaxRanges = 16;  // of a discard and its like
  static constexpr u64 kLongestSilenceNs = 1'000'000;

  // What the disk's queues have in common.
  struct Shape {
    bool indirect = false;
    u32 depth = 0;         // requests in flight, in each
    u32 max_segments = 0;  // of a request's data
    // By operation: how much of it one range covers; and WriteZeroes may unmap.
    std::array<u32, blk::kOps> range_sectors{};
    bool zeroes_may_unmap = false;
  };
  // How many requests of how many pieces suit a ring of `ring_size` elements. NotSupported,
  // Malformed, with the reason in the log and at the device.
  static Result<Shape> choose_shape(Device& device, const BlockConfig& config, u32 ring_size);

  static constexpr u32 kEndPieces = 2;  // header and status

  struct Slot;
  // Per request, in the CPU's memory alone: its slot, and where the device finds its data, where
  // that has to be taken back.
  struct Payload {
    Slot* slot = nullptr;
    std::array<BusAddr, port::kDmaUnmaps ? kMaxSegments : 0> pieces;
  };

  explicit BlockQueue(Device& device);
  ~BlockQueue();
  BlockQueue(const BlockQueue&) = delete;
  BlockQueue& operator=(const BlockQueue&) = delete;

  // Asks for virtqueue `index`. What Device::create_queue says. Task, in probe.
  Result<void> create_ring(u32 index, u32 wanted_size);
  u32 ring_size() const { return ring_->size(); }
  // Makes the memory of its requests. NoMemory. Task.
  Result<void> make_slots(const Shape& shape);
  // The hardware queue that it is, and the hart that reaps it. Task.
  void attach(blk::HwQueue& hw_queue);
  void set_home(Hart& hart) { home_ = &hart; }
  // All its requests will be polled for: it never interrupts. Task, before the device is live.
  void begin_silent();

  // --- QueueOps ---
  blk::QueueResult queue_rq(blk::Request& request, bool last);
  void queue_rqs(blk::FreshBios& bios);
  void commit();
  unsigned poll();
  u64 notifications() const { return notifications_.load(std::memory_order_relaxed); }
  // Does the device still have the request that has taken too long, although it was looked for
  // again? Work.
  bool still_has(const blk::Request& request);

  // What was accepted before the disk shrank may be beyond its end, and is looked at from now on.
  // While nobody submits. Task or work.
  void disk_shrank() { shrank_ = true; }
  // Waits for whoever reaps and believes that the device is live. Task or work.
  void see_reapers_off() { const LockGuard guard(lock_); }
  // The device was reset, or cannot be: nothing is taken any more, nothing comes back, and all that
  // it has ends with `status`. While nobody submits. Task or work.
  void fail_in_flight(blk::Status status);
  // The device was reset, the disk is quiesced, and nobody reaps: all that it had is tried again,
  // as often as a request is, and the ring, which is empty, made ready. Task or work.
  void begin_again();

  // --- Questions about the disk itself: a request beside those of the tags ---
  // Asks for `bytes` of what block::kTypeGetId or kTypeGetLifetime answers. False: the ring is
  // full, or the device not live. Task.
  bool ask(u32 type, u32 bytes);
  enum class QuestionState : u32 { Idle, Asked, Answered, Lost, Failed };
  // Lost: nobody waits for the answer any more, but its slot is still the device's.
  std::atomic<QuestionState>& question() { return question_; }
  u8 answer_status() const;
  std::span<const std::byte> answer(u32 bytes) const {
    return slots_.bytes().last(block::kIdBytes).first(bytes);
  }

 private:
  void prepare_ring();
  usize slot_offset(usize token) const { return token * slot_bytes_; }
  Slot& slot(usize token) const;
  dma::Mapping header_piece(u32 token) const;
  dma::Mapping status_piece(u32 token) const;

  blk::QueueResult refuse_beyond(blk::Request& request, bool last);
  blk::QueueResult cannot_map(const blk::Request& request, u32 mapped, const blk::Segment& segment,
                              Errc error);
  static void remember(blk::Request& request, u32 piece, BusAddr bus);
  static void unmap_data(const blk::Request& request, u32 pieces);
  static void unmap_pieces(const blk::Request& request, u32 pieces);
  template <class Batch>
  void add_plain(blk::FreshBios& bios);
  dma::Mapping describe_ranges(const blk::Request& request);
  bool add_chain(u32 token, std::span<dma::Mapping> pieces);
  void tell_device();
  void break_silence();

  enum class Why : u8 { Interrupt, Deadline, Poll };
  void interrupted();
  void interrupted_elsewhere();
  unsigned reap(Why why);
  bool reap_some(Why why, unsigned& total);
  bool ask_for_interrupt(Why why);
  bool wants_quiet() const;
  bool stay_silent();
  usize take(blk::CompletionBatch& batch);
  template <class Cursor>
  usize take_plain(blk::CompletionBatch& batch, usize most);
  usize take_tables(blk::CompletionBatch& batch, usize most);
  bool take_one(blk::CompletionBatch& batch);
  void finish(const Used& used, blk::CompletionBatch& batch);
  void finish_question();
  void wake_asker();
  blk::Status failure(u32 written_bytes, u8 answer, const blk::Request& request);

  Device& device_;
  Virtqueue* ring_ = nullptr;
  Shape shape_;
  bool takes_plain_ = false;  // requests of one segment, in tables
  bool shrank_ = false;       // the disk did, under requests that waited
  bool told_of_error_ = false;
  bool always_silent_ = false;  // all its requests are polled for
  SpinLock lock_;  // protects the ring among those who complete, and with chains from submission
  usize slot_bytes_ = 0;
  usize ranges_offset_ = 0;  // in a slot
  u64 dma_mask_ = 0;
  DmaBuffer slots_;
  blk::HwQueue* hw_queue_ = nullptr;
  Hart* home_ = nullptr;
  // For interrupted_elsewhere(): of the device's handler.
  static constexpr u32 kMostElsewhere = 64;
  u32 elsewhere_ = 0;
  u32 taken_by_others_ = 0;
  bool may_follow_ = true;
  std::atomic<u64> notifications_{0};  // counted by whoever submits
  std::atomic<u32> polled_{0};         // requests in flight that nobody needs an interrupt for
  std::atomic<u32> silent_{0};         // no interrupt is asked for, because there are no others
  Timer silence_timer_;
  Work reap_work_;
  std::atomic<QuestionState> question_{QuestionState::Idle};
  std::atomic<Hart*> asker_{nullptr};
};

// In DMA memory, one per tag and one for questions; behind it the table, and the ranges.
struct BlockQueue::Slot {
  static constexpr u8 kNoStatus = 0xff;  // until the device says something

  block::Header header;  // read by the device
  u8 status;             // written by the device
  u8 unused[15];

  void fill(u32 type, u64 sector) {
    header.type = type;
    header.sector = sector;
    status = kNoStatus;
  }
  std::byte* table() { return reinterpret_cast<std::byte*>(this + 1); }
};

inline BlockQueue::Slot& BlockQueue::slot(usize token) const {
  return *reinterpret_cast<Slot*>(slots_.bytes().data() + slot_offset(token));
}
inline u8 BlockQueue::answer_status() const {
  return slot(shape_.depth).status;
}

}  // namespace sluice::virtio
