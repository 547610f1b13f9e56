// Requests on a RAM disk: carried out at once, ended now or later.
#include <sluice/drivers/block/ram_disk.hpp>

#include <algorithm>
#include <new>

#include <sluice/drivers/block/express_lane.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

constexpr u64 kNsPerSecond = 1'000'000'000;
constexpr u64 kMostBytesPerTurn = 64 * 1024;  // copied before another hart gets its turn

}  // namespace

// Nobody else is at the store while it lives.
class RamDisk::Alone {
 public:
  explicit Alone(const RamDisk& ram) : queues_(ram.tag_set_->hw_queues()) {
    for (const HwQueue* queue : queues_) {  // always in this order, so that two do not deadlock
      RamLane::of(*queue).gate.lock();
    }
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;
  ~Alone() {
    for (const HwQueue* queue : queues_) {
      RamLane::of(*queue).gate.unlock();
    }
  }

 private:
  std::span<HwQueue* const> queues_;
};

Status RamDisk::power_cut(std::span<const KeptWrite> kept) {
  Status status = Status::Ok;
  if (cache_ != nullptr) {
    const Alone alone(*this);
    status = cache_->power_cut(kept);
  }
  end_all_held(Status::IoError);  // whoever hears of it may submit anew, to the disk as it is now
  return status;
}

// --- Carrying out ---

QueueResult RamDisk::queue_rq(HwQueue& queue, Request& request, bool) {
  RamLane& lane = RamLane::of(queue);
  RamFaults::Verdict verdict;
  if (faults_.any()) [[unlikely]] {
    verdict = faults_.judge(request);
    if (verdict.swallow) {
      lane.hold(request, Status::TimedOut, RamLane::kNever);
      return QueueResult::Ok;
    }
  }
  const Status status = verdict.status == Status::Ok ? carry_out(lane, request) : verdict.status;
  if (options_.mode == Mode::Inline) [[likely]] {
    request.complete(status);
  } else {
    lane.hold(request, status, due_ns(request));
  }
  return QueueResult::Ok;
}

// Plain requests end together, where this is all that there is to do. All lie in the window of
// their bios, so that it is looked at once where it ends. Who wants all gates for itself gets its
// turn after some bytes.
void RamDisk::queue_rqs(HwQueue& queue, FreshBios& bios) {
  const Admission& window = bios.admission;
  if (!is_inside({window.first_sector << kSectorShift, window.sectors << kSectorShift}))
      [[unlikely]] {
    return;
  }
  SpinLock& gate = RamLane::of(queue).gate;
  CompletionBatch::Adder ended(queue.inline_completions());
  ExpressLane lane(bios);
  PlainRequest plain;
  u64 bytes = 0;
  gate.lock();
  while (lane.next(plain)) {
    if (bytes >= kMostBytesPerTurn) [[unlikely]] {
      bytes = 0;
      gate.unlock();
      port::relax();
      gate.lock();
    }
    bytes += plain.bytes;
    const ByteRange range{plain.sector << kSectorShift, plain.bytes};
    Status status = Status::Ok;
    if (plain.op == Op::Read) {
      store_.read(range.offset, {plain.data, plain.bytes});
    } else {
      status = save_and_write(*plain.request, range);
    }
    ended.add(*plain.request, status);
  }
  gate.unlock();
}

bool RamDisk::is_inside(ByteRange range) const {
  const u64 capacity = store_.capacity_bytes();
  return range.offset <= capacity && range.bytes <= capacity - range.offset;
}

Status RamDisk::carry_out(RamLane& lane, const Request& request) {
  const ByteRange range{request.sector().value() << kSectorShift, request.bytes()};
  if (!is_inside(range)) {
    return Status::OutOfRange;
  }
  if (request.op() != Op::Read && (request.op() != Op::Write || is_durable(request))) {
    return carry_out_alone(request, range);
  }
  Status status = Status::Ok;
  lane.gate.lock();
  if (request.op() == Op::Read) {
    read(request, range.offset);
  } else {
    status = save_and_write(request, range);
  }
  lane.gate.unlock();
  return status;
}

Status RamDisk::save_and_write(const Request& request, ByteRange range) {
  Status status = cache_ != nullptr ? cache_->save(range) : Status::Ok;
  if (status == Status::Ok) {
    status = write(request, range.offset);
  }
  if (status == Status::Ok && options_.log != nullptr) {
    options_.log->carried_out(request);
  }
  return status;
}

Status RamDisk::carry_out_alone(const Request& request, ByteRange range) {
  const Alone alone(*this);
  const Status status = change_alone(request, range);
  if (options_.log != nullptr && status == Status::Ok) {
    options_.log->carried_out(request);
  }
  return status;
}

Status RamDisk::change_alone(const Request& request, ByteRange range) {
  const Op op = request.op();
  if (op == Op::Flush) {
    if (cache_ != nullptr) {
      cache_->flush();
    }
    return Status::Ok;
  }
  if (op == Op::Write) {  // with FUA
    const Status status = write(request, range.offset);
    return status == Status::Ok && cache_ != nullptr ? cache_->make_durable(range) : status;
  }
  const ByteRange gone = op == Op::Discard ? whole_pages(range) : range;
  if (cache_ != nullptr) {
    if (const Status status = cache_->save(gone); status != Status::Ok) {
      return status;
    }
  }
  store_.write_zeroes(gone);
  return Status::Ok;
}

void RamDisk::read(const Request& request, u64 offset) const {
  if (request.segment_count() == 1) [[likely]] {
    store_.read(offset, {request.only_segment().data, request.only_segment().bytes});
    return;
  }
  for (const Segment segment : request.segments()) {
    store_.read(offset, {segment.data, segment.bytes});
    offset += segment.bytes;
  }
}

Status RamDisk::write(const Request& request, u64 offset) {
  for (const Segment segment : request.segments()) {
    const Status status = store_.write(offset, {segment.data, segment.bytes});
    if (status != Status::Ok) {
      return status;
    }
    offset += segment.bytes;
  }
  return Status::Ok;
}

// --- Ending later ---

// When a request that is queued now has gone over the disk's one path, and its latency after that.
u64 RamDisk::due_ns(const Request& request) {
  const u64 now = clock::now_ns();
  u64 through = now;
  if (options_.bytes_per_second != 0 && carries_data(request.op())) {
    const u64 takes = request.bytes() * kNsPerSecond / options_.bytes_per_second;
    u64 last = transferred_at_ns_.load(std::memory_order_relaxed);
    do {
      through = std::max(now, last) + takes;
    } while (!transferred_at_ns_.compare_exchange_weak(last, through, std::memory_order_relaxed));
  }
  return through + options_.latency_ns + (options_.jitter_ns == 0 ? 0 : jitter_of_next());
}

u64 RamDisk::jitter_of_next() {
  const u64 number = jitters_.fetch_add(1, std::memory_order_relaxed);
  return by_chance(options_.faults.seed, number) % (options_.jitter_ns + 1);
}

unsigned RamDisk::poll(HwQueue& queue) {
  return options_.mode == Mode::Timer ? RamLane::of(queue).end_due() : 0;
}

TimeoutResult RamDisk::timeout(HwQueue& queue, Request& request) {
  const u32 extensions = options_.on_timeout == OnTimeout::Extend ? options_.extensions : 0;
  RamLane& lane = RamLane::of(queue);
  lane.end_due();  // what nobody has polled for
  const TimeoutResult result = lane.give_up(request, extensions);
  if (result == TimeoutResult::Fail && options_.on_timeout == OnTimeout::Reset) {
    request.requeue();
    return TimeoutResult::Reset;
  }
  return result;
}

// Requests that were taken and have not begun to end.
bool RamDisk::has_some() const {
  bool some = false;
  for (const HwQueue* queue : tag_set_->hw_queues()) {
    queue->for_each_in_flight([&](const Request&, bool held_back) { some = some || !held_back; });
  }
  return some;
}

void RamDisk::end_all_held(Status status) {
  for (const HwQueue* queue : tag_set_->hw_queues()) {
    RamLane::of(*queue).end_all(status);
  }
}

}  // namespace sluice::blk
