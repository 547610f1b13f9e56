// A virtio disk's requests: out through queue_rq, back through reap.
#include <sluice/drivers/virtio/block_queue.hpp>

#include <algorithm>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/express_lane.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::virtio {
namespace {

constexpr u32 kBatch = 64;          // completions taken under one holding of the lock
constexpr u32 kMaxRounds = 256;     // batches per call: a ring's worth and much more
constexpr u64 kBreathNs = 100'000;  // after so many, before the rest
constexpr u32 kFewInFlight = 8;     // up to here, each completion is told of at once

bool is_beyond_end(const blk::Request& request) {
  return request.op() != blk::Op::Flush &&
         request.sector().value() + (request.bytes() >> blk::kSectorShift) >
             request.disk().sectors();
}

constexpr dma::Direction data_direction(blk::Op op) {
  return op == blk::Op::Read ? dma::Direction::FromDevice : dma::Direction::ToDevice;
}

}  // namespace

// --- Out -----------------------------------------------------------------------------------------

dma::Mapping BlockQueue::header_piece(u32 token) const {
  return {slots_.bus(slot_offset(token)), nullptr, sizeof(block::Header), dma::Direction::ToDevice};
}

dma::Mapping BlockQueue::status_piece(u32 token) const {
  return {slots_.bus(slot_offset(token) + offsetof(Slot, status)), nullptr, 1,
          dma::Direction::FromDevice};
}

inline void BlockQueue::remember(blk::Request& request, u32 piece, BusAddr bus) {
  if constexpr (port::kDmaUnmaps) {
    request.payload<Payload>().pieces[piece] = bus;
  }
}

static_assert(static_cast<u32>(blk::Op::Read) == block::kTypeIn &&
              static_cast<u32>(blk::Op::Write) == block::kTypeOut);
constexpr std::array<u32, blk::kOps> kTypes{block::kTypeIn,          block::kTypeOut,
                                            block::kTypeFlush,       block::kTypeDiscard,
                                            block::kTypeWriteZeroes, block::kTypeSecureErase};

void BlockQueue::queue_rqs(blk::FreshBios& bios) {
  const bool may_be_beyond =
      shrank_ && bios.admission.first_sector + bios.admission.sectors > bios.disk.sectors();
  if (!takes_plain_ || may_be_beyond) [[unlikely]] {
    return;
  }
  if (ring_->is_packed()) {
    add_plain<PackedTableBatch>(bios);
  } else {
    add_plain<SplitTableBatch>(bios);
  }
}

template <class Batch>
inline void BlockQueue::add_plain(blk::FreshBios& bios) {
  u32 polled = 0;
  {
    blk::ExpressLane lane(bios);
    Batch ring(*ring_);
    const u64 mask = dma_mask_;
    blk::PlainRequest plain;
    while (lane.next(plain)) {
      const dma::Direction direction = data_direction(plain.op);
      const u32 bytes = static_cast<u32>(plain.bytes);
      dma::Mapping mapping;
      Errc error{};  // queue_rq() meets it again
      if (!dma::map_into(mapping, plain.data, bytes, direction, mask, error)) [[unlikely]] {
        blk::ExpressLane::hold_back(*plain.request);
        break;
      }
      remember(*plain.request, 0, mapping.bus);
      Slot& own = *plain.request->payload<Payload>().slot;
      own.fill(static_cast<u32>(plain.op), plain.sector);
      ring.add(plain.tag, own.table(), mapping.bus, bytes, direction);
    }
    polled = lane.polled() ? ring.added() : 0;
  }
  if (polled != 0) [[unlikely]] {
    polled_.fetch_add(polled, std::memory_order_relaxed);  // before the device sees them
  }
  tell_device();
}

