// Following a list of descriptors through the packed ring or a table, and judging its form.
// Reference: virtio 1.2, 2.8.5–2.8.7, 2.8.16–2.8.19.
#include "packed_queue.hpp"
#include "rules.hpp"
#include "wire.hpp"

namespace referee {

Segment PackedQueue::Descriptor::segment() const {
  return {addr, len, has(kDescWrite)};
}

PackedQueue::Descriptor PackedQueue::descriptor(std::span<const std::byte> table,
                                                std::size_t index) {
  const auto entry = table.subspan(index * kDescBytes, kDescBytes);
  return {load<std::uint64_t>(entry, 0), load<std::uint32_t>(entry, 8),
          load<std::uint16_t>(entry, 12), load<std::uint16_t>(entry, 14)};
}

bool PackedQueue::broken_list(const Rule& rule, const Chain& chain, std::uint64_t value) {
  judge_.broken(rule, name() + " of " + std::to_string(place_.size) + ": list at descriptor " +
                          std::to_string(chain.head) + ", " + hex(value));
  return false;
}

std::optional<Chain> PackedQueue::take() {
  Chain chain;
  chain.queue = index_;
  chain.head = static_cast<std::uint16_t>(at(taken_));
  if (!walk(chain) || !check_list(chain)) {
    return std::nullopt;
  }
  id_in_flight_[chain.id] = true;
  taken_ += chain.descriptors.size();
  --lists_;
  return chain;
}

bool PackedQueue::walk(Chain& chain) {
  for (std::uint64_t n = taken_;; ++n) {
    if (n == seen_) {
      return judge_unfinished(chain);
    }
    const Descriptor entry = descriptor(shadow_, at(n));
    chain.descriptors.push_back(static_cast<std::uint16_t>(at(n)));
    chain.id = entry.id;  // the last one's counts
    if (entry.has(kDescIndirect)) {
      if (!driver_.has(kFeatureIndirect)) {
        return broken_list(rule::packed_indirect_unnegotiated, chain, entry.flags);
      }
      if (n != taken_ || entry.has(kDescNext)) {
        return broken_list(rule::packed_indirect_in_list, chain, entry.flags);
      }
      return open_indirect(chain, entry);
    }
    if (!append(chain, entry.segment())) {
      return false;
    }
    if (!entry.has(kDescNext)) {
      return true;
    }
  }
}

// The list goes on where no descriptor is available.
bool PackedQueue::judge_unfinished(const Chain& chain) {
  if (chain.descriptors.size() == place_.size) {
    return broken_list(rule::packed_too_long, chain, chain.descriptors.size());
  }
  if (seen_ - used_ == place_.size) {
    return broken_list(rule::packed_no_room, chain, chain.descriptors.size());
  }
  const std::uint16_t flags = descriptor(ring(), at(seen_)).flags;
  if (!flags_written(seen_)) {
    return broken_list(rule::packed_partial, chain, at(seen_));
  }
  const bool new_lap = wrap_counter(seen_) != wrap_counter(taken_);
  return broken_list(
      new_lap && available_in_other_lap(seen_) ? rule::packed_wrap : rule::packed_list_flags, chain,
      flags);
}

bool PackedQueue::open_indirect(Chain& chain, const Descriptor& outer) {
  if (outer.len == 0 || outer.len % kDescBytes != 0) {
    return broken_list(rule::packed_indirect_table, chain, outer.len);
  }
  const auto entries = memory_.at(outer.addr, outer.len);
  if (entries.empty()) {
    return broken_list(rule::packed_buffer_address, chain, outer.addr);
  }
  chain.indirect = true;
  chain.table = {outer.addr, outer.len, false};
  return walk_table(chain, entries);
}

// One after the other: there is no next (2.8.7).
bool PackedQueue::walk_table(Chain& chain, std::span<const std::byte> entries) {
  for (std::size_t index = 0; index < entries.size() / kDescBytes; ++index) {
    const Descriptor entry = descriptor(entries, index);
    if ((entry.flags & ~kDescWrite) != 0) {
      return broken_list(rule::packed_table_flags, chain, entry.flags);
    }
    if (!append(chain, entry.segment())) {
      return false;
    }
  }
  return true;
}

bool PackedQueue::check_list(const Chain& chain) {
  if (chain.segments.size() > place_.size) {
    broken_list(rule::packed_too_long, chain, chain.segments.size());
  }
  if (id_in_flight_[chain.id]) {
    return broken_list(rule::packed_id_in_flight, chain, chain.id);
  }
  return true;
}

// The places in the ring are the driver's again as soon as used descriptors have passed them,
// whether this chain's was among them or not: they are judged as such, not here.
void PackedQueue::hash_entries(const Chain& chain, std::uint64_t& state) {
  hash(state, memory_.at(chain.table.bus, chain.table.bytes));
}

}  // namespace referee
