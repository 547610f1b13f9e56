// A virtio disk's requests: out through queue_rq, back through reap.
#include <algorithm>

#include <sluice/drivers/virtio/block_disk.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::virtio {
namespace {

constexpr u32 kBatch = 16;        // completions taken under one holding of the lock
constexpr u32 kMaxRounds = 1024;  // batches per call: a ring's worth and much more
constexpr u32 kFewInFlight = 8;   // up to here, each completion is told of at once

}  // namespace

// --- Out -----------------------------------------------------------------------------------------

dma::Mapping BlockDisk::header_piece(u32 token) const {
  return {slots_.bus(slot_offset(token)), nullptr, sizeof(block::Header), dma::Direction::ToDevice};
}

dma::Mapping BlockDisk::status_piece(u32 token) const {
  return {slots_.bus(slot_offset(token) + offsetof(Slot, status)), nullptr, 1,
          dma::Direction::FromDevice};
}

static_assert(static_cast<u32>(blk::Op::Read) == block::kTypeIn &&
              static_cast<u32>(blk::Op::Write) == block::kTypeOut &&
              blk::Op::Discard > blk::Op::Flush && blk::Op::WriteZeroes > blk::Op::Flush);

// The request layer calls it from one place at a time; with tables, that is all that the ring asks
// for.
blk::QueueResult BlockDisk::queue_rq(blk::HwQueue&, blk::Request& request, bool last) {
  const blk::Op op = request.op();
  if (!device_.live() || op > blk::Op::Flush) [[unlikely]] {
    return blk::QueueResult::Failed;
  }
  Payload& payload = request.payload<Payload>();
  const blk::QueueResult mapped = map_data(request, payload);
  if (mapped != blk::QueueResult::Ok) [[unlikely]] {
    return mapped;
  }
  const u32 token = request.tag();
  Slot& own = slot(token);
  if (op == blk::Op::Flush) [[unlikely]] {
    own.fill(block::kTypeFlush, 0);
  } else {
    own.fill(static_cast<u32>(op), request.sector().value());
  }
  if (!indirect_) {
    return queue_chain(request, payload, last);
  }
  issued_[token] = &request;
  ring_->add_table(token, own.table(), payload.data());
  if (last) {
    tell_device();
  }
  return blk::QueueResult::Ok;
}

blk::QueueResult BlockDisk::queue_chain(blk::Request& request, Payload& payload, bool last) {
  bool added;
  bool notify;
  {
    const LockGuard guard(lock_);
    added = add_chain(request.tag(), payload.all());
    if (added) {
      issued_[request.tag()] = &request;
    }
    notify = (last || !added) && ring_->publish();
  }
  if (notify) {
    ring_->notify();
  }
  if (added) {
    return blk::QueueResult::Ok;
  }
  unmap_data(payload);
  return ring_->broken() ? blk::QueueResult::Failed : blk::QueueResult::Busy;
}

// `pieces` has the data in place, between room for header and status.
bool BlockDisk::add_chain(u32 token, std::span<dma::Mapping> pieces) {
  pieces.front() = header_piece(token);
  pieces.back() = status_piece(token);
  return ring_->add(pieces, token);
}

void BlockDisk::commit_rqs(blk::HwQueue&) {
  if (!device_.live()) {
    return;
  }
  if (indirect_) {
    tell_device();
    return;
  }
  const LockGuard guard(lock_);
  tell_device();
}

void BlockDisk::tell_device() {
  if (ring_->publish()) {
    ring_->notify();
  }
}

// All of the request's memory, or none of it. Nearly always it is one segment.
[[gnu::always_inline]] inline blk::QueueResult BlockDisk::map_data(const blk::Request& request,
                                                                   Payload& payload) {
  payload.segments = request.segment_count();
  if (payload.segments != 1) [[unlikely]] {
    return map_segments(request, payload);
  }
  const dma::Direction direction =
      request.op() == blk::Op::Read ? dma::Direction::FromDevice : dma::Direction::ToDevice;
  const blk::Segment segment = *request.segments().begin();
  const Result<void> mapped =
      dma::map_into(payload.data()[0], segment.data, segment.bytes, direction, dma_mask_);
  return mapped ? blk::QueueResult::Ok : cannot_map(payload, 0, segment, mapped.error());
}

