// Virtqueue: the ring through which a driver lends buffers to a device and gets them back, whatever
// its layout.
// Used by drivers, which get theirs from virtio::Device; implemented by SplitQueue. Any context.
// Reference: virtio 1.2, 2.6.
//
// Order of calls: add buffers (all of one or nothing), publish() once for a batch and notify()
// where it says so; later take_used(), and enable_interrupts() before going away, which says
// whether something came in between.
//
// No call locks. Whoever adds and publishes does so from one place at a time, and so does whoever
// takes and enables; the two may be different harts where the queue is used with tables, and must
// exclude each other otherwise.
#pragma once

#include <span>

#include <sluice/drivers/virtio/transport.hpp>
#include <sluice/kernel/dma.hpp>

namespace sluice::virtio {

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
  u32 size() const { return size_; }
  // The device broke the rules of the ring (what it did is in the log): nothing is added or taken
  // from then on.
  bool broken() const { return broken_; }

  static constexpr u32 kMaxToken = 0xffff;

  // Adds a buffer of pieces, those that the device reads before those that it writes. `token` comes
  // back with it. False: too few descriptors are free, and nothing has changed.
  [[nodiscard]] virtual bool add(std::span<const dma::Mapping> pieces, u32 token) = 0;

  // Where indirect descriptors were negotiated, a queue may be used with tables instead of add():
  // each token below size() has a table and a place in the ring of its own, both described here
  // once. The device reads the first piece and writes the last, which is of the same length in all
  // tables of a queue.
  virtual void prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                             const dma::Mapping& last) = 0;
  // Adds the buffer of `token`: its table's first piece, `middle`, and the last. `table` is the
  // table's memory, the queue's until the buffer comes back; that the token is in no buffer now is
  // an assertion.
  virtual void add_table(u32 token, std::byte* table, std::span<const dma::Mapping> middle) = 0;

  // Shows the device what was added. True: it wants to be notified.
  [[nodiscard]] virtual bool publish() = 0;
  void notify() { transport_.notify(index_); }

  // Takes back what the device is done with, as much as `used` holds; how many that were.
  virtual u32 take_used(std::span<Used> used) = 0;
  // Published and not taken back yet.
  virtual u32 in_flight() const = 0;
  // Descriptors that the next add() can use.
  virtual u32 free_descriptors() const = 0;

  // No interrupts for used buffers, as far as the device cares for the hint.
  virtual void disable_interrupts() = 0;
  // An interrupt, please, once `skip` more buffers than the next one are used; of those in flight
  // now, the last always interrupts. Without EVENT_IDX `skip` counts as 0. False: that many are
  // used already, so that the interrupt may not come: take them, and ask again.
  [[nodiscard]] virtual bool enable_interrupts(u32 skip) = 0;

  // The device could not be reset: its memory is never given back.
  virtual void abandon() = 0;

 protected:
  Virtqueue(Transport& transport, u32 index, u32 size)
      : transport_(transport), index_(index), size_(size) {}
  void mark_broken() { broken_ = true; }

 private:
  Transport& transport_;
  u32 index_;
  u32 size_;
  bool broken_ = false;
};

// Memory that a device may still write to, whatever becomes of its owner.
void abandon(DmaBuffer&& memory);

}  // namespace sluice::virtio
