// A benchmark job: what it is to do, what came of it, and the order of its I/Os.
// Used by the two engines (on a device, on a file) and by the report.
#pragma once

#include <array>
#include <memory>

#include "bench_options.hpp"
#include "command.hpp"
#include "histogram.hpp"
#include "random_order.hpp"

namespace sluice::app::bench {

enum class Direction : u8 { Read, Write, Trim };
inline constexpr usize kDirections = 3;
std::string_view to_string(Direction direction);

// The job in numbers that were checked against the device or file.
struct Plan {
  u64 first_byte = 0;
  u64 blocks = 0;  // of the region
  u32 block_bytes = 0;
  u64 most_ios = 0;    // ends the job
  u64 most_ticks = 0;  // ends the job; ~0: no limit
};

// What was measured.
struct Outcome {
  std::array<std::unique_ptr<Histogram>, kDirections>
      latency;  // null where the mode has no such direction
  u64 elapsed_ns = 0;
  bool failed = false;
  // The first failure.
  u64 failed_byte = 0;
  Direction failed_direction = Direction::Read;
  std::string_view failure;

  void fail(u64 byte, Direction direction, std::string_view why) {
    if (!failed) {
      failed = true;
      failed_byte = byte;
      failed_direction = direction;
      failure = why;
    }
  }
};

// Which block comes next, and what is done with it.
class Sequence {
 public:
  Sequence(const Options& options, const Plan& plan)
      : random_(is_random(options.mode)),
        mixed_(options.mode == Mode::RandomMixed),
        blocks_(plan.blocks),
        order_(plan.blocks, options.seed),
        coin_(options.seed * 2 + 1) {}

  u64 next_block() {
    if (random_) {
      return order_.next();
    }
    const u64 block = next_;
    next_ = block + 1 == blocks_ ? 0 : block + 1;
    return block;
  }
  // In randrw one half each, as fio.
  bool mixed() const { return mixed_; }
  bool coin_says_write() { return (coin_.next() >> 63) != 0; }

 private:
  bool random_;
  bool mixed_;
  u64 blocks_;
  u64 next_ = 0;
  RandomOrder order_;
  XorShift coin_;
};

// A line a second on standard error while a job runs, where that is a terminal. Asked once per
// batch.
class Progress {
 public:
  explicit Progress(const Plan& plan);
  ~Progress();
  void update(u64 now_ticks, u64 done_ios) {
    if (now_ticks >= next_ticks_) [[unlikely]] {
      show(now_ticks, done_ios);
    }
  }

 private:
  void show(u64 now_ticks, u64 done_ios);
  const Plan& plan_;
  u64 next_ticks_;
  u64 period_ticks_;
  u64 last_ticks_;
  u64 last_ios_ = 0;
  bool shown_ = false;
};

// Runs the job, iodepth I/Os in flight at a time. NoMemory, otherwise `outcome` says how it went.
// Task.
Result<void> run_on_device(blk::BlockDevice& device, const Options& options, const Plan& plan,
                           Outcome& outcome);
Result<void> run_on_file(fat::Volume& volume, const fat::Entry& file, const Options& options,
                         const Plan& plan, Outcome& outcome);

// Prints what was measured, as fio does, for people or as JSON.
void report(const Options& options, const Plan& plan, const Outcome& outcome);

}  // namespace sluice::app::bench
