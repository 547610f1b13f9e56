// The engine on a file: as many reads in flight as the depth, through the volume.
#include <algorithm>
#include <memory>
#include <new>

#include "bench.hpp"

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::app::bench {
namespace {

struct Slot {
  std::unique_ptr<fat::ReadJob> job;
  Completion done;
  Pages memory;
  u64 started_ticks = 0;
  u64 byte = 0;       // of the I/O
  u32 got_bytes = 0;  // of it: a read ends early where the file is in many pieces
  bool active = false;
};

class FileJob {
 public:
  FileJob(fat::File& file, const Options& options, const Plan& plan, Outcome& outcome)
      : file_(file),
        options_(options),
        plan_(plan),
        outcome_(outcome),
        sequence_(options, plan, 0),
        progress_(tally_, plan.block_bytes) {}

  Result<void> prepare(fat::Volume& volume);
  void run();

 private:
  std::span<Slot> slots() { return {slots_.get(), options_.depth}; }
  void begin_io(Slot& slot, u64 now);
  void start(Slot& slot);
  void fail_io(Slot& slot, Errc error);
  void finish(Slot& slot, u64 now);

  fat::File& file_;
  const Options& options_;
  const Plan& plan_;
  Outcome& outcome_;
  Sequence sequence_;
  Tally tally_;
  Progress progress_;
  std::unique_ptr<Slot[]> slots_;
  u64 to_issue_ = 0;
  u32 in_flight_ = 0;
};

Result<void> FileJob::prepare(fat::Volume& volume) {
  slots_.reset(new (std::nothrow) Slot[options_.depth]);
  if (slots_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  for (Slot& slot : slots()) {
    slot.job = TRY(volume.make_read_job());
    slot.memory = allocate_pages(pages_for(plan_.block_bytes));
    if (slot.memory == nullptr) {
      return fail(Errc::NoMemory);
    }
  }
  return {};
}

void FileJob::fail_io(Slot& slot, Errc error) {
  outcome_.fail(slot.byte, Direction::Read, to_string(error));
  to_issue_ = 0;
}

void FileJob::begin_io(Slot& slot, u64 now) {
  if (to_issue_ == 0) {
    return;
  }
  --to_issue_;
  slot.byte = plan_.first_byte + sequence_.next_block() * plan_.block_bytes;
  slot.got_bytes = 0;
  slot.started_ticks = now;
  start(slot);
}

inline void FileJob::start(Slot& slot) {
  slot.done.reset();
  const std::span<std::byte> rest(slot.memory.get() + slot.got_bytes,
                                  plan_.block_bytes - slot.got_bytes);
  const Result<void> started =
      file_.read_async(*slot.job, slot.byte + slot.got_bytes, rest, slot.done);
  slot.active = started.has_value();
  if (slot.active) {
    ++in_flight_;
  } else {
    fail_io(slot, started.error());
  }
}

void FileJob::finish(Slot& slot, u64 now) {
  slot.active = false;
  --in_flight_;
  const Result<usize> got = slot.job->result();
  if (!got || *got == 0) {
    fail_io(slot, got ? Errc::Malformed : got.error());
    return;
  }
  slot.got_bytes += static_cast<u32>(*got);
  if (slot.got_bytes < plan_.block_bytes) {
    start(slot);
    return;
  }
  outcome_.latency[static_cast<usize>(Direction::Read)]->add(now - slot.started_ticks);
  tally_.done[0].fetch_add(1, std::memory_order_relaxed);
  begin_io(slot, now);
}

void FileJob::run() {
  const u64 begin = port::ticks();
  u64 now = begin;
  to_issue_ = plan_.most_ios;
  for (Slot& slot : slots()) {
    begin_io(slot, now);
  }
  while (in_flight_ > 0) {
    wait_until([this] {
      return std::ranges::any_of(slots(),
                                 [](const Slot& slot) { return slot.active && slot.done.done(); });
    });
    now = port::ticks();
    if (now - begin >= plan_.most_ticks) {
      to_issue_ = 0;
    }
    for (Slot& slot : slots()) {
      if (slot.active && slot.done.done()) {
        finish(slot, now);
      }
    }
    progress_.update(now);
  }
  outcome_.elapsed_ns = clock::ticks_to_ns(now - begin);
}

}  // namespace

Result<void> run_on_file(fat::Volume& volume, const fat::Entry& entry, const Options& options,
                         const Plan& plan, Outcome& outcome) {
  TRY(outcome.make_histograms(options.mode));
  fat::File file = TRY(volume.open(entry));
  FileJob job(file, options, plan, outcome);
  TRY(job.prepare(volume));
  job.run();
  return {};
}

}  // namespace sluice::app::bench
