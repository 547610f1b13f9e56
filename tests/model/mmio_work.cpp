// The device at work: chains in, completions out, interrupts.
#include <algorithm>
#include <iterator>
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {

bool MmioDevice::step() {
  check_memory();
  return at_work() && (take_one() || complete_some());
}

bool MmioDevice::step_meanwhile() {
  struct Inside {
    bool& flag;
    bool before;
    ~Inside() { flag = before; }
  } inside{inside_hook_, std::exchange(inside_hook_, true)};
  return step();
}

std::uint32_t MmioDevice::run(std::uint32_t limit) {
  std::uint32_t steps = 0;
  while (steps < limit && step()) {
    ++steps;
  }
  return steps;
}

void MmioDevice::check_memory() {
  for (const QueuePlace& place : quarantine_) {
    if (!is_lent(place, memory_)) {
      quarantine_.clear();
      judge.broken(rule::reset_unread, "the rings at " + hex(place.desc) + " are gone already");
      return;
    }
  }
  for (QueueRegisters& queue : queues_) {
    if (queue.stopped && !is_lent(*queue.stopped, memory_)) {
      queue.stopped.reset();
      judge.broken(rule::queue_stop_unread, "its rings are gone already");
    }
    if (queue.reset && !is_lent(*queue.reset, memory_)) {
      check_queue_reset(queue);
    }
  }
  if (broken_down_ || resetting_) {
    return;
  }
  for (QueueRegisters& queue : queues_) {
    if (queue.ring && !queue.ring->check_live()) {
      break_down();
      return;
    }
  }
  for (const InFlight& request : in_flight_) {
    if (!queues_[request.chain.queue].ring->check_lent(request.chain)) {
      break_down();
      return;
    }
  }
}

// --- Taking -------------------------------------------------------------------------------------

bool MmioDevice::take_one() {
  for (std::size_t i = 0; i < queues_.size() && !broken_down_; ++i) {
    QueueRegisters& queue = queues_[(next_queue_ + i) % queues_.size()];
    if (queue.ring && !queue.reset && take_from(queue)) {
      next_queue_ = (next_queue_ + i + 1) % queues_.size();
      return true;
    }
  }
  return false;
}

bool MmioDevice::take_from(QueueRegisters& queue) {
  if (knobs.never_needs_notify) {
    wake(queue);
  }
  const auto available = queue.ring->available();
  if (!available) {
    break_down();
    return false;
  }
  if (*available == 0) {
    fall_asleep(queue);
    return false;
  }
  if (!queue.awake) {
    if (inside_hook_) {
      return false;  // the driver may be about to notify
    }
    wake(queue);
    judge.broken(queue.ring->rules().notify_missing,
                 "queue " + std::to_string(queue.ring->index()) + ": " +
                     std::to_string(*available) + " chains wait");
  }
  auto chain = queue.ring->take();
  if (!chain) {
    break_down();
    return false;
  }
  ++counters_.chains;
  counters_.indirect_chains += chain->indirect ? 1 : 0;
  const auto fingerprint = queue.ring->fingerprint(*chain);
  in_flight_.push_back({*chain, fingerprint});
  personality_.inspect(*chain, driver(), memory_, judge);
  return true;
}

void MmioDevice::fall_asleep(QueueRegisters& queue) {
  if (queue.awake && !knobs.never_needs_notify) {
    queue.awake = false;
    queue.ring->expect_notification();
  }
}

void MmioDevice::wake(QueueRegisters& queue) {
  queue.awake = true;
  const bool tells = driver().has(kFeatureEventIdx) || knobs.no_notify_while_awake;
  if (tells || knobs.never_needs_notify) {
    queue.ring->expect_no_notification();
  }
}

// --- Completing ---------------------------------------------------------------------------------

bool MmioDevice::complete_some() {
  std::size_t count = std::min<std::size_t>(knobs.completions_per_step, in_flight_.size());
  if (knobs.hold) {
    count = std::min<std::size_t>(count, released_);
    released_ -= static_cast<std::uint32_t>(count);
  }
  std::vector<InFlight> done;
  for (; count > 0; --count) {
    const auto picked = in_flight_.begin() + static_cast<std::ptrdiff_t>(pick());
    done.push_back(std::move(*picked));
    in_flight_.erase(picked);
  }
  if (done.empty()) {
    return false;
  }
  finish(std::move(done));
  return true;
}

std::size_t MmioDevice::pick() {
  if (driver().has(kFeatureInOrder)) {
    return 0;
  }
  switch (knobs.order) {
    case Knobs::Order::Fifo:
      return 0;
    case Knobs::Order::Lifo:
      return in_flight_.size() - 1;
    case Knobs::Order::Shuffled:
      break;
  }
  if (random_ == 0) {
    random_ = knobs.seed;
  }
  random_ = random_ * 1664525 + 1013904223;
  return (random_ >> 16) % in_flight_.size();
}

bool MmioDevice::complete(std::size_t nth) {
  check_memory();
  if (!at_work() || nth >= in_flight_.size()) {
    return false;
  }
  const auto picked = in_flight_.begin() + static_cast<std::ptrdiff_t>(nth);
  const bool overtakes = std::any_of(in_flight_.begin(), picked, [&](const InFlight& older) {
    return older.chain.queue == picked->chain.queue;
  });
  if (overtakes && driver().has(kFeatureInOrder)) {
    return false;
  }
  std::vector<InFlight> done{std::move(*picked)};
  in_flight_.erase(picked);
  finish(std::move(done));
  return true;
}

void MmioDevice::finish(std::vector<InFlight> done) {
  bool interrupt = knobs.always_interrupt;
  for (QueueRegisters& queue : queues_) {
    std::vector<Ring::Used> elements;
    for (const InFlight& request : done) {
      if (!queue.ring || request.chain.queue != queue.ring->index()) {
        continue;
      }
      const bool lent = queue.ring->check_unchanged(request.chain, request.fingerprint);
      const std::uint32_t bytes = lent ? personality_.execute(request.chain, driver(), memory_) : 0;
      elements.push_back({&request.chain, bytes});
    }
    if (!elements.empty()) {
      counters_.completions += elements.size();
      interrupt = queue.ring->put(elements) || interrupt;
    }
  }
  if (interrupt) {
    ++counters_.interrupts;
    raise(kIrqUsedBuffer);
  }
}

// --- Interrupts ---------------------------------------------------------------------------------

void MmioDevice::raise(std::uint32_t bits) {
  interrupt_status_ |= bits;
  tell_line();
}

void MmioDevice::tell_line() {
  if (line_changed) {
    line_changed();
  }
}

void MmioDevice::config_changed() {
  ++generation_;
  if (live()) {
    change_told_ = true;
    raise(kIrqConfigChange);
  }
}

void MmioDevice::raise_spurious() {
  raise(kIrqUsedBuffer);
}

void MmioDevice::break_down() {
  broken_down_ = true;
  status_ |= kNeedsReset;
  if (live()) {
    raise(kIrqConfigChange);
  }
}

}  // namespace referee
