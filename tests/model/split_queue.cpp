// The device's side of a split virtqueue: taking chains and judging their form.
#include "split_queue.hpp"

#include <algorithm>

#include "rules.hpp"
#include "wire.hpp"

namespace referee {
namespace {

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// FNV-1a: a change of one bit changes it.
void hash(std::uint64_t& state, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    state = (state ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3;
  }
}

}  // namespace

bool is_lent(const QueuePlace& place, Memory& memory) {
  return !memory.at(place.desc, desc_bytes(place.size)).empty() &&
         !memory.at(place.avail, avail_bytes(place.size, false)).empty() &&
         !memory.at(place.used, used_bytes(place.size, false)).empty();
}

SplitQueue::SplitQueue(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge)
    : index_(index), place_(place), memory_(memory), judge_(judge), in_flight_(place.size) {}

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
bool SplitQueue::event_idx() const {
  return driver_.has(kFeatureEventIdx);
}
std::string SplitQueue::name() const {
  return "queue " + std::to_string(index_);
}

bool SplitQueue::check_place() {
  if (place_.desc % 16 != 0 || place_.avail % 2 != 0 || place_.used % 4 != 0) {
    judge_.broken(rule::queue_misaligned, name() + ": descriptors " + hex(place_.desc) +
                                              ", available ring " + hex(place_.avail) +
                                              ", used ring " + hex(place_.used));
    return false;
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
    judge_.broken(rule::queue_memory, name() + ": descriptors " + hex(place_.desc) +
                                          ", available ring " + hex(place_.avail) + ", used ring " +
                                          hex(place_.used) + ", size " +
                                          std::to_string(place_.size));
    return false;
  }
  if (!all_zero(used())) {
    judge_.broken(rule::queue_not_zeroed, name() + ": the used ring at " + hex(place_.used));
    return false;
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

SplitQueue::Descriptor SplitQueue::descriptor(std::span<const std::byte> table, std::size_t index) {
  const auto entry = table.subspan(index * kDescBytes, kDescBytes);
  return {load<std::uint64_t>(entry, 0), load<std::uint32_t>(entry, 8),
          load<std::uint16_t>(entry, 12), load<std::uint16_t>(entry, 14)};
}

std::optional<std::uint16_t> SplitQueue::available() {
  const auto index = load<std::uint16_t>(avail(), 2);
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
  for (const std::uint16_t index : chain.descriptors) {
    in_flight_[index] = true;
  }
  ++avail_idx_;
  return chain;
}

// --- Chains in flight ---------------------------------------------------------------------------

SplitQueue::Fingerprint SplitQueue::fingerprint(const Chain& chain) {
  Fingerprint now;
  const auto entries = table();
  for (const std::uint16_t index : chain.descriptors) {
    hash(now.entries, entries.subspan(std::size_t{index} * kDescBytes, kDescBytes));
    const Descriptor entry = descriptor(entries, index);
    if ((entry.flags & kDescIndirect) != 0) {
      hash(now.entries, memory_.at(entry.addr, entry.len));
    }
  }
  for (const Segment& segment : chain.segments) {
    if (!segment.device_writable) {
      hash(now.buffers, memory_.at(segment.bus, segment.bytes));
    }
  }
  return now;
}

bool SplitQueue::check_lent(const Chain& chain) {
  for (const Segment& segment : chain.segments) {
    if (segment.bytes != 0 && memory_.at(segment.bus, segment.bytes).empty()) {
      judge_.broken(rule::split_buffer_taken_back,
                    name() + ": chain " + std::to_string(chain.head) + ", " + hex(segment.bytes) +
                        " bytes at " + hex(segment.bus));
      return false;
    }
  }
  return true;
}

bool SplitQueue::check_unchanged(const Chain& chain, const Fingerprint& then) {
  if (!check_lent(chain)) {
    return false;
  }
  const Fingerprint now = fingerprint(chain);
  const std::string which = name() + ": chain " + std::to_string(chain.head);
  if (now.entries != then.entries) {
    judge_.broken(rule::split_entry_changed, which);
  } else if (now.buffers != then.buffers) {
    judge_.broken(rule::split_buffer_changed, which);
  }
  return true;
}

// --- The used ring and both sides' notifications ------------------------------------------------

void SplitQueue::write_used16(std::size_t offset, std::uint16_t value) {
  used_shadow_.resize(used().size());
  store(used(), offset, value);
  store(std::span(used_shadow_), offset, value);
}

bool SplitQueue::put(const std::vector<Used>& elements) {
  used_shadow_.resize(used().size());
  const std::uint16_t before = used_idx_;
  for (const Used& element : elements) {
    const std::size_t offset = 4 + std::size_t{8} * (used_idx_ % place_.size);
    for (const std::span<std::byte> ring : {used(), std::span(used_shadow_)}) {
      store(ring, offset, std::uint32_t{element.chain->head});
      store(ring, offset + 4, element.bytes);
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

bool SplitQueue::published_since_told() {
  return load<std::uint16_t>(avail(), 2) != told_at_;
}

void SplitQueue::expect_no_notification() {
  needs_none_ = true;
  told_at_ = load<std::uint16_t>(avail(), 2);
  if (event_idx()) {
    const auto passed = static_cast<std::uint16_t>(avail_idx_ - 1);
    write_used16(4 + std::size_t{8} * place_.size, passed);
  } else {
    write_used16(0, kUsedNoNotify);
  }
}

void SplitQueue::expect_notification() {
  needs_none_ = false;
  if (event_idx()) {
    write_used16(4 + std::size_t{8} * place_.size, avail_idx_);
  } else {
    write_used16(0, 0);
  }
}

}  // namespace referee
