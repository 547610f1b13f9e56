// Laying jobs over a device or file: where each begins and ends, and when it is over.
#include <algorithm>

#include "bench.hpp"

#include <sluice/kernel/clock.hpp>

namespace sluice::app::bench {
namespace {

int complain(const fat::Text<200>& what) {
  print_error("bench: {}\n", what.view());
  return kFailed;
}

// first + times · step, at most 2⁶⁴ − 1.
u64 at_step(u64 first, u64 times, u64 step) {
  u64 sum = 0;
  return __builtin_mul_overflow(times, step, &sum) || __builtin_add_overflow(first, sum, &sum)
             ? ~u64{0}
             : sum;
}

}  // namespace

int make_plan(const Options& options, u32 job, u64 whole_bytes, u32 unit, Plan& plan) {
  using Message = fat::Text<200>;
  const u64 increment = options.offset_increment.of(whole_bytes, 0);
  const u64 offset = align_down(at_step(options.offset.of(whole_bytes, 0), job, increment), unit);
  const u64 left = offset < whole_bytes ? whole_bytes - offset : 0;
  u64 bytes = options.size.of(whole_bytes, left);
  if (bytes > left || (left == 0 && job == 0)) {
    return complain(Message::formatted("{}: --offset and --size reach beyond its end ({} bytes)",
                                       options.disk, whole_bytes));
  }
  if (options.block_bytes % unit != 0) {
    return complain(Message::formatted("{}: --bs={} is no multiple of its block size, {}",
                                       options.disk, options.block_bytes, unit));
  }
  plan.first_byte = offset;
  plan.block_bytes = options.block_bytes;
  if (options.verify && increment > 0) {
    bytes = std::min(bytes, increment);
  }
  plan.blocks = bytes / options.block_bytes;
  if (options.verify && increment == 0) {  // each job has a part of its own
    plan.blocks /= options.jobs;
    plan.first_byte += job * plan.blocks * options.block_bytes;
  }
  if (plan.blocks == 0) {
    return complain(
        Message::formatted("{}: less than one --bs={} fits", options.disk, options.block_bytes));
  }
  plan.most_ios = options.time_based ? ~u64{0} : plan.blocks;
  if (options.number_ios > 0) {
    plan.most_ios = std::min(plan.most_ios, options.number_ios);
  }
  plan.most_ticks = options.runtime_ns > 0 ? clock::ns_to_ticks(options.runtime_ns) : ~u64{0};
  return kSucceeded;
}

}  // namespace sluice::app::bench
