// QueueMap: which hart submits to which hardware queue, for each type of queue (Linux:
// blk_mq_queue_map). Used by TagSet, and by a driver's map_queues to change it.
#pragma once

#include <array>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::blk {

// What a hardware queue is for. Bios whose type has no queues go to the default ones.
enum class QueueType : u8 {
  Default,
  Read,  // reads
  Poll,  // bios with kPolled: the device never interrupts for it
};
inline constexpr u32 kQueueTypes = 3;

class QueueMap {
 public:
  // The queues of a type, by their index in the tag set.
  struct Range {
    u32 first = 0;
    u32 count = 0;
  };

  // Spread evenly: hart h to the queue h modulo their number. `read` and `poll` of the `hw_queues`
  // are of those types, the last ones; at least one is left.
  QueueMap(u32 hw_queues, u32 read, u32 poll);

  const Range& range(QueueType type) const { return ranges_[static_cast<u32>(type)]; }
  QueueType type_of(u32 queue) const;
  u32 queue_of(QueueType type, u32 hart) const { return queues_[static_cast<u32>(type)][hart]; }
  // `queue` is in range(type).
  void map(QueueType type, u32 hart, u32 queue);

 private:
  std::array<Range, kQueueTypes> ranges_;
  std::array<std::array<u32, kMaxHarts>, kQueueTypes> queues_;
};

}  // namespace sluice::blk
