// SplitQueue: the split virtqueue, with direct and indirect descriptors and EVENT_IDX.
// Made by virtio::Device; drivers see a Virtqueue. Reference: virtio 1.2, 2.7.
//
// What is known of a buffer stands in the queue's own shadow, which no device can reach. The
// descriptors and the available ring are only written; of what the device writes, the used index
// and elements are read, once each, and believed only where the shadow agrees.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include <sluice/drivers/virtio/virtqueue.hpp>

namespace sluice::virtio {

// Of each descriptor of the ring. The first of a chain speaks for the chain.
struct alignas(16) ChainShadow {
  u32 lent;  // 1 + the bytes that the device may write; 0: not the first of one in flight
  u16 token;
  u16 count;     // of descriptors in the chain
  u32 position;  // of the chain among all that were ever added
  u16 next;      // in the chain, or in the list of free descriptors
  u16 last;      // of the chain
};

class SplitQueue final : public Virtqueue {
 public:
  struct Options {
    bool event_idx = false;
    bool indirect = false;
    bool notification_data = false;
    bool check_length = true;  // legacy devices are known to get the used length wrong (2.7.8.1)
  };

  // A queue of `size` elements, a power of two up to 32768, in zeroed memory that the device does
  // not know of yet. `name` is for messages. NoMemory, OutOfRange (no memory below the transport's
  // mask). Task.
  static Result<std::unique_ptr<SplitQueue>> create(Transport& transport, u32 index, u32 size,
                                                    Options options, std::string_view name);

  // What Virtqueue promises.
  QueuePlace place() const;
  void restart();
  bool add(std::span<const dma::Mapping> pieces, u32 token);
  void prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                     const dma::Mapping& last);
  void add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle);
  bool publish();
  u32 used_count();
  u32 take_used(std::span<Used> used);
  bool has_used() const;
  u32 in_flight() const {
    return published_.load(std::memory_order_relaxed) - last_used_.load(std::memory_order_relaxed);
  }
  u32 taken() const { return last_used_.load(std::memory_order_relaxed); }
  u32 free_descriptors() const { return free_count_; }
  void disable_interrupts();
  bool enable_interrupts(u32 skip);
  void abandon() { virtio::abandon(std::move(memory_)); }

 private:
  friend class SplitTableBatch;
  friend class SplitTableCursor;

  SplitQueue(Transport& transport, u32 index, u32 size, Options options, std::string_view name,
             DmaBuffer memory, std::unique_ptr<ChainShadow[]> shadow);
  void link_free_descriptors();
  void make_available(usize head, u32 writable_bytes);
  void report_index(u16 used_index, u16 waiting);
  void free_chain(u16 head, const ChainShadow& shadow);
  bool take_next(Used& used);
  bool accept(u32 id, u32& bytes);
  bool report_element(u32 id, u32 bytes, const char* complaint);

  Options options_;
  bool tables_ = false;      // used with tables: descriptor n is token n's for ever
  u32 table_end_bytes_ = 0;  // of each table's last piece
  u16 mask_;                 // size − 1
  u16 free_head_ = 0;        // valid where free_count_ > 0
  u16 free_count_ = 0;
  std::atomic<u32> added_{0};      // chains, of which the next publish() shows the last
  std::atomic<u32> published_{0};  // chains that the device sees: its index is the lower half
  std::atomic<u32> last_used_{0};  // elements that were taken
  split::Descriptor* descriptors_;
  split::RingHeader* available_;
  le16* available_ring_;  // followed by used_event
  split::RingHeader* used_;
  split::UsedElement* used_ring_;
  le16* avail_event_;
  std::unique_ptr<ChainShadow[]> shadow_;
  DmaBuffer memory_;
  std::string_view name_;
};

}  // namespace sluice::virtio
