// The loop between a device and its bios.
#include "bench_device.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include <sluice/kernel/clock.hpp>

namespace sluice::app::bench {
namespace {

constexpr Direction direction_of(Mode mode) {
  return mode == Mode::Trim ? Direction::Trim : writes(mode) ? Direction::Write : Direction::Read;
}

}  // namespace

DeviceJob::DeviceJob(const Options& options, const Plan& plan, u32 index, Tally& tally)
    : options_(options),
      plan_(plan),
      index_(index),
      tally_(tally),
      direction_(direction_of(options.mode)),
      sequence_(options, plan, index),
      finished_{.waiter = &hart(index)},
      job_(
          [](void* context) {
            auto& self = *static_cast<DeviceJob*>(context);
            (self.*self.phase_)();
          },
          this) {}

// --- Before and after ----------------------------------------------------------------------------

Result<void> DeviceJob::prepare() {
  TRY(device_.open(options_.disk));
  TRY(outcome.make_histograms(options_.mode));
  if (options_.verify) {
    verifier_.emplace(plan_, options_.seed + index_);
    if (writes(options_.mode) && !verifier_->remember()) {
      print_error(
          "bench: --verify: no {} bytes of memory to remember {} blocks; --size= takes fewer\n",
          Verifier::record_bytes(plan_), plan_.blocks);
      return fail(Errc::NoMemory);
    }
  }
  plain_ = !sequence_.mixed() && !options_.verify;
  plain_latency_ = outcome.latency[static_cast<usize>(direction_)].get();
  // Half of the depth: the device has as many to work on as we have.
  group_ = options_.batch_submit > 0 ? std::min(options_.batch_submit, options_.depth)
                                     : (options_.depth + 1) / 2;
  least_ready_ = options_.batch_submit > 0 ? group_ : 1;
  return prepare_slots();
}

Result<void> DeviceJob::prepare_slots() {
  slots_.reset(new (std::nothrow) Slot[options_.depth]);
  if (slots_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  not_yet_ = slots_.get() + options_.depth;
  XorShift filler(options_.seed);
  for (Slot& slot : std::span(slots_.get(), options_.depth)) {
    if (direction_ != Direction::Trim) {
      slot.memory = allocate_pages(pages_for(plan_.block_bytes));
      if (slot.memory == nullptr) {
        return fail(Errc::NoMemory);
      }
      for (usize at = 0; at < plan_.block_bytes; at += sizeof(u64)) {
        const u64 word = filler.next();
        std::memcpy(slot.memory.get() + at, &word, sizeof(word));
      }
    }
    slot.end_io = end_io;
    slot.context = &finished_;
    slot.flags = options_.polled ? blk::bio_flag::kPolled : u8{0};
    slot.segment = {slot.memory.get(), plan_.block_bytes};
    aim(slot, direction_);
    put_away(slot);
  }
  return {};
}

void DeviceJob::start(void (DeviceJob::*phase)()) {
  phase_ = phase;
  run_on(*finished_.waiter, job_);
}

void DeviceJob::wait() {
  if (finished_.waiter != &port::this_hart()) {
    job_.wait();
  }
}

void DeviceJob::measure() {
  limit_ = plan_.most_ios;
  const u64 begin = port::ticks();
  const u64 left = ~u64{0} - begin;
  go_round(begin + std::min(plan_.most_ticks, left));
  outcome.elapsed_ns = clock::ticks_to_ns(port::ticks() - begin);
}

void DeviceJob::read_back() {
  reading_back_ = true;
  limit_ = ~u64{0};
  go_round(~u64{0});
}

// --- Round and round -----------------------------------------------------------------------------

void DeviceJob::go_round(u64 deadline_ticks) {
  std::optional<Progress> progress;
  if (index_ == 0) {
    progress.emplace(tally_, plan_.block_bytes);
  }
  now_ticks_ = port::ticks();
  issue_idle();
  while (true) {
    if (ready_count_ > 0 &&
        (ready_count_ >= least_ready_ || in_flight() == 0 || issued_ == limit_)) {
      submit();
    }
    if (idle_count_ == options_.depth) {
      return;
    }
    Slot* back = options_.batch_complete_min <= 1 ? wait_for_some() : gather();
    now_ticks_ = port::ticks();
    if (now_ticks_ >= deadline_ticks) [[unlikely]] {
      stop();
    }
    while (back != nullptr) {
      turn_round(back);
    }
    port::store_relaxed(tally_.done[index_], issued_ - (options_.depth - idle_count_));
    if (progress) {
      progress->update(now_ticks_);
    }
  }
}

// In irq, work or task context: pushes the bio back. Who takes the list may find it before its
// `next` is there; from then on it is the loop's.
void DeviceJob::end_io(blk::Bio& bio) {
  auto& slot = static_cast<Slot&>(bio);
  auto& finished = *static_cast<Finished*>(bio.context);
  Slot* const before = finished.top.exchange(&slot, std::memory_order_acq_rel);
  if (before != nullptr) [[likely]] {
    port::store_relaxed(slot.next, before);
    return;
  }
  Hart* const waiter = finished.waiter;
  port::store_relaxed(slot.next, before);
  if (waiter != &port::this_hart()) [[unlikely]] {
    wake(*waiter);
  }
}

DeviceJob::Slot* DeviceJob::after(const Slot& slot) const {
  Slot* next = slot.next.load(std::memory_order_relaxed);
  while (next == not_yet_) {
    port::relax();
    next = slot.next.load(std::memory_order_relaxed);
  }
  return next;
}

// Takes back those that are here, at least one.
inline DeviceJob::Slot* DeviceJob::wait_for_some() {
  const auto some = [this] { return finished_.top.load(std::memory_order_relaxed) != nullptr; };
  if (options_.polled) {
    const Hart& hart = port::this_hart();
    while (!some()) {
      device_.poll();
      if (hart.has_work.load(std::memory_order_relaxed) != 0) [[unlikely]] {
        run_pending_work();
      }
    }
  } else {
    wait_until(some);
  }
  return finished_.top.exchange(nullptr, std::memory_order_acquire);
}

// Takes back --iodepth_batch_complete_min, or all that there are.
[[gnu::noinline]] DeviceJob::Slot* DeviceJob::gather() {
  const u64 least = std::min<u64>(options_.batch_complete_min, in_flight());
  Slot* all = nullptr;
  for (u64 count = 0; count < least;) {
    Slot* next = nullptr;
    for (Slot* slot = wait_for_some(); slot != nullptr; slot = next) {
      next = after(*slot);
      slot->next.store(std::exchange(all, slot), std::memory_order_relaxed);
      ++count;
    }
  }
  return all;
}

void DeviceJob::submit() {
  ready_count_ = 0;
  device_.submit(ready_);
}

}  // namespace sluice::app::bench
