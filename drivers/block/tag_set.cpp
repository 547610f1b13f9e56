// Making and unmaking the queues of a device.
#include <sluice/drivers/block/tag_set.hpp>

#include <utility>

#include <sluice/kernel/hart.hpp>

namespace sluice::blk {

TagSet::TagSet(QueueOps& ops, Shape shape, PayloadType payload)
    : ops_(ops), shape_(shape), payload_(payload) {}

TagSet::~TagSet() {
  SLUICE_ASSERT(in_flight() == 0);
  while (queue_count_ > 0) {
    HwQueue* const queue = queues_[--queue_count_];
    ops_.exit_hctx(*queue);
    destroy_payloads(*queue);
    delete queue;
  }
}

Result<std::unique_ptr<TagSet>> TagSet::create_erased(QueueOps& ops, Shape shape,
                                                      PayloadType payload) {
  if (shape.hw_queues == 0 || shape.hw_queues > kMaxQueues || shape.depth == 0 ||
      shape.depth > kMaxDepth) {
    return fail(Errc::Invalid);
  }
  std::unique_ptr<TagSet> set(new (std::nothrow) TagSet(ops, shape, payload));
  if (set == nullptr) {
    return fail(Errc::NoMemory);
  }
  set->queues_.reset(new (std::nothrow) HwQueue*[shape.hw_queues]);
  if (set->queues_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  for (u32 queue = 0; queue < shape.hw_queues; ++queue) {
    TRY(set->add_queue());
  }
  return set;
}

Result<void> TagSet::add_queue() {
  std::unique_ptr<HwQueue> queue(new (std::nothrow) HwQueue(*this, queue_count_));
  if (queue == nullptr) {
    return fail(Errc::NoMemory);
  }
  TRY(queue->allocate(shape_.depth));
  TRY(make_payloads(*queue));
  const Result<void> initialised = ops_.init_hctx(*queue);
  if (!initialised) {
    destroy_payloads(*queue);
    return initialised;
  }
  queues_[queue_count_++] = queue.release();
  return {};
}

Result<void> TagSet::make_payloads(HwQueue& queue) {
  const usize stride = align_up(payload_.bytes, payload_.alignment);
  void* const memory =
      ::operator new(stride * shape_.depth, std::align_val_t{payload_.alignment}, std::nothrow);
  if (memory == nullptr) {
    return fail(Errc::NoMemory);
  }
  queue.payloads_ = static_cast<std::byte*>(memory);
  for (u32 tag = 0; tag < shape_.depth; ++tag) {
    void* const payload = queue.payloads_ + tag * stride;
    payload_.construct(payload);
    queue.requests_[tag].payload_ = payload;
  }
  return {};
}

void TagSet::destroy_payloads(HwQueue& queue) {
  for (u32 tag = shape_.depth; tag > 0; --tag) {
    payload_.destroy(queue.requests_[tag - 1].payload_);
  }
  ::operator delete(std::exchange(queue.payloads_, nullptr), std::align_val_t{payload_.alignment});
}

HwQueue& TagSet::queue_of_this_hart() const {
  const u32 hart = port::this_hart().index;
  return *queues_[hart < queue_count_ ? hart : hart % queue_count_];
}

u32 TagSet::in_flight() const {
  u32 requests = 0;
  for (const HwQueue* queue : hw_queues()) {
    requests += queue->in_flight();
  }
  return requests;
}

}  // namespace sluice::blk
