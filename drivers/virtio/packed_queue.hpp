// PackedQueue: the packed virtqueue, with lists of descriptors and indirect tables, and EVENT_IDX.
// One ring holds both what is available and what was used. Of any size up to 32768.
// Made by virtio::Device; drivers see a Virtqueue. Reference: virtio 1.2, 2.8.
//
// What is known of a buffer stands in the queue's own shadow, by buffer id, which no device can
// reach. Of what the device writes, a used descriptor's flags, id and length are read, once and
// together, and believed only where the shadow agrees.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string_view>

#include <sluice/drivers/virtio/virtqueue.hpp>

namespace sluice::virtio {

namespace packed {

// A place in the ring, and what a descriptor there is marked with in this lap: the wrap counter.
struct Position {
  u32 place = 0;
  u64 marks;

  void advance(u32 count, u32 size) {
    place += count;
    if (place >= size) {
      place -= size;
      marks ^= Descriptor::kMarks;
    }
  }
  // Both in one, for those who only look.
  constexpr u64 word() const { return marks | place; }
  static constexpr Position of(u64 word) {
    return {static_cast<u32>(word), word & Descriptor::kMarks};
  }
};
static_assert(static_cast<u32>(Descriptor::kMarks) == 0);

// Of each buffer id.
struct BufferShadow {
  u64 table;     // with tables: its bus address,
  u64 last;      // that of its last piece,
  u32 lent;      // 1 + the bytes that the device may write; 0: the id is in no buffer
  u32 position;  // of the buffer among all that were ever added
  u16 token;     // as it was added; with tables: the id
  u16 count;     // of descriptors in the ring
  u16 next;      // in the list of free ids
  u16 pieces;    // with tables: how many its table has
};
static_assert(sizeof(BufferShadow) == 32);

}  // namespace packed

class PackedQueue final : public Virtqueue {
 public:
  struct Options {
    bool event_idx = false;
    bool indirect = false;
    bool notification_data = false;
  };

  // A queue of `size` descriptors in zeroed memory that the device does not know of yet. `name` is
  // for messages. NoMemory, OutOfRange (no memory below the transport's mask). Task.
  static Result<std::unique_ptr<PackedQueue>> create(Transport& transport, u32 index, u32 size,
                                                     Options options, std::string_view name);

  // What Virtqueue promises. A table has its pieces one after the other.
  QueuePlace place() const;
  void restart();
  bool add(std::span<const dma::Mapping> pieces, u32 token);
  void prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                     const dma::Mapping& last);
  void add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle);
  bool publish();
  // There is no index to read: either none, or no more than are in flight, or one that is not.
  u32 used_count() const { return has_used() && !broken() ? std::max(in_flight(), 1U) : 0; }
  u32 take_used(std::span<Used> used);
  bool has_used() const;
  u32 in_flight() const {
    return published_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_relaxed);
  }
  u32 taken() const { return taken_.load(std::memory_order_relaxed); }
  u32 free_descriptors() const { return free_count_; }
  void disable_interrupts();
  // Where buffers are lists of several descriptors the interrupt may come after fewer than `skip`:
  // the device counts descriptors. False also where any buffer is used already.
  bool enable_interrupts(u32 skip);
  void abandon() { virtio::abandon(std::move(memory_)); }

 private:
  friend class PackedTableBatch;
  friend class PackedTableCursor;

  PackedQueue(Transport& transport, u32 index, u32 size, Options options, std::string_view name,
              DmaBuffer memory, std::unique_ptr<packed::BufferShadow[]> shadow);
  void empty();
  void write_first(packed::Position at, u64 rest);
  void write_last(packed::BufferShadow& shadow, packed::Descriptor* entries, u32 pieces) const;
  bool wants_notification() const;
  bool take_next(Used& used);
  bool accept(u32 id, u64 rest, u32& bytes);
  bool report(u32 id, u32 bytes, const char* complaint);

  Options options_;
  bool tables_ = false;      // used with tables: token n has the id n
  u32 table_end_bytes_ = 0;  // of each table's last piece
  packed::Descriptor* descriptors_;
  le32* driver_event_;
  const le32* device_event_;
  std::unique_ptr<packed::BufferShadow[]> shadow_;

  // --- Whoever adds and publishes ---
  packed::Position avail_{.marks = packed::Descriptor::kAvail};  // the next free descriptor
  u32 added_ = 0;  // buffers, of which the next publish() shows the last
  // The first of them: its descriptor's second half is held back, and with it all that follow.
  packed::Position held_{.marks = packed::Descriptor::kAvail};
  u64 held_rest_ = 0;
  std::atomic<u32> published_{0};  // buffers that the device can see

  // --- Whoever takes ---
  packed::Position used() const {
    return packed::Position::of(used_.load(std::memory_order_relaxed));
  }
  std::atomic<u64> used_{0};   // the next used descriptor, a Position's word
  std::atomic<u32> taken_{0};  // buffers

  // --- Without tables, where one excludes the other ---
  u32 free_count_ = 0;  // descriptors
  u32 shortest_ = 0;    // no buffer had fewer
  u16 free_id_ = 0;     // valid where not all ids are in flight

  DmaBuffer memory_;
  std::string_view name_;
};

}  // namespace sluice::virtio
