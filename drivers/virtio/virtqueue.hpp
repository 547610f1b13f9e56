// Virtqueue: the ring through which a driver lends buffers to a device and gets them back, whatever
// its layout.
// Used by drivers, which get theirs from virtio::Device; implemented by SplitQueue and PackedQueue.
// Any context. Reference: virtio 1.2, 2.6.
//
// Order of calls: add buffers (all of one or nothing), publish() once for a batch and notify()
// where it says so; later take_used(), and enable_interrupts() before going away, which says
// whether something came in between.
//
// The calls go to the layout's own functions without a virtual table, so that on the path of every
// I/O they are inlined where they are made.
//
// No call locks. Whoever adds and publishes does so from one place at a time, and so does whoever
// takes and enables; the two may be different harts where the queue is used with tables, and must
// exclude each other otherwise.
#pragma once

#include <atomic>
#include <span>

#include <sluice/drivers/virtio/transport.hpp>
#include <sluice/kernel/dma.hpp>

namespace sluice::virtio {

class PackedQueue;
class SplitQueue;
struct ChainShadow;
namespace packed {
struct BufferShadow;
}

// A buffer that came back.
struct Used {
  u32 token;  // as it was added
  u32 bytes;  // that the device says it wrote; no more than it was lent
};

// An indirect table: DMA memory of the driver's in which the queue describes a buffer, so that it
// takes one place in the ring whatever its pieces are. Its first and last piece stay the same from
// buffer to buffer: a request's header and its status.
struct Table {
  std::byte* data = nullptr;
  BusAddr bus;

  // Memory for a table of `pieces` pieces.
  static constexpr usize bytes(u32 pieces) { return pieces * sizeof(split::Descriptor); }
};

class Virtqueue {
 public:
  virtual ~Virtqueue() = default;
  Virtqueue(const Virtqueue&) = delete;
  Virtqueue& operator=(const Virtqueue&) = delete;

  u32 index() const { return index_; }
  bool is_packed() const { return packed_; }
  u32 size() const { return size_; }
  // The device broke the rules of the ring (what it did is in the log): nothing is added or taken
  // from then on.
  bool broken() const { return broken_.load(std::memory_order_relaxed); }

  static constexpr u32 kMaxToken = 0xffff;

  // Adds a buffer of pieces, those that the device reads before those that it writes. `token` comes
  // back with it. False: too few descriptors are free, and nothing has changed.
  [[nodiscard]] bool add(std::span<const dma::Mapping> pieces, u32 token);

  // Where indirect descriptors were negotiated, a queue may be used with tables instead of add():
  // each token below size() has a table and a place in the ring of its own, both described here
  // once. The device reads the first piece and writes the last, which is of the same length in all
  // tables of a queue.
  void prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                     const dma::Mapping& last);
  // Adds the buffer of `token`: its table's first piece, `middle`, and the last. `table` is the
  // table's memory, the queue's until the buffer comes back; that the token is in no buffer now is
  // an assertion.
  void add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle);
  // Shows the device what was added. True: it wants to be notified.
  [[nodiscard]] bool publish();
  void notify() { doorbell_.ring(notify_value_); }

  // How many buffers the device says that it is done with, at most; 0 also where that cannot be:
  // then the queue is broken from now on.
  u32 used_count();
  // Takes back what the device is done with, as much as `used` holds; how many that were.
  u32 take_used(std::span<Used> used);
  // Would take_used() take something?
  bool has_used() const;
  // Published and not taken back yet.
  u32 in_flight() const;
  // Buffers that came back since it was made or restarted, modulo 2^32.
  u32 taken() const;
  // Descriptors that the next add() can use.
  u32 free_descriptors() const;

  // No interrupts for used buffers until enable_interrupts(), as far as the device cares for the
  // hint. One that was asked for with EVENT_IDX and came is not asked for again anyhow.
  void disable_interrupts();
  // An interrupt, please, once `skip` more buffers than the next one are used; of those in flight
  // now, the last always interrupts. Without EVENT_IDX `skip` counts as 0. False: that many are
  // used already, so that the interrupt may not come: take them, and ask again.
  [[nodiscard]] bool enable_interrupts(u32 skip);

  // The device was reset: empties the queue, as it was made, for Transport::set_up_queue(). Buffers
  // that were in it are the driver's again, and tables are to be prepared anew.
  void restart();
  // Where it is, for Transport::set_up_queue.
  QueuePlace place() const;
  // The device could not be reset: its memory is never given back.
  void abandon();

 protected:
  Virtqueue(Transport& transport, u32 index, u32 size, bool packed)
      : doorbell_(transport.doorbell(index)),
        notify_value_(doorbell_.value),
        index_(index),
        size_(size),
        packed_(packed) {}
  // With NOTIFICATION_DATA: where the next buffer will be made available, in 16 bits (2.9).
  void tell_place(u32 next) { notify_value_ = doorbell_.value | next << 16; }
  void mark_broken() { broken_.store(true, std::memory_order_relaxed); }
  void mark_whole() { broken_.store(false, std::memory_order_relaxed); }

 private:
  template <class Self, class Call>
  static decltype(auto) by_layout(Self& self, Call call);

  const Doorbell doorbell_;
  u32 notify_value_;
  u32 index_;
  u32 size_;
  const bool packed_;
  std::atomic<bool> broken_{false};
};

