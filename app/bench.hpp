// A benchmark job: what it is to do, what came of it, and the order of its I/Os.
// Used by the two engines (on a device, on a file) and by the report.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>

#include "bench_options.hpp"
#include "command.hpp"
#include "histogram.hpp"
#include "random_order.hpp"

#include <sluice/kernel/hart.hpp>

namespace sluice::app::bench {

enum class Direction : u8 { Read, Write, Trim };
inline constexpr usize kDirections = 3;
std::string_view to_string(Direction direction);

// A job in numbers that were checked against the device or file.
struct Plan {
  u64 first_byte = 0;
  u64 blocks = 0;  // of the region
  u32 block_bytes = 0;
  u64 most_ios = 0;    // ends the job
  u64 most_ticks = 0;  // ends the job; ~0: no limit
};

// What one job of several is to do (bench_plan.cpp). `whole_bytes` is the size of the device or
// file, `unit` its smallest I/O. Where it cannot be, says so on standard error.
int make_plan(const Options& options, u32 job, u64 whole_bytes, u32 unit, Plan& plan);

// Something in a block is not as it was written.
struct Mismatch {
  std::string_view what;  // "crc32c"
  u64 expected = 0;
  u64 found = 0;
};

// What was measured.
struct Outcome {
  std::array<std::unique_ptr<Histogram>, kDirections>
      latency;  // null where the mode has no such direction
  u64 elapsed_ns = 0;
  u64 verified = 0;  // blocks that were as they should be
  bool failed = false;
  // The first failure: an I/O's, or a block's whose mismatch.what is not empty.
  u64 failed_byte = 0;
  Direction failed_direction = Direction::Read;
  std::string_view failure;
  Mismatch mismatch;

  // For what the mode does. NoMemory.
  Result<void> make_histograms(Mode mode);
  u64 ios() const;
  void fail(u64 byte, Direction direction, std::string_view why);
  void fail(u64 byte, const Mismatch& what);
  // With another job's, of the same mode, that ran at the same time.
  void add(const Outcome& other);
};

// What I/Os cost the machine, since it began. The difference of two: during a job.
struct Counters {
  u64 notifies = 0;    // of the disk's device by its driver
  u64 interrupts = 0;  // of all kinds, on all harts
  u64 merges = 0;      // bios that became part of another's request

  // Of a disk, or the one that a partition is on; where there is none of that name, its are 0.
  static Counters of(std::string_view disk);
  Counters operator-(const Counters& before) const {
    return {notifies - before.notifies, interrupts - before.interrupts, merges - before.merges};
  }
};

class SequentialOrder {
 public:
  explicit SequentialOrder(u64 count) : count_(count) {}
  u64 next() {
    const u64 value = next_;
    next_ = value + 1 == count_ ? 0 : value + 1;
    return value;
  }
  void catch_up(const SequentialOrder& copy) { next_ = copy.next_; }

 private:
  u64 count_;
  u64 next_ = 0;
};

// Which block comes next, and what is done with it.
class Sequence {
 public:
  Sequence(const Options& options, const Plan& plan, u32 job)
      : is_random_(bench::is_random(options.mode)),
        mixed_(options.mode == Mode::RandomMixed),
        random_(plan.blocks, options.seed + job),
        sequential_(plan.blocks),
        coin_((options.seed + job) * 2 + 1) {}

  bool is_random() const { return is_random_; }
  RandomOrder& random() { return random_; }
  SequentialOrder& sequential() { return sequential_; }
  u64 next_block() { return is_random_ ? random_.next() : sequential_.next(); }
  // In randrw one half each, as fio.
  bool mixed() const { return mixed_; }
  bool coin_says_write() { return (coin_.next() >> 63) != 0; }

 private:
  bool is_random_;
  bool mixed_;
  RandomOrder random_;
  SequentialOrder sequential_;
  XorShift coin_;
};

// How many I/Os each job has done so far. Each is written by its job's hart.
struct Tally {
  std::array<std::atomic<u64>, kMaxHarts> done{};
  u64 sum() const;
};

// A line a second on standard error while jobs run, where that is a terminal. Asked by one of them,
// once per batch.
class Progress {
 public:
  Progress(const Tally& tally, u32 block_bytes);
  ~Progress();
  void update(u64 now_ticks) {
    if (now_ticks >= next_ticks_) [[unlikely]] {
      show(now_ticks);
    }
  }

 private:
  void show(u64 now_ticks);
  const Tally& tally_;
  u32 block_bytes_;
  u64 next_ticks_;
  u64 period_ticks_;
  u64 last_ticks_;
  u64 last_ios_ = 0;
  bool shown_ = false;
};

// Runs jobs at the same time, one per plan, job i on hart i (this one is hart 0), each with iodepth
// I/Os in flight; then reads back what they wrote, if it is to be verified. NoMemory; otherwise
// `outcome` says how it went, all jobs together. Task.
Result<void> run_on_device(const Options& options, std::span<const Plan> plans, Outcome& outcome,
                           Counters& counters);
// The same for one job on a file.
Result<void> run_on_file(fat::Volume& volume, const fat::Entry& file, const Options& options,
                         const Plan& plan, Outcome& outcome);

// Prints what was measured, as fio does, for people or as JSON.
void report(const Options& options, const Outcome& outcome, const Counters& counters);

}  // namespace sluice::app::bench