// All of the request's memory, or none of it. The request layer calls it from one place at a time;
// with tables, that is all that the ring asks for.
blk::QueueResult BlockQueue::queue_rq(blk::Request& request, bool last) {
  if (!device_.live()) {
    return blk::QueueResult::Failed;
  }
  if (shrank_ && is_beyond_end(request)) [[unlikely]] {
    return refuse_beyond(request, last);
  }
  SLUICE_ASSERT(request.segment_count() <= shape_.max_segments);
  const blk::Op op = request.op();
  const dma::Direction direction = data_direction(op);
  std::array<dma::Mapping, kMaxSegments + kEndPieces> pieces;
  u32 mapped = 0;
  for (const blk::Segment segment : request.segments()) {
    dma::Mapping& piece = pieces[1 + mapped];
    Errc error{};
    if (!dma::map_into(piece, segment.data, segment.bytes, direction, dma_mask_, error))
        [[unlikely]] {
      return cannot_map(request, mapped, segment, error);
    }
    remember(request, mapped++, piece.bus);
  }
  SLUICE_ASSERT(mapped == request.segment_count());
  u32 middle = mapped;
  if (op > blk::Op::Flush) {
    pieces[1] = describe_ranges(request);
    middle = 1;
  }
  const u32 token = request.tag();
  slot(token).fill(kTypes[static_cast<u32>(op)],
                   blk::carries_data(op) ? request.sector().value() : 0);
  const std::span all = std::span(pieces).first(middle + kEndPieces);
  const u32 polled = request.polled() ? 1 : 0;  // counted before the device sees it
  if (shape_.indirect) {
    ring_->add_table(token, slot(token).table(), all.subspan(1, middle));
    polled_.fetch_add(polled, std::memory_order_relaxed);
  } else {
    const LockGuard guard(lock_);
    if (!add_chain(token, all)) {
      unmap_data(request, mapped);
      return ring_->broken() ? blk::QueueResult::Failed : blk::QueueResult::Busy;
    }
    polled_.fetch_add(polled, std::memory_order_relaxed);
  }
  if (last) {
    commit();
  }
  return blk::QueueResult::Ok;
}

// The disk's limits see to it that there are no more than kMaxRanges.
dma::Mapping BlockQueue::describe_ranges(const blk::Request& request) {
  const usize at = slot_offset(request.tag()) + ranges_offset_;
  auto* const ranges = reinterpret_cast<block::Range*>(slots_.bytes().data() + at);
  const u64 most = shape_.range_sectors[static_cast<u32>(request.op())];
  const bool unmap =
      request.op() == blk::Op::WriteZeroes && shape_.zeroes_may_unmap && !request.keeps_place();
  u64 sector = request.sector().value();
  u64 left = request.bytes() >> blk::kSectorShift;
  u32 count = 0;
  for (; left > 0; ++count) {
    SLUICE_ASSERT(count < kMaxRanges);
    const u64 sectors = std::min(left, most);
    ranges[count] = {sector, static_cast<u32>(sectors), unmap ? block::Range::kUnmap : 0};
    sector += sectors;
    left -= sectors;
  }
  return {slots_.bus(at), nullptr, count * static_cast<u32>(sizeof(block::Range)),
          dma::Direction::ToDevice};
}

// `pieces` has the data in place, between room for header and status. The lock is held.
bool BlockQueue::add_chain(u32 token, std::span<dma::Mapping> pieces) {
  pieces.front() = header_piece(token);
  pieces.back() = status_piece(token);
  if (ring_->add(pieces, token)) {
    return true;
  }
  tell_device();  // of those that it has room for
  return false;
}

void BlockQueue::commit() {
  if (shape_.indirect) {
    tell_device();
    return;
  }
  const LockGuard guard(lock_);
  tell_device();
}

inline void BlockQueue::tell_device() {
  if (!device_.live()) [[unlikely]] {
    return;  // what was added ends with the rest
  }
  if (ring_->publish()) {
    ring_->notify();
    port::store_relaxed(notifications_, notifications() + 1);
  }
  // Behind the fence of publish(): either we see that nobody waits for an interrupt, or who decides
  // that sees our request.
  if (silent_.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    break_silence();
  }
}

[[gnu::noinline]] void BlockQueue::break_silence() {
  if (ring_->in_flight() != polled_.load(std::memory_order_relaxed)) {
    post_to(*home_, reap_work_);
  }
}

// It waited while the disk shrank (5.2.6.1).
[[gnu::cold, gnu::noinline]] blk::QueueResult BlockQueue::refuse_beyond(blk::Request& request,
                                                                        bool last) {
  request.complete(blk::Status::OutOfRange);
  if (last) {
    commit();  // those before it
  }
  return blk::QueueResult::Ok;
}

[[gnu::cold, gnu::noinline]] blk::QueueResult BlockQueue::cannot_map(const blk::Request& request,
                                                                     u32 mapped,
                                                                     const blk::Segment& segment,
                                                                     Errc error) {
  unmap_data(request, mapped);
  if (error == Errc::NoMemory) {
    return blk::QueueResult::Busy;
  }
  log::error("{}: memory at {:#x} is beyond what the device can address ({:#x})",
             request.disk().name(), static_cast<const void*>(segment.data), dma_mask_);
  return blk::QueueResult::Failed;
}

