// bench: checks the jobs against the device or file, runs them, reports.
#include "bench.hpp"

#include <algorithm>
#include <new>

#include "commands.hpp"

#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/entropy.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::app::bench {
namespace {

void print_failure(const Options& options, const Outcome& outcome) {
  const u64 sector = outcome.failed_byte / blk::kSectorBytes;
  if (const Mismatch& mismatch = outcome.mismatch; !mismatch.what.empty()) {
    print_error("bench: {}: verify failed at byte {} (sector {}): {} {:#x} expected, {:#x} found\n",
                options.disk, outcome.failed_byte, sector, mismatch.what, mismatch.expected,
                mismatch.found);
  } else {
    print_error("bench: {}: {} at sector {}{}: {}\n", options.disk,
                to_string(outcome.failed_direction), sector,
                options.path.data() != nullptr ? " of the file" : "", outcome.failure);
  }
}

int conclude(const Options& options, const Outcome& outcome, const Counters& counters,
             const Result<void>& done) {
  if (!done) {
    return failure("bench", options.disk, to_string(done.error()));
  }
  if (outcome.failed) {
    print_failure(options, outcome);
  }
  report(options, outcome, counters);
  return outcome.failed ? kFailed : kSucceeded;
}

int too_many_jobs(const Options& options) {
  print_error(
      "bench: --numjobs={}: each job needs a hart of its own, and there are {}; more come with "
      "--smp\n",
      options.jobs, hart_count());
  return kUsage;
}

int bench_device(const Options& options) {
  if (options.jobs > hart_count()) {
    return too_many_jobs(options);
  }
  blk::OpenDevice device;
  if (!open_disk("bench", options.disk, device)) {
    return kFailed;
  }
  if (writes(options.mode) && device.read_only()) {
    return failure("bench", options.disk, "the device is read-only");
  }
  if (options.mode == Mode::Trim && device.limits().max_discard_bytes == 0) {
    return failure("bench", options.disk, "the device has no discard, which --rw=trim needs");
  }
  std::array<Plan, kMaxHarts> plans;
  for (u32 job = 0; job < options.jobs; ++job) {
    if (const int status = make_plan(options, job, device.sectors() * blk::kSectorBytes,
                                     device.limits().logical_block_bytes, plans[job]);
        status != kSucceeded) {
      return status;
    }
  }
  if (blk::Disk* const disk = disk_of(options.disk);
      disk != nullptr && options.scheduler.data() != nullptr) {
    if (const Result<void> set = disk->set_scheduler(options.scheduler); !set) {
      return failure("bench", options.disk, to_string(set.error()));
    }
  }
  Outcome outcome;
  Counters counters;
  const Result<void> done =
      run_on_device(options, std::span(plans).first(options.jobs), outcome, counters);
  return conclude(options, outcome, counters, done);
}

int bench_file(Session& session, const Options& options) {
  if (writes(options.mode)) {
    return failure("bench", options.disk, "files cannot be written, only devices");
  }
  if (const std::string_view option = options.only_for_devices(); option.data() != nullptr) {
    return usage_error("bench", "only for devices, not for files", option);
  }
  fat::Volume* volume = session.volumes.mount("bench", options.disk);
  if (volume == nullptr) {
    return kFailed;
  }
  const Result<fat::Entry> entry = volume->lookup(options.path);
  if (!entry || entry->is_directory()) {
    return failure("bench", options.path, to_string(entry ? Errc::IsADirectory : entry.error()));
  }
  Plan plan;
  if (const int status = make_plan(options, 0, entry->size_bytes, 1, plan); status != kSucceeded) {
    return status;
  }
  Outcome outcome;
  const Counters before = Counters::of(options.disk);
  const Result<void> done = run_on_file(*volume, *entry, options, plan, outcome);
  return conclude(options, outcome, Counters::of(options.disk) - before, done);
}

// Told, so that the run can be had again.
void choose_seed(Options& options) {
  if (!options.repeatable && !options.seed_given) {
    options.seed = entropy::seed64();
    log::info("bench: randseed={}", options.seed);
  }
}

}  // namespace
}  // namespace sluice::app::bench

namespace sluice::app {

int run_bench(Session& session, Words words) {
  auto options = bench::parse_options(words);
  if (!options) {
    return usage_error("bench", options.error().view());
  }
  bench::choose_seed(*options);
  if (options->path.data() != nullptr) {
    return bench::bench_file(session, *options);
  }
  const int status = bench::bench_device(*options);
  if (bench::writes(options->mode)) {
    session.volumes.forget(options->disk);
  }
  return status;
}

}  // namespace sluice::app
