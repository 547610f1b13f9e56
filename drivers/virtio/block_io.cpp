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

Table BlockDisk::table(u32 token) const {
  const usize offset = slot_offset(token) + sizeof(Slot);
  return {slots_.bytes().data() + offset, slots_.bus(offset), 1};
}

dma::Mapping BlockDisk::header_piece(u32 token) const {
  return {slots_.bus(slot_offset(token)), nullptr, sizeof(block::Header), dma::Direction::ToDevice};
}

dma::Mapping BlockDisk::status_piece(u32 token) const {
  return {slots_.bus(slot_offset(token) + offsetof(Slot, status)), nullptr, 1,
          dma::Direction::FromDevice};
}

blk::QueueResult BlockDisk::queue_rq(blk::HwQueue&, blk::Request& request, bool last) {
  const blk::Op op = request.op();
  if (!device_.live() || (op != blk::Op::Read && op != blk::Op::Write && op != blk::Op::Flush)) {
    return blk::QueueResult::Failed;
  }
  Payload& payload = request.payload<Payload>();
  const blk::QueueResult mapped = map_data(request, payload);
  if (mapped != blk::QueueResult::Ok) [[unlikely]] {
    return mapped;
  }
  const u32 token = request.tag();
  Slot& own = slot(token);
  own.header.type = op == blk::Op::Read    ? block::kTypeIn
                    : op == blk::Op::Write ? block::kTypeOut
                                           : block::kTypeFlush;
  own.header.sector = op == blk::Op::Flush ? 0 : request.sector().value();
  own.status = kNoStatus;
  bool added;
  bool notify;
  {
    const LockGuard guard(lock_);
    added = add_to_ring(token, std::span(payload.pieces).first(payload.segments + 2));
    if (added) {
      issued_[token] = &request;
    }
    notify = (last || !added) && ring_->publish();
  }
  if (notify) {
    ring_->notify();
  }
  if (!added) [[unlikely]] {
    unmap_data(payload);
    return ring_->broken() ? blk::QueueResult::Failed : blk::QueueResult::Busy;
  }
  return blk::QueueResult::Ok;
}

void BlockDisk::commit_rqs(blk::HwQueue&) {
  bool notify = false;
  if (device_.live()) {
    const LockGuard guard(lock_);
    notify = ring_->publish();
  }
  if (notify) {
    ring_->notify();
  }
}

// All of the request's memory, or none of it.
blk::QueueResult BlockDisk::map_data(blk::Request& request, Payload& payload) {
  payload.segments = 0;
  const dma::Direction direction =
      request.op() == blk::Op::Read ? dma::Direction::FromDevice : dma::Direction::ToDevice;
  const u64 mask = device_.transport().dma_mask();
  for (const blk::Segment segment : request.segments()) {
    SLUICE_ASSERT(payload.segments < max_segments_);
    const Result<dma::Mapping> mapping = dma::map(segment.data, segment.bytes, direction, mask);
    if (!mapping) [[unlikely]] {
      unmap_data(payload);
      if (mapping.error() == Errc::NoMemory) {
        return blk::QueueResult::Busy;
      }
      log::error("{}: memory at {:#x} is beyond what the device can address ({:#x})", disk_->name(),
                 static_cast<const void*>(segment.data), mask);
      return blk::QueueResult::Failed;
    }
    payload.pieces[++payload.segments] = *mapping;
  }
  return blk::QueueResult::Ok;
}

void BlockDisk::unmap_data(Payload& payload) {
  for (const dma::Mapping& mapping : payload.data()) {
    dma::unmap(mapping);
  }
  payload.segments = 0;
}

// `pieces` has the data in place, between room for header and status.
bool BlockDisk::add_to_ring(u32 token, std::span<dma::Mapping> pieces) {
  if (indirect_) {
    return ring_->add_table(table(token), pieces.subspan(1, pieces.size() - 2), token);
  }
  pieces.front() = header_piece(token);
  pieces.back() = status_piece(token);
  return ring_->add(pieces, token);
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

void BlockDisk::finish(u32 token) {
  if (token == depth_) [[unlikely]] {
    u32 asked = kAsked;
    if (!id_state_.compare_exchange_strong(asked, kAnswered)) {
      id_state_.store(kIdle);  // it came too late for anybody
    }
    return;
  }
  blk::Request& request = *issued_[token];
  issued_[token] = nullptr;
  const blk::Status status = status_of(token, request);
  unmap_data(request.payload<Payload>());
  request.complete(status);
}

blk::Status BlockDisk::status_of(u32 token, const blk::Request& request) {
  const u8 status = slot(token).status;
  if (status == block::kStatusOk) [[likely]] {
    return blk::Status::Ok;
  }
  if (!told_of_error_) {
    told_of_error_ = true;
    log::error("{}: {} of sector {} answered with status {}; later errors are not logged",
               disk_->name(), blk::to_string(request.op()), request.sector(), status);
  }
  return status == block::kStatusUnsupported ? blk::Status::Unsupported : blk::Status::IoError;
}

}  // namespace sluice::virtio