// Takes the first `pieces` of its memory back from the device.
void BlockQueue::unmap_data(const blk::Request& request, u32 pieces) {
  if constexpr (port::kDmaUnmaps) {
    unmap_pieces(request, pieces);
  }
}

void BlockQueue::unmap_pieces(const blk::Request& request, u32 pieces) {
  const Payload& payload = request.payload<Payload>();
  const dma::Direction direction = data_direction(request.op());
  u32 at = 0;
  for (const blk::Segment segment : request.segments()) {
    if (at == pieces) {
      return;
    }
    port::dma_unmap(payload.pieces[at++], segment.data, segment.bytes, direction);
  }
}

// --- Back ----------------------------------------------------------------------------------------

// In irq context, on any hart: each queue is reaped by its own, so that their completions share
// nothing.
void BlockQueue::interrupted() {
  if (home_ == &port::this_hart()) [[likely]] {
    reap(Why::Interrupt);
  } else if (silent_.load(std::memory_order_relaxed) == 0 && ring_->has_used()) {
    interrupted_elsewhere();
  }
}

// The device has one interrupt for all its queues. Where this one alone was in use, twice in a row,
// the interrupt had better come to its hart; where several harts use the disk, it stays where it
// is.
[[gnu::cold, gnu::noinline]] void BlockQueue::interrupted_elsewhere() {
  post_to(*home_, reap_work_);
  if (++elsewhere_ < kMostElsewhere) {
    return;
  }
  elsewhere_ = 0;
  const u32 others = device_.buffers_taken() - ring_->taken();
  if (std::exchange(taken_by_others_, others) == others && may_follow_) {
    may_follow_ = device_.interrupt_at(*home_);
  }
}

unsigned BlockQueue::poll() {
  return device_.live() && ring_->has_used() ? reap(Why::Poll) : 0;
}

// What began since is another request under the same tag.
bool BlockQueue::still_has(const blk::Request& request) {
  if (!device_.live()) {
    return false;
  }
  reap(Why::Deadline);
  const u64 taken_ns = clock::ticks_to_ns(port::ticks() - request.started_ticks());
  return hw_queue_->in_flight_request(request.tag()) != nullptr &&
         taken_ns >= request.disk().timeout_ns();
}

// Takes what the device has finished out of the ring and ends it, the lock not held. In the end the
// device interrupts for what is still in flight.
unsigned BlockQueue::reap(Why why) {
  unsigned total = 0;
  for (u32 round = 0; round < kMaxRounds; ++round) {
    if (reap_some(why, total)) [[likely]] {
      return total;
    }
  }
  const LockGuard guard(lock_);
  silence_timer_.arm(clock::now_ns() + kBreathNs);
  return total;
}

// One batch. False: there may be more.
bool BlockQueue::reap_some(Why why, unsigned& total) {
  blk::CompletionBatch batch(*hw_queue_);  // ends its requests when the lock is free again
  bool done = true;
  bool broken = false;
  {
    const LockGuard guard(lock_);
    if (device_.live()) [[likely]] {  // else what came back in the last moment ends with the rest
      const bool quiet = wants_quiet();  // also where the last that is polled for ends now
      const usize count = take(batch);
      total += static_cast<unsigned>(count);
      done = count < kBatch && ((quiet && stay_silent()) || ask_for_interrupt(why));
      broken = ring_->broken();
    }
  }
  if (broken) [[unlikely]] {
    device_.break_down();
    return true;
  }
  return done;
}

// While many are in flight, the device and we work at the same time if it interrupts at half of
// them; but a completion must not wait for slower ones for long, so that a timer looks after it.
// The lock is held.
inline bool BlockQueue::ask_for_interrupt(Why why) {
  u32 skip = 0;
  if (const u32 in_flight = ring_->in_flight(); in_flight > kFewInFlight && why != Why::Deadline) {
    skip = in_flight / 2;
    if (!silence_timer_.armed()) {
      silence_timer_.arm(clock::now_ns() + kLongestSilenceNs);
    }
  }
  return ring_->enable_interrupts(skip);
}

// Are there some in flight that are polled for, or were there only such? The lock is held.
inline bool BlockQueue::wants_quiet() const {
  return (polled_.load(std::memory_order_relaxed) | silent_.load(std::memory_order_relaxed)) != 0;
}

