// Making and unmaking the queues of a device.
#include <sluice/drivers/block/tag_set.hpp>

#include <utility>

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {

TagSet::TagSet(QueueOps& ops, Shape shape, PayloadType payload)
    : ops_(ops),
      shape_(shape),
      payload_(payload),
      map_(shape.hw_queues, shape.read_queues, shape.poll_queues),
      only_default_queues_(shape.read_queues + shape.poll_queues == 0) {}

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
      shape.depth > kMaxDepth || u64{shape.read_queues} + shape.poll_queues >= shape.hw_queues) {
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
  ops.map_queues(set->map_);
  for (u32 hart = 0; hart < kMaxHarts; ++hart) {
    set->default_queues_[hart] = set->queues_[set->map_.queue_of(QueueType::Default, hart)];
  }
  return set;
}

Result<void> TagSet::add_queue() {
  std::unique_ptr<HwQueue> queue(new (std::nothrow) HwQueue(*this, queue_count_));
  if (queue == nullptr) {
    return fail(Errc::NoMemory);
  }
  TRY(queue->tags_.allocate(*queue, shape_.depth));
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
    queue.tags_.set_payload(tag, payload);
  }
  return {};
}

void TagSet::destroy_payloads(HwQueue& queue) {
  const usize stride = align_up(payload_.bytes, payload_.alignment);
  for (u32 tag = shape_.depth; tag > 0; --tag) {
    payload_.destroy(queue.payloads_ + (tag - 1) * stride);
  }
  ::operator delete(std::exchange(queue.payloads_, nullptr), std::align_val_t{payload_.alignment});
}

QueueType TagSet::type_for(const Bio& bio) const {
  if (shape_.poll_queues > 0 && (bio.flags & bio_flag::kPolled) != 0) {
    return QueueType::Poll;
  }
  return shape_.read_queues > 0 && bio.op == Op::Read ? QueueType::Read : QueueType::Default;
}

u32 TagSet::in_flight() const {
  u32 requests = 0;
  for (const HwQueue* queue : hw_queues()) {
    requests += queue->in_flight();
  }
  return requests;
}

void TagSet::post_run_all() {
  for (HwQueue* queue : hw_queues()) {
    queue->post_run();
  }
}

// In the order of their index, so that two who want all of them do not wait for each other.
void TagSet::hold_from(u32 queue, void (*change)(void*), void* context) {
  if (queue == queue_count_) {
    change(context);
    return;
  }
  const HwQueue::Hold hold(*queues_[queue]);
  hold_from(queue + 1, change, context);
}

// --- Schedulers ---

void TagSet::add_scheduled(Disk& disk) {
  scheduled_.push_back(disk);
  ++scheduled_count_;
  tell_queues_of_schedulers();
}

void TagSet::remove_scheduled(Disk& disk) {
  scheduled_.remove(disk);
  --scheduled_count_;
  tell_queues_of_schedulers();
}

void TagSet::tell_queues_of_schedulers() {
  for (HwQueue* queue : hw_queues()) {
    queue->set_scheduled(scheduled_count_ > 0);
  }
}

bool TagSet::dispatch(HwQueue& queue, u32& next, List<Bio>& to) {
  for (u32 asked = 0; asked < scheduled_count_; ++asked) {
    next = next + 1 < scheduled_count_ ? next + 1 : 0;
    auto at = scheduled_.begin();
    for (u32 i = 0; i < next; ++i) {
      ++at;
    }
    if (at->dispatch(queue, to)) {
      return true;
    }
  }
  return false;
}

}  // namespace sluice::blk
