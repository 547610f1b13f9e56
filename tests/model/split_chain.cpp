// Following a chain through the descriptor table, and judging its form.
// Reference: virtio 1.2, 2.7.4–2.7.5.
#include "rules.hpp"
#include "split_queue.hpp"
#include "wire.hpp"

namespace referee {
namespace {

constexpr std::size_t kManyDescriptors = 8;

}  // namespace

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
    if (!append(chain, entry)) {
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

bool SplitQueue::append(Chain& chain, const Descriptor& entry) {
  const bool device_writable = (entry.flags & kDescWrite) != 0;
  if (!device_writable && chain.writable_bytes() != 0) {
    judge_.broken(rule::split_order, name() + ": chain " + std::to_string(chain.head));
    return false;
  }
  if (entry.len != 0 && memory_.at(entry.addr, entry.len).empty()) {
    judge_.broken(rule::split_buffer_address,
                  name() + ": " + hex(entry.len) + " bytes at " + hex(entry.addr));
    return false;
  }
  chain.segments.push_back({entry.addr, entry.len, device_writable});
  return true;
}

bool SplitQueue::open_indirect(Chain& chain, const Descriptor& outer) {
  const auto broken = [&](const Rule& rule, std::uint64_t value) {
    judge_.broken(rule, name() + ": chain " + std::to_string(chain.head) + ", " + hex(value));
    return false;
  };
  if (!driver_.has(kFeatureIndirect)) {
    return broken(rule::indirect_unnegotiated, outer.flags);
  }
  if ((outer.flags & kDescNext) != 0) {
    return broken(rule::indirect_next, outer.flags);
  }
  if (outer.len == 0 || outer.len % kDescBytes != 0) {
    return broken(rule::indirect_table, outer.len);
  }
  const auto entries = memory_.at(outer.addr, outer.len);
  if (entries.empty()) {
    return broken(rule::split_buffer_address, outer.addr);
  }
  chain.indirect = true;
  const std::uint32_t count = outer.len / kDescBytes;
  std::vector<bool> seen(count);
  for (std::size_t index = 0;;) {
    if (seen[index]) {
      return broken(rule::split_loop, index);
    }
    seen[index] = true;
    const Descriptor entry = descriptor(entries, index);
    if ((entry.flags & kDescIndirect) != 0) {
      return broken(rule::indirect_nested, entry.flags);
    }
    if (!append(chain, entry)) {
      return false;
    }
    if ((entry.flags & kDescNext) == 0) {
      return true;
    }
    index = entry.next;
    if (index >= count) {
      return broken(rule::split_next, index);
    }
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

}  // namespace referee