// Does nobody need an interrupt, because all that is in flight is polled for? (A queue that is
// polled is silent while it is empty, too.)
[[gnu::noinline]] bool BlockQueue::stay_silent() {
  const auto only_polled = [this] {
    return ring_->in_flight() == polled_.load(std::memory_order_relaxed);
  };
  if (only_polled()) {
    silent_.store(1, std::memory_order_relaxed);
    ring_->disable_interrupts();
    order_before_recheck();
    if (only_polled()) {
      return true;
    }
  }
  silent_.store(0, std::memory_order_relaxed);
  return false;
}

// Takes kBatch at most. The lock is held.
inline usize BlockQueue::take(blk::CompletionBatch& batch) {
  const usize most = std::min<usize>(ring_->used_count(), kBatch);
  usize count = take_tables(batch, most);
  while (count < most && take_one(batch)) [[unlikely]] {
    ++count;
    count += take_tables(batch, most - count);
  }
  return count;
}

inline usize BlockQueue::take_tables(blk::CompletionBatch& batch, usize most) {
  return !shape_.indirect     ? 0
         : ring_->is_packed() ? take_plain<PackedTableCursor>(batch, most)
                              : take_plain<SplitTableCursor>(batch, most);
}

// Takes as long as there is nothing but requests that ended well; how many. There is no call on the
// way, so that all registers are the loop's.
template <class Cursor>
[[gnu::noinline]] usize BlockQueue::take_plain(blk::CompletionBatch& batch, usize most) {
  Cursor used(*ring_, shape_.depth);
  blk::CompletionBatch::Adder adder(batch);
  const std::span<blk::Request> requests = hw_queue_->requests();
  const bool any_polled = polled_.load(std::memory_order_relaxed) != 0;
  usize left = most;
  usize tag = 0;
  for (; left > 0 && used.look(tag); --left) {
    blk::Request& request = requests[tag];
    if (request.payload<Payload>().slot->status != block::kStatusOk ||
        (any_polled && request.polled())) [[unlikely]] {
      break;
    }
    used.take();
    unmap_data(request, request.segment_count());
    adder.add_ok(request);
  }
  return most - left;
}

// False: there is no other used buffer, or it makes no sense.
[[gnu::noinline]] bool BlockQueue::take_one(blk::CompletionBatch& batch) {
  Used used{};
  if (ring_->take_used({&used, 1}) == 0) {
    return false;
  }
  finish(used, batch);
  return true;
}

// The lock is held.
void BlockQueue::finish(const Used& used, blk::CompletionBatch& batch) {
  if (used.token == shape_.depth) [[unlikely]] {
    finish_question();
    return;
  }
  blk::Request& request = hw_queue_->requests()[used.token];
  if (request.polled()) {
    polled_.fetch_sub(1, std::memory_order_relaxed);
  }
  const u8 answer = request.payload<Payload>().slot->status;
  unmap_data(request, request.segment_count());
  const u64 most_bytes = sizeof(answer) + (request.op() == blk::Op::Read ? request.bytes() : 0);
  const bool whole = used.bytes == most_bytes || device_.legacy();  // 2.7.8.3, 2.7.8.1
  batch.add(request, whole && answer == block::kStatusOk ? blk::Status::Ok
                                                         : failure(used.bytes, answer, request));
}

[[gnu::cold, gnu::noinline]] blk::Status BlockQueue::failure(u32 written_bytes, u8 answer,
                                                             const blk::Request& request) {
  if (!told_of_error_) {
    told_of_error_ = true;
    log::error(
        "{}: {} of sector {} answered with status {} and {} bytes; later errors are not "
        "logged",
        request.disk().name(), blk::to_string(request.op()), request.sector(), answer,
        written_bytes);
  }
  return answer == block::kStatusUnsupported ? blk::Status::Unsupported : blk::Status::IoError;
}

// Who reaps on another hart has what it took in a batch of its own, or finds that the device is not
// live.
void BlockQueue::fail_in_flight(blk::Status status) {
  takes_plain_ = false;
  silence_timer_.cancel();
  {
    blk::CompletionBatch batch(*hw_queue_);  // ends its requests when the lock is free again
    const LockGuard guard(lock_);
    for (u32 tag = 0; tag < shape_.depth; ++tag) {
      blk::Request* const request = hw_queue_->in_flight_request(tag);
      if (request == nullptr) {
        continue;
      }
      // What a deaf device may still read or write stays lent to it.
      if (!device_.holds_memory()) {
        unmap_data(*request, request->segment_count());
      }
      batch.add(*request, status);
    }
  }
  QuestionState asked = QuestionState::Asked;
  question_.compare_exchange_strong(asked, QuestionState::Failed);
  wake_asker();
}

}  // namespace sluice::virtio
