// The device's side of a packed virtqueue: where it is, who owns which descriptor, used descriptors
// and both event areas.
#include "packed_queue.hpp"

#include <algorithm>

#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

constexpr RingRules kRules = {.notify_missing = rule::packed_notify_missing,
                              .notification_data = rule::packed_notification_data,
                              .order = rule::packed_order,
                              .buffer_address = rule::packed_buffer_address,
                              .buffer_changed = rule::packed_buffer_changed,
                              .buffer_taken_back = rule::packed_buffer_taken_back,
                              .entry_changed = rule::packed_entry_changed};

constexpr std::size_t kBufferIds = 0x10000;

}  // namespace

PackedQueue::PackedQueue(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge)
    : Ring(index, place, memory, judge, kRules),
      id_in_flight_(kBufferIds),
      shadow_(desc_bytes(place.size)) {}

// --- The three parts ----------------------------------------------------------------------------

std::span<std::byte> PackedQueue::ring() {
  return memory_.at(place_.desc, desc_bytes(place_.size));
}
std::span<std::byte> PackedQueue::driver_area() {
  return memory_.at(place_.avail, kEventBytes);
}
std::span<std::byte> PackedQueue::device_area() {
  return memory_.at(place_.used, kEventBytes);
}
std::span<std::byte> PackedQueue::entry(std::uint64_t n) {
  return ring().subspan(at(n) * kDescBytes, kDescBytes);
}
std::span<std::byte> PackedQueue::shadow(std::uint64_t n) {
  return std::span(shadow_).subspan(at(n) * kDescBytes, kDescBytes);
}

bool PackedQueue::check_place() {
  if (place_.desc % 16 != 0 || place_.avail % 4 != 0 || place_.used % 4 != 0) {
    return misplaced(rule::queue_misaligned);
  }
  if (!is_lent(place_, memory_)) {
    return misplaced(rule::queue_memory);
  }
  if (!all_zero(ring()) || !all_zero(device_area())) {
    return misplaced(rule::queue_not_zeroed);
  }
  return true;
}

bool PackedQueue::check_live() {
  if (!is_lent(place_, memory_)) {
    judge_.broken(rule::packed_rings_taken_back, name());
    return false;
  }
  return check_device_area() && check_owned();
}

bool PackedQueue::check_device_area() {
  if (!std::equal(told_.begin(), told_.end(), device_area().begin())) {
    judge_.broken(rule::packed_device_area_written, name());
    return false;
  }
  return true;
}

// --- Who owns what ------------------------------------------------------------------------------

bool PackedQueue::check_owned() {
  for (std::uint64_t n = used_; n < seen_;) {
    // Up to the ring's end in one piece.
    const std::size_t count = std::min<std::size_t>(place_.size - at(n), seen_ - n);
    const auto now = ring().subspan(at(n) * kDescBytes, count * kDescBytes);
    const auto then = std::span(shadow_).subspan(at(n) * kDescBytes, count * kDescBytes);
    const auto change = std::mismatch(now.begin(), now.end(), then.begin()).first;
    if (change == now.end()) {
      n += count;
    } else if (!judge_change(n + static_cast<std::size_t>(change - now.begin()) / kDescBytes)) {
      return false;
    }
  }
  return true;
}

// A descriptor of the device's was changed: for a list that comes too early, or altered where it
// is. False: the ring is a muddle.
bool PackedQueue::judge_change(std::uint64_t n) {
  const bool next_lap = available_in_other_lap(n) && flags_written(n);
  const std::string which = name() + ": descriptor " + std::to_string(at(n));
  std::copy_n(entry(n).begin(), kDescBytes, shadow(n).begin());  // told once
  judge_.broken(next_lap ? rule::packed_no_room : rule::packed_entry_changed, which);
  return !next_lap;
}

bool PackedQueue::available_at(std::uint64_t n) {
  const Descriptor now = descriptor(ring(), at(n));
  return now.has(kDescAvail) == wrap_counter(n) && now.has(kDescUsed) != wrap_counter(n);
}

// As it would be with the wrap counter of the laps before and after.
bool PackedQueue::available_in_other_lap(std::uint64_t n) {
  return available_at(n + place_.size);
}

bool PackedQueue::flags_written(std::uint64_t n) {
  return descriptor(ring(), at(n)).flags != descriptor(shadow_, at(n)).flags;
}