// Adds buffers with one piece in the middle of their tables, as most have, many in a row: what the
// queue knows of itself is at hand in between. One at a time per queue, and no other call of it
// while it lives. One class for each layout, for a loop that was written once for both.
class SplitTableBatch {
 public:
  explicit SplitTableBatch(Virtqueue& queue);
  SplitTableBatch(const SplitTableBatch&) = delete;
  SplitTableBatch& operator=(const SplitTableBatch&) = delete;
  ~SplitTableBatch();
  // As Virtqueue::add_table().
  void add(usize token, std::byte* table, BusAddr bus, u32 bytes, dma::Direction direction);
  u32 added() const { return static_cast<u32>(added_ - before_); }  // so far

 private:
  SplitQueue& queue_;
  split::Descriptor* const descriptors_;
  ChainShadow* const shadows_;
  le16* const available_ring_;
  const usize mask_;
  const u32 least_lent_;
  const usize before_;
  usize added_;
};

class PackedTableBatch {
 public:
  explicit PackedTableBatch(Virtqueue& queue);
  PackedTableBatch(const PackedTableBatch&) = delete;
  PackedTableBatch& operator=(const PackedTableBatch&) = delete;
  ~PackedTableBatch();
  void add(usize token, std::byte* table, BusAddr bus, u32 bytes, dma::Direction direction);
  u32 added() const { return static_cast<u32>(added_ - before_); }

 private:
  PackedQueue& queue_;
  packed::BufferShadow* const shadows_;
  packed::Descriptor* const end_;
  packed::Descriptor* at_;
  u64 rest_;  // of the next descriptor, but for its id
  const usize least_lent_;
  const usize published_;
  const usize before_;
  usize added_;
};

// Takes used buffers back one by one, of a queue that is used with tables; the same rules. Only
// those that are as they should be: what is odd is left to Virtqueue::take_used(), which says so.
class SplitTableCursor {
 public:
  // Tokens from `end` on are odd, too; it is no more than the queue's size.
  SplitTableCursor(Virtqueue& queue, u32 end);
  SplitTableCursor(const SplitTableCursor&) = delete;
  SplitTableCursor& operator=(const SplitTableCursor&) = delete;
  ~SplitTableCursor();
  // The token of the next one, of those that Virtqueue::used_count() told of. False: it is odd, or
  // (packed, which only knows how many there are at most) there is none.
  bool look(usize& token);
  // Takes the one that look() found.
  void take();

 private:
  SplitQueue& queue_;
  const split::UsedElement* const ring_;
  ChainShadow* const shadows_;
  const usize mask_;
  const u32 end_;
  const u32 published_;
  usize taken_;
  ChainShadow* found_ = nullptr;
};

class PackedTableCursor {
 public:
  PackedTableCursor(Virtqueue& queue, u32 end);
  PackedTableCursor(const PackedTableCursor&) = delete;
  PackedTableCursor& operator=(const PackedTableCursor&) = delete;
  ~PackedTableCursor();
  bool look(usize& token);
  void take();

 private:
  PackedQueue& queue_;
  packed::BufferShadow* const shadows_;
  const packed::Descriptor* const end_;
  const packed::Descriptor* at_;
  u64 marks_;  // of the next used descriptor
  const u32 size_;
  const u32 token_end_;
  const u32 published_;
  usize taken_;
  packed::BufferShadow* found_ = nullptr;
};

// Memory that a device may still write to, whatever becomes of its owner.
void abandon(DmaBuffer&& memory);

}  // namespace sluice::virtio
