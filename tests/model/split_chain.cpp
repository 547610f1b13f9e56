// Following a chain through the descriptor table, and judging its form.
// Reference: virtio 1.2, 2.7.4–2.7.5.
#include "rules.hpp"
#include "split_queue.hpp"
#include "wire.hpp"

namespace referee {
namespace {

constexpr std::size_t kManyDescriptors = 8;

}  // namespace

Segment SplitQueue::Descriptor::segment() const {
  return {addr, len, (flags & kDescWrite) != 0};
}

SplitQueue::Descriptor SplitQueue::descriptor(std::span<const std::byte> table, std::size_t index) {
  const auto entry = table.subspan(index * kDescBytes, kDescBytes);
  return {load<std::uint64_t>(entry, 0), load<std::uint32_t>(entry, 8),
          load<std::uint16_t>(entry, 12), load<std::uint16_t>(entry, 14)};
}

bool SplitQueue::walk(Chain& chain) {
  std::vector<bool> seen(place_.size);
  for (std::uint16_t index = chain.head;;) {
    if (seen[index]) {
      judge_.broken(rule::split_loop, name() + ": back at descriptor " + std::to_string(index));
      return false;
    }
    seen[index] = true;
    if (in_flight_[index]) {
      judge_.broken(rule::split_descriptor_in_flight,
                    name() + ": descriptor " + std::to_string(index));
      return false;
    }
    chain.descriptors.push_back(index);
    const Descriptor entry = descriptor(table(), index);
    if ((entry.flags & kDescIndirect) != 0) {
      return open_indirect(chain, entry);
    }
    if (!append(chain, entry.segment())) {
      return false;
    }
    if ((entry.flags & kDescNext) == 0) {
      return true;
    }
    index = entry.next;
    if (index >= place_.size) {
      judge_.broken(rule::split_next, name() + ": next is " + std::to_string(index));
      return false;
    }
  }
}

bool SplitQueue::broken_table(const Rule& rule, const Chain& chain, std::uint64_t value) {
  judge_.broken(rule, name() + ": chain " + std::to_string(chain.head) + ", " + hex(value));
  return false;
}

bool SplitQueue::open_indirect(Chain& chain, const Descriptor& outer) {
  if (!driver_.has(kFeatureIndirect)) {
    return broken_table(rule::indirect_unnegotiated, chain, outer.flags);
  }
  if ((outer.flags & kDescNext) != 0) {
    return broken_table(rule::indirect_next, chain, outer.flags);
  }
  if (outer.len == 0 || outer.len % kDescBytes != 0) {
    return broken_table(rule::indirect_table, chain, outer.len);
  }
  const auto entries = memory_.at(outer.addr, outer.len);
  if (entries.empty()) {
    return broken_table(rule::split_buffer_address, chain, outer.addr);
  }
  chain.indirect = true;
  return walk_table(chain, entries);
}

bool SplitQueue::walk_table(Chain& chain, std::span<const std::byte> entries) {
  const std::size_t count = entries.size() / kDescBytes;
  std::vector<bool> seen(count);
  for (std::size_t index = 0;;) {
    if (seen[index]) {
      return broken_table(rule::split_loop, chain, index);
    }
    seen[index] = true;
    const Descriptor entry = descriptor(entries, index);
    if ((entry.flags & kDescIndirect) != 0) {
      return broken_table(rule::indirect_nested, chain, entry.flags);
    }
    if (!append(chain, entry.segment())) {
      return false;
    }
    if ((entry.flags & kDescNext) == 0) {
      return true;
    }
    if (in_order() && entry.next != index + 1) {
      judge_.broken(rule::indirect_in_order, name() + ": entry " + std::to_string(index) +
                                                 " is followed by " + std::to_string(entry.next));
    }
    index = entry.next;
    if (index >= count) {
      return broken_table(rule::split_next, chain, index);
    }
  }
}

void SplitQueue::check_in_order(const Chain& chain) {
  for (const std::uint16_t index : chain.descriptors) {
    if (in_order() && index != in_order_next_) {
      judge_.broken(rule::split_in_order, name() + ": descriptor " + std::to_string(index) +
                                              " comes where " + std::to_string(in_order_next_) +
                                              " would be in order");
    }
    in_order_next_ = static_cast<std::uint16_t>((index + 1) % place_.size);
  }
}

bool SplitQueue::check_size(const Chain& chain) {
  const std::uint64_t bytes = chain.readable_bytes() + chain.writable_bytes();
  if (chain.segments.size() > kManyDescriptors && bytes < kDescBytes * chain.segments.size()) {
    judge_.broken(rule::split_excessive, name() + ": " + std::to_string(chain.segments.size()) +
                                             " descriptors for " + std::to_string(bytes) +
                                             " bytes");
  }
  if (chain.segments.size() > place_.size) {
    judge_.broken(rule::split_too_long, name() + " of " + std::to_string(place_.size) + ": " +
                                            std::to_string(chain.segments.size()) + " descriptors");
  }
  if (bytes > std::uint64_t{1} << 32) {
    judge_.broken(rule::split_total_bytes, name() + ": " + hex(bytes));
    return false;
  }
  return true;
}

void SplitQueue::hash_entries(const Chain& chain, std::uint64_t& state) {
  const auto entries = table();
  for (const std::uint16_t index : chain.descriptors) {
    hash(state, entries.subspan(std::size_t{index} * kDescBytes, kDescBytes));
    const Descriptor entry = descriptor(entries, index);
    if ((entry.flags & kDescIndirect) != 0) {
      hash(state, memory_.at(entry.addr, entry.len));
    }
  }
}

}  // namespace referee
