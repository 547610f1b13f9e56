// A queue of a virtio disk: its set-up and end, and the request for what the disk says of itself.
#include <algorithm>
#include <array>

#include <sluice/drivers/virtio/block_queue.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::virtio {
// --- Set-up --------------------------------------------------------------------------------------

BlockQueue::BlockQueue(Device& device)
    : device_(device),
      silence_timer_([](void* queue) { static_cast<BlockQueue*>(queue)->reap(Why::Deadline); },
                     this),
      reap_work_([](void* queue) { static_cast<BlockQueue*>(queue)->reap(Why::Interrupt); }, this) {
}

Result<void> BlockQueue::create_ring(u32 index, u32 wanted_size) {
  ring_ = TRY(device_.create_queue(
      index, wanted_size, [](void* queue) { static_cast<BlockQueue*>(queue)->interrupted(); },
      this));
  return {};
}

Result<BlockQueue::Shape> BlockQueue::choose_shape(Device& device, const BlockConfig& config,
                                                   u32 ring_size) {
  Shape shape;
  shape.indirect = device.has(feature::kIndirectDesc);
  const u32 least = shape.indirect ? 2 : 1 + kEndPieces;
  if (ring_size < least) {
    log::error(
        "{}: a ring of {} has no room for header, data and status{}; boot with "
        "virtio_blk.queue_size=4 or more",
        device.name(), ring_size,
        shape.indirect ? "" : ", and the device offers no indirect descriptors");
    return device.reject(Errc::NotSupported, "its ring is too small for a request");
  }
  // No chain is longer than the ring (2.7.5.3.1), tables included. A ring of 2 is the exception:
  // there a table of three is the only way to say anything, and devices take it.
  const u32 most = ring_size > kEndPieces ? ring_size - kEndPieces : 1;
  shape.max_segments = std::min({config.max_segments, most, kMaxSegments});
  // With tables each request has its place in the ring, and the one for questions has the last;
  // chains take what there is.
  shape.depth = std::min(shape.indirect ? ring_size - 1 : ring_size / (1 + kEndPieces), kMaxDepth);
  shape.range_sectors[static_cast<u32>(blk::Op::Discard)] = config.discard.sectors;
  shape.range_sectors[static_cast<u32>(blk::Op::WriteZeroes)] = config.write_zeroes.sectors;
  shape.range_sectors[static_cast<u32>(blk::Op::SecureErase)] = config.secure_erase.sectors;
  shape.zeroes_may_unmap = config.zeroes_may_unmap;
  if (u64{shape.max_segments} * config.max_segment_bytes < config.block_bytes) {
    log::error("{}: {} segments of size_max {} do not hold a block of {} bytes", device.name(),
               shape.max_segments, config.max_segment_bytes, config.block_bytes);
    return device.reject(Errc::Malformed, "its requests cannot hold one block");
  }
  return shape;
}

void BlockQueue::attach(blk::HwQueue& hw_queue) {
  hw_queue_ = &hw_queue;
  for (u32 tag = 0; tag < shape_.depth; ++tag) {
    hw_queue.requests()[tag].payload<Payload>().slot = &slot(tag);
  }
}

Result<void> BlockQueue::make_slots(const Shape& shape) {
  shape_ = shape;
  takes_plain_ = shape.indirect;
  const u32 count = shape.depth + 1;  // the last is for questions
  const usize table_bytes = shape.indirect ? Table::bytes(shape.max_segments + kEndPieces) : 0;
  const bool ranges =
      std::ranges::any_of(shape.range_sectors, [](u32 sectors) { return sectors > 0; });
  ranges_offset_ = sizeof(Slot) + table_bytes;
  slot_bytes_ = ranges_offset_ + (ranges ? kMaxRanges * sizeof(block::Range) : 0);
  dma_mask_ = device_.transport().dma_mask();
  slots_ = TRY(
      DmaBuffer::allocate(slot_offset(count) + sizeof(Slot), alignof(std::max_align_t), dma_mask_));
  prepare_ring();
  return {};
}

// What a ring that is empty has to know of the slots.
void BlockQueue::prepare_ring() {
  for (u32 token = 0; shape_.indirect && token <= shape_.depth; ++token) {
    const usize table = slot_offset(token) + sizeof(Slot);
    ring_->prepare_table(token, {slots_.bytes().data() + table, slots_.bus(table)},
                         header_piece(token), status_piece(token));
  }
  polled_.store(0, std::memory_order_relaxed);
  silent_.store(always_silent_ ? 1 : 0, std::memory_order_relaxed);
  if (always_silent_) {
    ring_->disable_interrupts();
  }
}

void BlockQueue::begin_silent() {
  always_silent_ = true;
  prepare_ring();
}

// Who reaped on another hart has what it took in a batch of its own. A request under which the
// device was reset may be the reason, so that it is not tried for ever.
void BlockQueue::begin_again() {
  silence_timer_.cancel();
  {
    const LockGuard guard(lock_);  // for the eyes of who reaps next
    prepare_ring();
  }
  blk::CompletionBatch batch(*hw_queue_);
  for (u32 tag = 0; tag < shape_.depth; ++tag) {
    if (blk::Request* const request = hw_queue_->in_flight_request(tag); request != nullptr) {
      unmap_data(*request, request->segment_count());
      batch.add(*request, blk::Status::Transient);
    }
  }
  QuestionState asked = QuestionState::Asked;
  if (!question_.compare_exchange_strong(asked, QuestionState::Failed)) {
    QuestionState lost = QuestionState::Lost;
    question_.compare_exchange_strong(lost, QuestionState::Idle);
  }
  wake_asker();
}

BlockQueue::~BlockQueue() {
  cancel_and_wait(reap_work_);
  silence_timer_.cancel_and_wait();
  if (device_.holds_memory()) {
    log::error("{}: the memory of its requests is never freed: the device may still use it",
               device_.name());
    abandon(std::move(slots_));
  }
}

// --- Questions about the disk itself
// --------------------------------------------------------------

bool BlockQueue::ask(u32 type, u32 bytes) {
  asker_.store(&port::this_hart(), std::memory_order_release);
  const u32 token = shape_.depth;
  const usize at = slots_.bytes().size() - block::kIdBytes;
  std::array<dma::Mapping, 1 + kEndPieces> pieces;
  pieces[1] = {slots_.bus(at), nullptr, bytes, dma::Direction::FromDevice};
  slot(token).fill(type, 0);
  const blk::HwQueue::Hold alone(*hw_queue_);
  if (!device_.live()) {
    return false;
  }
  if (shape_.indirect) {
    ring_->add_table(token, slot(token).table(), std::span(pieces).subspan(1, 1));
  } else if (const LockGuard guard(lock_); !add_chain(token, pieces)) {
    return false;
  }
  commit();
  return true;
}

[[gnu::cold]] void BlockQueue::finish_question() {
  QuestionState asked = QuestionState::Asked;
  if (!question_.compare_exchange_strong(asked, QuestionState::Answered)) {
    question_.store(QuestionState::Idle);  // too late for anybody
  }
  wake_asker();
}

void BlockQueue::wake_asker() {
  if (Hart* const asker = asker_.load(std::memory_order_acquire); asker != nullptr) {
    wake(*asker);
  }
}

}  // namespace sluice::virtio
