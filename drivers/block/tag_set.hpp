// TagSet: the hardware queues of a device with their tags, requests and the driver's payloads, and
// which hart uses which (Linux: blk_mq_tag_set). Made by a driver in probe, before its disks, of
// which it may serve several. All that an I/O needs exists before the first one. It outlives its
// disks; destroying it while a request is in flight is a checked crash.
#pragma once

#include <memory>
#include <new>
#include <span>

#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/block/queue_map.hpp>
#include <sluice/drivers/block/request.hpp>

namespace sluice::blk {

struct ScheduledDiskTag;

class TagSet {
 public:
  static constexpr u32 kMaxDepth = 4096;
  static constexpr u32 kMaxQueues = 256;

  struct Shape {
    u32 hw_queues = 1;    // 1…256
    u32 depth = 64;       // requests per hardware queue, 1…4096
    bool merge = true;    // neighbouring bios become one request
    u32 read_queues = 0;  // of hw_queues: only for reads,
    u32 poll_queues = 0;  // and only for bios with kPolled; one at least is for the rest
  };

  // Allocates everything, each request with a default-constructed Payload, and calls init_hctx for
  // each queue, then map_queues. NoMemory, Invalid (the shape), or what init_hctx said. Task.
  template <class Payload>
  static Result<std::unique_ptr<TagSet>> create(QueueOps& ops, Shape shape) {
    return create_erased(ops, shape, PayloadType::of<Payload>());
  }
  ~TagSet();
  TagSet(const TagSet&) = delete;
  TagSet& operator=(const TagSet&) = delete;

  const Shape& shape() const { return shape_; }
  QueueOps& ops() const { return ops_; }
  const QueueMap& map() const { return map_; }
  std::span<HwQueue* const> hw_queues() const { return {queues_.get(), queue_count_}; }
  // The queue that this hart submits to: where there are only default ones, and of a type.
  HwQueue& default_queue_of_this_hart() const { return *default_queues_[port::this_hart().index]; }
  HwQueue& queue_of_this_hart(QueueType type) const {
    return *queues_[map_.queue_of(type, port::this_hart().index)];
  }
  // Which of them a bio takes.
  QueueType type_for(const Bio& bio) const;
  bool only_default_queues() const { return only_default_queues_; }

  // Tags in use in all queues. Any context.
  u32 in_flight() const;
  // HwQueue::post_run of all. Any context.
  void post_run_all();

  // Calls change() while no hart passes requests on. Task or work, not from an end_io.
  template <class Change>
  void while_held(Change change) {
    hold_from(0, [](void* context) { (*static_cast<Change*>(context))(); }, &change);
  }

  // --- For Disk and HwQueue ---
  // A disk has a scheduler from now on, or none. While all queues are held.
  void add_scheduled(Disk& disk);
  void remove_scheduled(Disk& disk);
  // Asks the schedulers in turn, from that of the `next`th disk on; `next` moves on.
  bool dispatch(HwQueue& queue, u32& next, List<Bio>& to);

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
  Result<void> add_queue();
  Result<void> make_payloads(HwQueue& queue);
  void destroy_payloads(HwQueue& queue);
  void hold_from(u32 queue, void (*change)(void*), void* context);
  void tell_queues_of_schedulers();

  QueueOps& ops_;
  Shape shape_;
  PayloadType payload_;
  QueueMap map_;
  const bool only_default_queues_;
  std::array<HwQueue*, kMaxHarts> default_queues_{};  // by hart
  std::unique_ptr<HwQueue*[]> queues_;
  u32 queue_count_ = 0;  // those whose init_hctx succeeded
  List<Disk, ScheduledDiskTag> scheduled_;
  u32 scheduled_count_ = 0;
};

}  // namespace sluice::blk
