// The tiny driver's packed ring: lists of descriptors, wrap counters, event areas.
// Reference: virtio 1.2, 2.8.21, 2.8.22, 2.9.
#include "tiny_driver.hpp"
#include "tiny_wire.hpp"

namespace tiny {
namespace {

constexpr std::uint16_t both(bool wrap) {
  return wrap ? kAvail | kUsed : 0;
}

constexpr std::uint16_t with_wrap(std::uint16_t place, bool wrap) {
  return static_cast<std::uint16_t>(place | (wrap ? 0x8000 : 0));
}

}  // namespace

void Driver::advance(std::uint16_t& place, bool& wrap) const {
  if (++place == size_) {
    place = 0;
    wrap = !wrap;
  }
}

void Driver::choose_id(Request& request) {
  while (busy_[request.id] && !makes(Mistake::ReusesId)) {
    ++request.id;
  }
  busy_[request.id] = true;
}

// All of the list but the flags of its first descriptor.
void Driver::place_packed(Request& request, const std::vector<Piece>& parts) {
  choose_id(request);
  const std::vector<Piece> pieces =
      uses_tables() ? std::vector{write_table(request, parts)} : parts;
  first_wrap_ = avail_wrap_;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::byte* entry = table(avail_place_);
    poke(entry, pieces[i].bus);
    poke(entry + 8, pieces[i].bytes);
    poke(entry + 12, request.id);
    int marks = avail_wrap_ ? kAvail : kUsed;
    if (makes(Mistake::ForgetsUsedFlag)) {
      marks &= kAvail;
    } else if (makes(Mistake::FlagsOnlyFirst) && i != 0) {
      marks = 0;
    }
    const auto flags =
        static_cast<std::uint16_t>(pieces[i].flags | marks | (i + 1 < pieces.size() ? kNext : 0));
    if (i == 0) {
      first_flags_ = flags;
    } else {
      poke(entry + 14, flags);
    }
    if (i == 0 && makes(Mistake::PublishesFirstFirst)) {
      poke(entry + 14, flags);
      put(kQueueNotify, options_.queue);
      device_.step();
    }
    request.descriptors.push_back(avail_place_);
    advance(avail_place_, avail_wrap_);
    avail_wrap_ = avail_wrap_ || makes(Mistake::ForgetsWrapCounter);
  }
  in_use_ += pieces.size();
}

void Driver::publish_packed(const Request& request) {
  poke(table(request.descriptors.front()) + 14, first_flags_);
  spoil_published();
  notify(packed_notification_asked(request));
}

bool Driver::packed_notification_asked(const Request& request) const {
  const std::byte* area = rings_.data + used_;
  const int flags = peek<std::uint16_t>(area + 2) & 3;
  if (flags != kAtDescriptor) {
    return flags == kEnable;
  }
  const auto asked = peek<std::uint16_t>(area);
  bool wrap = first_wrap_;
  for (std::uint16_t place : request.descriptors) {
    if (asked == with_wrap(place, wrap)) {
      return true;
    }
    advance(place, wrap);
  }
  return false;
}

std::uint16_t Driver::notification_data() const {
  return packed() ? with_wrap(avail_place_, avail_wrap_) : avail_index_;
}

bool Driver::packed_used() {
  return (peek<std::uint16_t>(table(used_place_) + 14) & both(true)) == both(used_wrap_);
}

void Driver::arm_packed() {
  std::uint16_t place = with_wrap(used_place_, used_wrap_);
  std::uint16_t flags = accepted(kEventIdx) ? kAtDescriptor : kEnable;
  if (makes(Mistake::EventFlagsReserved)) {
    flags = 3;
  } else if (makes(Mistake::EventAtDescriptorUnnegotiated)) {
    flags = kAtDescriptor;
  } else if (makes(Mistake::EventReservedBits)) {
    flags |= 0x10;
  } else if (makes(Mistake::EventBeyondRing)) {
    place = with_wrap(static_cast<std::uint16_t>(size_), used_wrap_);
  }
  poke(avail(), place);
  poke(avail() + 2, options_.polled ? kDisable : flags);
}

}  // namespace tiny
