// What jobs measured: taken together, counted, and shown while they run.
#include <algorithm>
#include <new>

#include "bench.hpp"
#include "quantity.hpp"

#include <sluice/drivers/base/bus.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::app::bench {

std::string_view to_string(Direction direction) {
  constexpr std::array<std::string_view, kDirections> kNames = {"read", "write", "trim"};
  return kNames[static_cast<usize>(direction)];
}

// --- Outcome -------------------------------------------------------------------------------------

Result<void> Outcome::make_histograms(Mode mode) {
  const bool wanted[kDirections] = {!writes(mode) || mode == Mode::RandomMixed,
                                    writes(mode) && mode != Mode::Trim, mode == Mode::Trim};
  for (usize i = 0; i < kDirections; ++i) {
    if (wanted[i]) {
      latency[i].reset(new (std::nothrow) Histogram);
      if (latency[i] == nullptr) {
        return sluice::fail(Errc::NoMemory);
      }
    }
  }
  return {};
}

u64 Outcome::ios() const {
  u64 sum = 0;
  for (const std::unique_ptr<Histogram>& histogram : latency) {
    sum += histogram != nullptr ? histogram->count() : 0;
  }
  return sum;
}

void Outcome::fail(u64 byte, Direction direction, std::string_view why) {
  if (!failed) {
    failed = true;
    failed_byte = byte;
    failed_direction = direction;
    failure = why;
  }
}

void Outcome::fail(u64 byte, const Mismatch& what) {
  if (!failed) {
    failed = true;
    failed_byte = byte;
    mismatch = what;
  }
}

void Outcome::add(const Outcome& other) {
  for (usize i = 0; i < kDirections; ++i) {
    if (latency[i] != nullptr) {
      *latency[i] += *other.latency[i];
    }
  }
  elapsed_ns = std::max(elapsed_ns, other.elapsed_ns);
  verified += other.verified;
  if (!failed && other.failed) {
    failed = true;
    failed_byte = other.failed_byte;
    failed_direction = other.failed_direction;
    failure = other.failure;
    mismatch = other.mismatch;
  }
}

// --- Counters ------------------------------------------------------------------------------------

namespace {

u64 interrupts_so_far() {
  u64 sum = 0;
  for (u32 i = 0; i < hart_count(); ++i) {
    sum += hart(i).interrupts;
  }
  for (const dev::Bus& bus : dev::buses()) {
    for (const dev::Device& device : bus.devices()) {
      for (const dev::IrqResource& irq : std::span(device.irqs).first(device.irq_count)) {
        const irq::Controller* const controller = irq::find_controller(irq.controller_phandle);
        const auto usage = controller != nullptr ? controller->usage(irq.source) : std::nullopt;
        sum += usage ? usage->total() : 0;
      }
    }
  }
  return sum;
}

}  // namespace

Counters Counters::of(std::string_view disk_name) {
  Counters counters;
  counters.interrupts = interrupts_so_far();
  if (const blk::Disk* const disk = disk_of(disk_name); disk != nullptr) {
    const blk::TagSet& tag_set = disk->tag_set();
    for (const blk::HwQueue* queue : tag_set.hw_queues()) {
      counters.notifies += tag_set.ops().notifications(*queue);
    }
    for (u32 direction = 0; direction < blk::kDirections; ++direction) {
      counters.merges += disk->totals(static_cast<blk::Direction>(direction)).merges;
    }
  }
  return counters;
}

// --- Progress ------------------------------------------------------------------------------------

u64 Tally::sum() const {
  u64 sum = 0;
  for (const std::atomic<u64>& each : done) {
    sum += each.load(std::memory_order_relaxed);
  }
  return sum;
}

Progress::Progress(const Tally& tally, u32 block_bytes)
    : tally_(tally),
      block_bytes_(block_bytes),
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

void Progress::show(u64 now_ticks) {
  const u64 done_ios = tally_.sum();
  const u64 iops = scale(done_ios - last_ios_, period_ticks_, now_ticks - last_ticks_);
  print_error("\r\x1b[Kbench: {} I/Os done, {} IOPS, {}/s", done_ios, iops,
              binary_text(iops * block_bytes_, "B", "").view());
  next_ticks_ = now_ticks + period_ticks_;
  last_ticks_ = now_ticks;
  last_ios_ = done_ios;
  shown_ = true;
}

}  // namespace sluice::app::bench
