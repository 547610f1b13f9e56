// The device's side of a split virtqueue: where it is, the available and the used ring.
#include "split_queue.hpp"

#include <algorithm>

#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

constexpr RingRules kRules = {.notify_missing = rule::notify_missing,
                              .notification_data = rule::split_notification_data,
                              .order = rule::split_order,
                              .buffer_address = rule::split_buffer_address,
                              .buffer_changed = rule::split_buffer_changed,
                              .buffer_taken_back = rule::split_buffer_taken_back,
                              .entry_changed = rule::split_entry_changed};

}  // namespace

SplitQueue::SplitQueue(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge)
    : Ring(index, place, memory, judge, kRules), in_flight_(place.size) {}

// --- The three parts ----------------------------------------------------------------------------

std::span<std::byte> SplitQueue::table() {
  return memory_.at(place_.desc, desc_bytes(place_.size));
}
std::span<std::byte> SplitQueue::avail() {
  return memory_.at(place_.avail, avail_bytes(place_.size, event_idx()));
}
std::span<std::byte> SplitQueue::used() {
  return memory_.at(place_.used, used_bytes(place_.size, event_idx()));
}

bool SplitQueue::check_place() {
  if (place_.desc % 16 != 0 || place_.avail % 2 != 0 || place_.used % 4 != 0) {
    return misplaced(rule::queue_misaligned);
  }
  if (place_.legacy) {
    const std::uint64_t used_part = align_up(used_bytes(place_.size, true), place_.align);
    const std::uint64_t bytes = place_.used - place_.desc + used_part;
    if (memory_.at(place_.desc, bytes).empty()) {
      judge_.broken(rule::queue_legacy_memory,
                    name() + ": " + hex(bytes) + " bytes at " + hex(place_.desc));
      return false;
    }
  }
  if (table().empty() || avail().empty() || used().empty()) {
    return misplaced(rule::queue_memory);
  }
  if (!all_zero(used())) {
    return misplaced(rule::queue_not_zeroed);
  }
  return true;
}

bool SplitQueue::check_live() {
  if (table().empty() || avail().empty() || used().empty()) {
    judge_.broken(rule::split_rings_taken_back, name());
    return false;
  }
  used_shadow_.resize(used().size());  // zeroes: so it was found by check_place()
  if (!std::equal(used_shadow_.begin(), used_shadow_.end(), used().begin())) {
    judge_.broken(rule::split_used_written, name());
    return false;
  }
  return true;
}

// --- Taking chains ------------------------------------------------------------------------------

std::uint16_t SplitQueue::next_available() {
  return load<std::uint16_t>(avail(), 2);
}

std::optional<std::uint16_t> SplitQueue::available() {
  const std::uint16_t index = next_available();
  const auto count = static_cast<std::uint16_t>(index - avail_idx_);
  if (count > place_.size) {
    judge_.broken(rule::split_available_index, name() + " of " + std::to_string(place_.size) +
                                                   ": index " + std::to_string(index) + " while " +
                                                   std::to_string(avail_idx_) + " were taken");
    return std::nullopt;
  }
  return count;
}

std::optional<Chain> SplitQueue::take() {
  const std::size_t slot = avail_idx_ % place_.size;
  Chain chain;
  chain.queue = index_;
  chain.head = load<std::uint16_t>(avail(), 4 + 2 * slot);
  if (chain.head >= place_.size) {
    judge_.broken(rule::split_head, name() + ": head " + std::to_string(chain.head));
    return std::nullopt;
  }
  if (!walk(chain) || !check_size(chain)) {
    return std::nullopt;
  }
  check_in_order(chain);
  for (const std::uint16_t index : chain.descriptors) {
    in_flight_[index] = true;
  }
  ++avail_idx_;
  return chain;
}

// --- The used ring and both sides' notifications ------------------------------------------------

void SplitQueue::write_used16(std::size_t offset, std::uint16_t value) {
  used_shadow_.resize(used().size());
  store(used(), offset, value);
  store(std::span(used_shadow_), offset, value);
}

void SplitQueue::write_used_element(const Used& element) {
  const std::size_t offset = 4 + std::size_t{8} * (used_idx_ % place_.size);
  used_shadow_.resize(used().size());
  for (const std::span<std::byte> ring : {used(), std::span(used_shadow_)}) {
    store(ring, offset, std::uint32_t{element.chain->head});
    store(ring, offset + 4, element.bytes);
  }
}

bool SplitQueue::put(const std::vector<Used>& elements) {
  const std::uint16_t before = used_idx_;
  if (in_order()) {
    write_used_element(elements.back());  // where the first would be, 2.7.9
  }
  for (const Used& element : elements) {
    if (!in_order()) {
      write_used_element(element);
    }
    for (const std::uint16_t index : element.chain->descriptors) {
      in_flight_[index] = false;
    }
    ++used_idx_;
  }
  write_used16(2, used_idx_);
  return should_interrupt(before, used_idx_);
}

bool SplitQueue::should_interrupt(std::uint16_t before, std::uint16_t after) {
  const auto flags = load<std::uint16_t>(avail(), 0);
  if (flags > (event_idx() ? 0 : kAvailNoInterrupt)) {
    judge_.broken(rule::split_available_flags, name() + ": " + hex(flags));
  }
  if (!event_idx()) {
    return (flags & kAvailNoInterrupt) == 0;
  }
  // Was an entry written at the index that the driver asked for?
  const auto used_event = load<std::uint16_t>(avail(), 4 + std::size_t{2} * place_.size);
  return static_cast<std::uint16_t>(after - used_event - 1) <
         static_cast<std::uint16_t>(after - before);
}

void SplitQueue::tell_driver(bool notify) {
  if (event_idx()) {
    const auto passed = static_cast<std::uint16_t>(avail_idx_ - 1);
    write_used16(4 + std::size_t{8} * place_.size, notify ? avail_idx_ : passed);
  } else {
    write_used16(0, notify ? std::uint16_t{0} : kUsedNoNotify);
  }
}

}  // namespace referee
