// TagSet: the hardware queues of a device with their tags, requests and the driver's payloads
// (Linux: blk_mq_tag_set). Made by a driver in probe, before its disks. All that an I/O needs
// exists before the first one. It outlives its disks; destroying it while a request is in flight is
// a checked crash.
#pragma once

#include <memory>
#include <new>
#include <span>

#include <sluice/drivers/block/hw_queue.hpp>
#include <sluice/drivers/block/request.hpp>

namespace sluice::blk {

class TagSet {
 public:
  static constexpr u32 kMaxDepth = 4096;
  static constexpr u32 kMaxQueues = 256;

  struct Shape {
    u32 hw_queues = 1;  // 1…256
    u32 depth = 64;     // requests per hardware queue, 1…4096
    bool merge = true;  // neighbouring bios become one request
  };

  // Allocates everything, each request with a default-constructed Payload, and calls init_hctx for
  // each queue. NoMemory, Invalid (the shape), or what init_hctx said. Task.
  template <class Payload>
  static Result<std::unique_ptr<TagSet>> create(QueueOps& ops, Shape shape) {
    return create_erased(ops, shape, PayloadType::of<Payload>());
  }
  ~TagSet();
  TagSet(const TagSet&) = delete;
  TagSet& operator=(const TagSet&) = delete;

  const Shape& shape() const { return shape_; }
  QueueOps& ops() const { return ops_; }
  std::span<HwQueue* const> hw_queues() const { return {queues_.get(), queue_count_}; }
  // The queue that this hart submits to.
  HwQueue& queue_of_this_hart() const;
  // Tags in use in all queues. Any context.
  u32 in_flight() const;

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

  QueueOps& ops_;
  Shape shape_;
  PayloadType payload_;
  std::unique_ptr<HwQueue*[]> queues_;
  u32 queue_count_ = 0;  // those whose init_hctx succeeded
};

}  // namespace sluice::blk
