// bench: checks the job against the device or file, runs it, reports.
#include "bench.hpp"

#include <algorithm>
#include <new>

#include "commands.hpp"
#include "quantity.hpp"

#include <sluice/kernel/clock.hpp>

namespace sluice::app::bench {

std::string_view to_string(Direction direction) {
  constexpr std::array<std::string_view, kDirections> kNames = {"read", "write", "trim"};
  return kNames[static_cast<usize>(direction)];
}

Progress::Progress(const Plan& plan)
    : plan_(plan),
      next_ticks_(~u64{0}),
      period_ticks_(clock::ns_to_ticks(1'000'000'000)),
      last_ticks_(port::ticks()) {
  if (!console::uses_records()) {
    next_ticks_ = last_ticks_ + period_ticks_;
  }
}

Progress::~Progress() {
  if (shown_) {
    print_error("\r\x1b[K");
  }
}

void Progress::show(u64 now_ticks, u64 done_ios) {
  const u64 iops = scale(done_ios - last_ios_, period_ticks_, now_ticks - last_ticks_);
  print_error("\r\x1b[Kbench: {} I/Os done, {} IOPS, {}/s", done_ios, iops,
              binary_text(iops * plan_.block_bytes, "B", "").view());
  next_ticks_ = now_ticks + period_ticks_;
  last_ticks_ = now_ticks;
  last_ios_ = done_ios;
  shown_ = true;
}

namespace {

int complain(const fat::Text<200>& what) {
  print_error("bench: {}\n", what.view());
  return kFailed;
}

// Lays the job over `whole_bytes` of a device or file; `unit` is its smallest I/O.
int make_plan(const Options& options, u64 whole_bytes, u32 unit, Plan& plan) {
  using Message = fat::Text<200>;
  const u64 offset = align_down(options.offset.of(whole_bytes, 0), unit);
  const u64 left = offset < whole_bytes ? whole_bytes - offset : 0;
  const u64 bytes = options.size.of(whole_bytes, left);
  if (bytes > left) {
    return complain(Message::formatted("{}: --offset and --size reach beyond its end ({} bytes)",
                                       options.disk, whole_bytes));
  }
  if (options.block_bytes % unit != 0) {
    return complain(Message::formatted("{}: --bs={} is no multiple of its block size, {}",
                                       options.disk, options.block_bytes, unit));
  }
  plan.first_byte = offset;
  plan.block_bytes = options.block_bytes;
  plan.blocks = bytes / options.block_bytes;
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

Result<void> make_histograms(Mode mode, Outcome& outcome) {
  const bool wanted[kDirections] = {!writes(mode) || mode == Mode::RandomMixed,
                                    writes(mode) && mode != Mode::Trim, mode == Mode::Trim};
  for (usize i = 0; i < kDirections; ++i) {
    if (wanted[i]) {
      outcome.latency[i].reset(new (std::nothrow) Histogram);
      if (outcome.latency[i] == nullptr) {
        return fail(Errc::NoMemory);
      }
    }
  }
  return {};
}

int conclude(const Options& options, const Plan& plan, const Outcome& outcome,
             const Result<void>& done) {
  if (!done) {
    return failure("bench", options.disk, to_string(done.error()));
  }
  if (outcome.failed) {
    print_error("bench: {}: {} at sector {}{}: {}\n", options.disk,
                to_string(outcome.failed_direction), outcome.failed_byte / blk::kSectorBytes,
                options.path.data() != nullptr ? " of the file" : "", outcome.failure);
  }
  report(options, plan, outcome);
  return outcome.failed ? kFailed : kSucceeded;
}

int bench_device(const Options& options) {
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
  Plan plan;
  if (const int status = make_plan(options, device.sectors() * blk::kSectorBytes,
                                   device.limits().logical_block_bytes, plan);
      status != kSucceeded) {
    return status;
  }
  Outcome outcome;
  Result<void> done = make_histograms(options.mode, outcome);
  if (done) {
    done = run_on_device(device, options, plan, outcome);
  }
  return conclude(options, plan, outcome, done);
}

int bench_file(Session& session, const Options& options) {
  if (writes(options.mode)) {
    return failure("bench", options.disk, "files cannot be written, only devices");
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
  if (const int status = make_plan(options, entry->size_bytes, 1, plan); status != kSucceeded) {
    return status;
  }
  Outcome outcome;
  Result<void> done = make_histograms(options.mode, outcome);
  if (done) {
    done = run_on_file(*volume, *entry, options, plan, outcome);
  }
  return conclude(options, plan, outcome, done);
}

}  // namespace
}  // namespace sluice::app::bench

namespace sluice::app {

int run_bench(Session& session, Words words) {
  const auto options = bench::parse_options(words);
  if (!options) {
    return usage_error("bench", options.error().view());
  }
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
