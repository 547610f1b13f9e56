// The engine on a device: an array of bios, as many as the depth, that go round between the device
// and this loop. Nothing is allocated while it runs, the clock is read once per batch, and the I/Os
// that came back go out again as one batch.
#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "bench.hpp"

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::app::bench {
namespace {

struct Slot : blk::Bio {
  blk::Segment segment;
  Pages memory;
  Slot* next_finished = nullptr;
  u64 started_ticks = 0;
  Histogram* latency = nullptr;  // of its direction
};

constexpr blk::Op op_of(Direction direction) {
  switch (direction) {
    case Direction::Read:
      return blk::Op::Read;
    case Direction::Write:
      return blk::Op::Write;
    case Direction::Trim:
      return blk::Op::Discard;
  }
  return blk::Op::Read;
}

constexpr Direction direction_of(Mode mode) {
  return mode == Mode::Trim ? Direction::Trim : writes(mode) ? Direction::Write : Direction::Read;
}

constexpr Direction direction_of(blk::Op op) {
  return op == blk::Op::Discard ? Direction::Trim
         : op == blk::Op::Write ? Direction::Write
                                : Direction::Read;
}

class DeviceJob {
 public:
  DeviceJob(blk::BlockDevice& device, const Options& options, const Plan& plan, Outcome& outcome)
      : device_(device),
        options_(options),
        plan_(plan),
        outcome_(outcome),
        progress_(plan),
        first_sector_(plan.first_byte / blk::kSectorBytes),
        block_sectors_(plan.block_bytes / blk::kSectorBytes) {}

  Result<void> prepare();
  void run();

 private:
  static void end_io(blk::Bio& bio);
  void prepare_slot(Slot& slot, Direction direction);
  void aim(Slot& slot, Sequence& sequence, u64 now);
  bool account(const Slot& slot, u64 now);

  blk::BlockDevice& device_;
  const Options& options_;
  const Plan& plan_;
  Outcome& outcome_;
  Progress progress_;
  u64 first_sector_;
  u64 block_sectors_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<Slot*> finished_{
      nullptr};  // a stack: pushed by end_io in any context, taken as a whole
};

void DeviceJob::prepare_slot(Slot& slot, Direction direction) {
  slot.latency = outcome_.latency[static_cast<usize>(direction)].get();
  slot.op = op_of(direction);
  slot.end_io = end_io;
  slot.context = this;
  if (direction == Direction::Trim) {
    slot.range_bytes = plan_.block_bytes;
  } else {
    slot.segment = {slot.memory.get(), plan_.block_bytes};
    slot.segments = {&slot.segment, 1};
  }
}

Result<void> DeviceJob::prepare() {
  slots_.reset(new (std::nothrow) Slot[options_.depth]);
  if (slots_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  XorShift filler(options_.seed);
  for (Slot& slot : std::span(slots_.get(), options_.depth)) {
    const Direction direction = direction_of(options_.mode);
    if (direction != Direction::Trim) {
      slot.memory = allocate_pages(pages_for(plan_.block_bytes));
      if (slot.memory == nullptr) {
        return fail(Errc::NoMemory);
      }
      for (usize at = 0; at < plan_.block_bytes; at += sizeof(u64)) {
        const u64 word = filler.next();
        std::memcpy(slot.memory.get() + at, &word, sizeof(word));
      }
    }
    prepare_slot(slot, direction);
  }
  return {};
}

// In irq, work or task context: pushes the bio back.
void DeviceJob::end_io(blk::Bio& bio) {
  auto& slot = static_cast<Slot&>(bio);
  auto& job = *static_cast<DeviceJob*>(bio.context);
  Slot* top = job.finished_.load(std::memory_order_relaxed);
  do {
    slot.next_finished = top;
  } while (!job.finished_.compare_exchange_weak(top, &slot, std::memory_order_release,
                                                std::memory_order_relaxed));
}

// This and the next function are all that bench adds to an I/O, beside end_io: inlined, so that the
// sequence stays in registers.
[[gnu::always_inline]] inline void DeviceJob::aim(Slot& slot, Sequence& sequence, u64 now) {
  slot.sector = blk::Sector(first_sector_ + sequence.next_block() * block_sectors_);
  slot.started_ticks = now;
  if (sequence.mixed()) {
    prepare_slot(slot, sequence.coin_says_write() ? Direction::Write : Direction::Read);
  }
}

// False: the I/O failed.
[[gnu::always_inline]] inline bool DeviceJob::account(const Slot& slot, u64 now) {
  slot.latency->add(now - slot.started_ticks);
  if (slot.status == blk::Status::Ok) [[likely]] {
    return true;
  }
  outcome_.fail(slot.sector.value() * blk::kSectorBytes, direction_of(slot.op),
                blk::to_string(slot.status));
  return false;
}

// Not inlined: in a caller with a large frame each spilled value costs four instructions.
[[gnu::noinline]] void DeviceJob::run() {
  const u64 begin = port::ticks();
  u64 to_issue = plan_.most_ios;
  u32 in_flight = 0;
  Sequence sequence(options_, plan_);
  List<blk::Bio> batch;
  for (; in_flight < options_.depth && to_issue > 0; ++in_flight, --to_issue) {
    aim(slots_[in_flight], sequence, begin);
    batch.push_back(slots_[in_flight]);
  }
  u64 now = begin;
  u64 done = 0;
  while (in_flight > 0) {
    if (!batch.empty()) {
      device_.submit(batch);
    }
    wait_until([this] { return finished_.load(std::memory_order_relaxed) != nullptr; });
    now = port::ticks();
    if (now - begin >= plan_.most_ticks) [[unlikely]] {
      to_issue = 0;
    }
    Slot* next = nullptr;
    for (Slot* slot = finished_.exchange(nullptr, std::memory_order_acquire); slot != nullptr;
         slot = next) {
      next = slot->next_finished;
      ++done;
      if (!account(*slot, now)) [[unlikely]] {
        to_issue = 0;
      }
      if (to_issue != 0) {
        --to_issue;
        aim(*slot, sequence, now);
        batch.push_back(*slot);
      } else {
        --in_flight;
      }
    }
    progress_.update(now, done);
  }
  outcome_.elapsed_ns = clock::ticks_to_ns(now - begin);
}

}  // namespace

Result<void> run_on_device(blk::BlockDevice& device, const Options& options, const Plan& plan,
                           Outcome& outcome) {
  DeviceJob job(device, options, plan, outcome);
  TRY(job.prepare());
  job.run();
  return {};
}

}  // namespace sluice::app::bench
