// Spreading harts over hardware queues.
#include <sluice/drivers/block/queue_map.hpp>

namespace sluice::blk {

QueueMap::QueueMap(u32 hw_queues, u32 read, u32 poll) {
  SLUICE_ASSERT(u64{read} + poll < hw_queues);
  const u32 general = hw_queues - read - poll;
  ranges_ = {{{0, general}, {general, read}, {general + read, poll}}};
  for (u32 type = 0; type < kQueueTypes; ++type) {
    const Range& range = ranges_[type].count > 0 ? ranges_[type] : ranges_[0];
    for (u32 hart = 0; hart < kMaxHarts; ++hart) {
      queues_[type][hart] = range.first + hart % range.count;
    }
  }
}

QueueType QueueMap::type_of(u32 queue) const {
  for (const QueueType type : {QueueType::Read, QueueType::Poll}) {
    if (queue - range(type).first < range(type).count) {
      return type;
    }
  }
  return QueueType::Default;
}

void QueueMap::map(QueueType type, u32 hart, u32 queue) {
  SLUICE_ASSERT(hart < kMaxHarts && queue - range(type).first < range(type).count);
  queues_[static_cast<u32>(type)][hart] = queue;
}

}  // namespace sluice::blk
