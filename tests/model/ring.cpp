// What the layouts of a virtqueue have in common on the device's side.
#include "ring.hpp"

#include <algorithm>

#include "packed_queue.hpp"
#include "rules.hpp"
#include "split_queue.hpp"
#include "wire.hpp"

namespace referee {

std::unique_ptr<Ring> make_ring(std::uint16_t index, const QueuePlace& place, Memory& memory,
                                Judge& judge) {
  if (place.packed) {
    return std::make_unique<PackedQueue>(index, place, memory, judge);
  }
  return std::make_unique<SplitQueue>(index, place, memory, judge);
}

bool is_lent(const QueuePlace& place, Memory& memory) {
  const std::uint64_t avail = place.packed ? kEventBytes : avail_bytes(place.size, false);
  const std::uint64_t used = place.packed ? kEventBytes : used_bytes(place.size, false);
  return !memory.at(place.desc, desc_bytes(place.size)).empty() &&
         !memory.at(place.avail, avail).empty() && !memory.at(place.used, used).empty();
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

void hash(std::uint64_t& state, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    state = (state ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  }
}

// --- Names and places ---------------------------------------------------------------------------

bool Ring::in_order() const {
  return driver_.has(kFeatureInOrder);
}
bool Ring::event_idx() const {
  return driver_.has(kFeatureEventIdx);
}
std::string Ring::name() const {
  return "queue " + std::to_string(index_);
}

// A verdict about where the queue is; false.
bool Ring::misplaced(const Rule& rule) const {
  judge_.broken(rule, name() + " of " + std::to_string(place_.size) + ": descriptors " +
                          hex(place_.desc) + ", driver area " + hex(place_.avail) +
                          ", device area " + hex(place_.used));
  return false;
}

// --- Chains -------------------------------------------------------------------------------------

bool Ring::append(Chain& chain, const Segment& segment) {
  if (!segment.device_writable && chain.writable_bytes() != 0) {
    judge_.broken(rules_.order, name() + ": chain " + std::to_string(chain.head));
    return false;
  }
  if (segment.bytes != 0 && memory_.at(segment.bus, segment.bytes).empty()) {
    judge_.broken(rules_.buffer_address,
                  name() + ": " + hex(segment.bytes) + " bytes at " + hex(segment.bus));
    return false;
  }
  chain.segments.push_back(segment);
  return true;
}

Ring::Fingerprint Ring::fingerprint(const Chain& chain) {
  Fingerprint now;
  hash_entries(chain, now.entries);
  for (const Segment& segment : chain.segments) {
    if (!segment.device_writable) {
      hash(now.buffers, memory_.at(segment.bus, segment.bytes));
    }
  }
  return now;
}

bool Ring::check_lent(const Chain& chain) {
  for (const Segment& segment : chain.segments) {
    if (segment.bytes != 0 && memory_.at(segment.bus, segment.bytes).empty()) {
      judge_.broken(rules_.buffer_taken_back, name() + ": chain " + std::to_string(chain.head) +
                                                  ", " + hex(segment.bytes) + " bytes at " +
                                                  hex(segment.bus));
      return false;
    }
  }
  return true;
}

bool Ring::check_unchanged(const Chain& chain, const Fingerprint& then) {
  if (!check_lent(chain)) {
    return false;
  }
  const Fingerprint now = fingerprint(chain);
  const std::string which = name() + ": chain " + std::to_string(chain.head);
  if (now.entries != then.entries) {
    judge_.broken(rules_.entry_changed, which);
  } else if (now.buffers != then.buffers) {
    judge_.broken(rules_.buffer_changed, which);
  }
  return true;
}

// --- Notifications of the driver ----------------------------------------------------------------

// A driver may call with its rings gone: check_live() says so.
void Ring::expect_no_notification() {
  needs_none_ = true;
  if (is_lent(place_, memory_)) {
    told_at_ = next_available();
    tell_driver(false);
  }
}

void Ring::expect_notification() {
  needs_none_ = false;
  if (is_lent(place_, memory_)) {
    tell_driver(true);
  }
}

bool Ring::published_since_told() {
  return is_lent(place_, memory_) && next_available() != told_at_;
}

void Ring::check_notification_data(std::uint16_t next) {
  if (!is_lent(place_, memory_)) {
    return;
  }
  if (const std::uint16_t right = next_available(); next != right) {
    judge_.broken(rules_.notification_data, name() + ": " + hex(next) + ", not " + hex(right));
  }
}

}  // namespace referee