[[gnu::noinline]] blk::QueueResult BlockDisk::map_segments(const blk::Request& request,
                                                           Payload& payload) {
  SLUICE_ASSERT(payload.segments <= max_segments_);
  const dma::Direction direction =
      request.op() == blk::Op::Read ? dma::Direction::FromDevice : dma::Direction::ToDevice;
  u32 mapped = 0;
  for (const blk::Segment segment : request.segments()) {
    const Result<void> result =
        dma::map_into(payload.data()[mapped], segment.data, segment.bytes, direction, dma_mask_);
    if (!result) [[unlikely]] {
      return cannot_map(payload, mapped, segment, result.error());
    }
    ++mapped;
  }
  SLUICE_ASSERT(mapped == payload.segments);
  return blk::QueueResult::Ok;
}

[[gnu::cold]] blk::QueueResult BlockDisk::cannot_map(Payload& payload, u32 mapped,
                                                     const blk::Segment& segment, Errc error) {
  payload.segments = mapped;
  unmap_data(payload);
  if (error == Errc::NoMemory) {
    return blk::QueueResult::Busy;
  }
  log::error("{}: memory at {:#x} is beyond what the device can address ({:#x})", disk_->name(),
             static_cast<const void*>(segment.data), dma_mask_);
  return blk::QueueResult::Failed;
}

void BlockDisk::unmap_data(Payload& payload) {
  for (const dma::Mapping& mapping : payload.data()) {
    dma::unmap(mapping);
  }
  payload.segments = 0;
}

// --- Back ----------------------------------------------------------------------------------------

unsigned BlockDisk::poll(blk::HwQueue&) {
  return device_.live() ? reap(Why::Poll) : 0;
}

// Takes what the device has finished out of the ring and ends it, the lock not held. In the end the
// device interrupts for what is still in flight.
unsigned BlockDisk::reap(Why why) {
  unsigned total = 0;
  for (u32 round = 0; round < kMaxRounds; ++round) {
    std::array<Used, kBatch> used;
    u32 count;
    bool asked = false;
    {
      const LockGuard guard(lock_);
      if (round == 0 && why == Why::Interrupt) {
        ring_->disable_interrupts();
      }
      count = ring_->take_used(used);
      if (count == 0 && total == 0 && why == Why::Poll) {
        return 0;  // what was asked for still holds
      }
      if (count < kBatch) {
        asked = ask_for_interrupt(why);
      }
    }
    for (const Used& element : std::span(used).first(count)) {
      finish(element.token);
    }
    total += count;
    if (ring_->broken()) [[unlikely]] {
      device_.break_down();
      return total;
    }
    if (asked) {
      return total;
    }
  }
  silence_timer_.arm(clock::now_ns());  // the rest after a breath
  return total;
}

// While many are in flight, the device and we work at the same time if it interrupts at half of
// them; but a completion must not wait for slower ones for long, so that a timer looks after it.
// The lock is held.
bool BlockDisk::ask_for_interrupt(Why why) {
  const u32 in_flight = ring_->in_flight();
  if (why == Why::Deadline || in_flight <= kFewInFlight) {
    return ring_->enable_interrupts(0);
  }
  if (!silence_timer_.armed()) {
    silence_timer_.arm(clock::now_ns() + kLongestSilenceNs);
  }
  return ring_->enable_interrupts(in_flight / 2);
}

inline void BlockDisk::finish(u32 token) {
  if (token == depth_) [[unlikely]] {
    finish_id();
    return;
  }
  blk::Request& request = *std::exchange(issued_[token], nullptr);
  const u8 answer = slot(token).status;
  unmap_data(request.payload<Payload>());
  request.complete(answer == block::kStatusOk ? blk::Status::Ok : failure(answer, request));
}

[[gnu::cold]] void BlockDisk::finish_id() {
  u32 asked = kAsked;
  if (!id_state_.compare_exchange_strong(asked, kAnswered)) {
    id_state_.store(kIdle);  // too late for anybody
  }
}

[[gnu::cold]] blk::Status BlockDisk::failure(u8 answer, const blk::Request& request) {
  if (!told_of_error_) {
    told_of_error_ = true;
    log::error("{}: {} of sector {} answered with status {}; later errors are not logged",
               disk_->name(), blk::to_string(request.op()), request.sector(), answer);
  }
  return answer == block::kStatusUnsupported ? blk::Status::Unsupported : blk::Status::IoError;
}

}  // namespace sluice::virtio
