// Accesses and fences as they come, against the rules.
#include "order.hpp"

#include <utility>

namespace sluice::test {

using port::Fence;

OrderJudge::OrderJudge(World& world, RingMap map)
    : world_(world), map_(std::move(map)), states_(map_.rings().size()) {
  judge.mode = referee::Judge::Mode::Collect;
  for (u32 queue = 0; queue < states_.size(); ++queue) {
    states_[queue].written.resize(map_.rings()[queue].size);
    pass_published(queue);
  }
}

void OrderJudge::fence(Fence kind) {
  ++fences[static_cast<usize>(kind)];
  const bool fits = left_out && left_out->kind == kind &&
                    (left_out->after == After::Anything || left_out->after == last_);
  if (fits) {
    return;
  }
  if (kind == Fence::RwW || kind == Fence::RwRw) {
    digest_at_fence_ = digest();
  }
  for (State& state : states_) {
    if (kind == Fence::RwRw) {
      state.published = state.asked = false;
    }
    if (kind == Fence::RwRw || kind == Fence::RRw) {
      state.index_read = false;
      if (state.used_seen) {
        state.written[*std::exchange(state.used_seen, std::nullopt)] = false;
      }
    }
  }
  written_before_notify_ = written_before_notify_ && kind != Fence::RwO;
  status_read_ = status_read_ && kind != Fence::IRw;
}

void OrderJudge::before_access(const void* at, usize, bool is_write) {
  const Place place = map_.find(at);
  if (place.part == Part::Elsewhere) {
    return;
  }
  last_ = After::Anything;
  if (is_write) {
    before_write(place);
  } else {
    before_read(place);
  }
}

void OrderJudge::before_register(u64 offset, bool is_write) {
  if (is_write && offset == referee::kQueueNotify && written_before_notify_) {
    judge.broken(order::kNotify);
  }
  status_read_ = status_read_ || (!is_write && offset == referee::kInterruptStatus);
}

// The caller of the driver looks at the data next.
void OrderJudge::before_take_back() {
  if (status_read_) {
    judge.broken(order::kStatus, "data");
  }
  for (const State& state : states_) {
    if (state.used_seen) {
      judge.broken(order::kIndex, "data of descriptor " + std::to_string(*state.used_seen));
    }
  }
}

// --- Reads ---------------------------------------------------------------------------------------

void OrderJudge::before_read(const Place& place) {
  State& state = states_[place.queue];
  if (status_read_) {
    judge.broken(order::kStatus, place.text());
  }
  const bool looks = place.part == Part::UsedIndex || place.part == Part::Descriptor;
  if (looks && state.asked && !map_.rings()[place.queue].quiet()) {
    judge.broken(order::kRecheck, place.text());
  }
  const bool asks_for_wish = place.part == Part::UsedFlags || place.part == Part::AvailEvent ||
                             place.part == Part::DeviceEvent;
  if (asks_for_wish && state.published) {
    judge.broken(order::kWanted, place.text());
  }
  if (place.part == Part::UsedElement && state.index_read) {
    judge.broken(order::kIndex, place.text());
  }
  state.index_read = state.index_read || place.part == Part::UsedIndex;
  if (place.part == Part::Descriptor) {
    before_descriptor_read(place);
  }
}

// One that the device has marked as used since the driver wrote it tells of all that comes behind.
void OrderJudge::before_descriptor_read(const Place& place) {
  State& state = states_[place.queue];
  if (state.used_seen && *state.used_seen != place.index) {
    judge.broken(order::kIndex, place.text());
  }
  const RingMap::Ring& ring = map_.rings()[place.queue];
  if (state.written[place.index] && ring.has_avail(place.index) == ring.has_used(place.index)) {
    state.used_seen = place.index;
  }
}

// --- Writes --------------------------------------------------------------------------------------

void OrderJudge::before_write(const Place& place) {
  State& state = states_[place.queue];
  written_before_notify_ = true;
  if (place.part == Part::UsedEvent || place.part == Part::AvailFlags ||
      place.part == Part::DriverEvent) {
    state.asked = true;
    last_ = After::AskingForInterrupts;
  }
  if (place.part == Part::Descriptor) {
    state.written[place.index] = true;
  }
  if (publishes(place)) {
    before_publishing(place);
  }
}

void OrderJudge::before_publishing(const Place& place) {
  if (digest() != digest_at_fence_) {
    judge.broken(order::kPublish, place.text());
  }
  states_[place.queue].published = true;
  last_ = After::Publishing;
}

// Of a packed ring: the descriptor that the device looks at next. Those that were written behind it
// are published with it.
bool OrderJudge::publishes(const Place& place) {
  if (place.part != Part::Descriptor) {
    return place.part == Part::AvailIndex;
  }
  pass_published(place.queue);
  return place.index == states_[place.queue].next;
}

void OrderJudge::pass_published(u32 queue) {
  State& state = states_[queue];
  const RingMap::Ring& ring = map_.rings()[queue];
  while (ring.packed && ring.has_avail(state.next) == state.wrap) {
    if (++state.next == ring.size) {
      state.next = 0;
      state.wrap = !state.wrap;
    }
  }
}

}  // namespace sluice::test