// Follows the driver as far as it made descriptors available.
void PackedQueue::look() {
  while (seen_ - used_ < place_.size && available_at(seen_)) {
    std::copy_n(entry(seen_).begin(), kDescBytes, shadow(seen_).begin());
    if (!descriptor(shadow_, at(seen_)).has(kDescNext)) {
      ++lists_;
    }
    ++seen_;
  }
}

std::uint16_t PackedQueue::next_available() {
  look();
  return static_cast<std::uint16_t>(at(seen_) | (wrap_counter(seen_) ? kEventWrap : 0));
}

std::optional<std::uint16_t> PackedQueue::available() {
  look();
  if (seen_ != taken_) {
    return std::max<std::uint16_t>(lists_, 1);  // an unfinished one is judged when it is taken
  }
  if (seen_ - used_ < place_.size && !judge_next_list()) {
    return std::nullopt;
  }
  return 0;
}

// Nothing is available: was it meant to be?
bool PackedQueue::judge_next_list() {
  const Descriptor next = descriptor(ring(), at(seen_));
  // The device has not written this lap's flags here yet.
  const bool looks_used =
      next.has(kDescAvail) == wrap_counter(seen_) && next.has(kDescUsed) == wrap_counter(seen_);
  if (looks_used || (flags_written(seen_) && available_in_other_lap(seen_))) {
    judge_.broken(rule::packed_wrap, name() + ": descriptor " + std::to_string(at(seen_)) +
                                         " has flags " + hex(next.flags) +
                                         ", the wrap counter is " +
                                         (wrap_counter(seen_) ? "1" : "0"));
    return false;
  }
  return true;
}

// --- Used descriptors ---------------------------------------------------------------------------

void PackedQueue::write_used(std::uint16_t id, std::uint32_t bytes) {
  const int marks = wrap_counter(used_) ? kDescAvail | kDescUsed : 0;
  for (const std::span<std::byte> place : {entry(used_), shadow(used_)}) {
    store(place, 8, bytes);
    store(place, 12, id);
    store(place, 14, static_cast<std::uint16_t>(marks | (bytes != 0 ? kDescWrite : 0)));
  }
}

bool PackedQueue::put(const std::vector<Used>& elements) {
  const std::uint64_t before = used_;
  if (in_order()) {
    write_used(elements.back().chain->id, elements.back().bytes);  // where the first's would be
  }
  for (const Used& element : elements) {
    if (!in_order()) {
      write_used(element.chain->id, element.bytes);
    }
    id_in_flight_[element.chain->id] = false;
    used_ += element.chain->descriptors.size();
  }
  return should_interrupt(before, used_);
}

// --- Both event areas ---------------------------------------------------------------------------

bool PackedQueue::should_interrupt(std::uint64_t before, std::uint64_t after) {
  const auto event = load<std::uint16_t>(driver_area(), 0);
  const auto word = load<std::uint16_t>(driver_area(), 2);
  const auto flags = static_cast<std::uint16_t>(word & kEventFlags);
  if (word != flags) {
    judge_.broken(rule::packed_event_reserved, name() + ": " + hex(word));
  }
  if (flags > (event_idx() ? kEventDesc : kEventDisable)) {
    judge_.broken(rule::packed_event_flags, name() + ": " + hex(flags));
    return true;
  }
  if (flags != kEventDesc) {
    return flags == kEventEnable;
  }
  const std::uint32_t offset = event & ~std::uint32_t{kEventWrap};
  if (offset >= place_.size) {
    judge_.broken(rule::packed_event_offset, name() + " of " + std::to_string(place_.size) +
                                                 ": descriptor " + std::to_string(offset));
    return true;
  }
  // The place from `before` on that the offset stands for: was it used now, in the lap asked for?
  const std::uint64_t asked = before + (offset + place_.size - at(before)) % place_.size;
  return asked < after && wrap_counter(asked) == ((event & kEventWrap) != 0);
}

// With EVENT_IDX for the next descriptor alone.
void PackedQueue::tell_driver(bool notify) {
  check_device_area();
  const std::uint16_t when = event_idx() ? kEventDesc : kEventEnable;
  const std::uint16_t place = event_idx() && notify ? next_available() : std::uint16_t{0};
  for (const std::span<std::byte> area : {device_area(), std::span<std::byte>(told_)}) {
    store(area, 0, place);
    store(area, 2, notify ? when : kEventDisable);
  }
}

}  // namespace referee
