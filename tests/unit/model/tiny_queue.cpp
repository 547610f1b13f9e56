// The tiny driver's requests: descriptors, rings, notifications; what is the packed ring's alone
// stands in tiny_packed.cpp. Reference: virtio 1.2, 2.7.13, 2.7.14, 5.2.6.
#include <algorithm>

#include "tiny_driver.hpp"
#include "tiny_wire.hpp"

namespace tiny {
namespace {

constexpr std::size_t kTableEntries = 64;

std::size_t table_offset(const Request& request) {
  return sluice::align_up(kHeader + request.data_bytes + 1, 16);
}

}  // namespace

std::optional<std::size_t> Driver::submit(std::uint32_t type, std::uint64_t sector,
                                          std::span<const std::byte> out, std::uint32_t in_bytes) {
  if (broken_ && !makes(Mistake::IgnoresNeedsReset)) {
    return std::nullopt;
  }
  Request request;
  request.type = type;
  request.to_device = !out.empty();
  request.data_bytes = in_bytes + static_cast<std::uint32_t>(out.size());
  request.block = allocate(table_offset(request) + 16 * kTableEntries, 16, true);
  poke(request.block.data, type);
  poke(request.block.data + 8, sector);
  std::copy(out.begin(), out.end(), request.block.data + kHeader);
  request.block.data[kHeader + request.data_bytes] = std::byte{0xff};

  auto parts = pieces(request);
  spoil_request(request, parts);
  const std::size_t needed = uses_tables() ? 1 : parts.size();
  if (needed > free_descriptors() && !makes(Mistake::OverrunsRing)) {
    world_.arena.free(request.block);
    return std::nullopt;
  }
  if (packed()) {
    place_packed(request, parts);
    spoil_packed(request);
  } else {
    place(request, parts);
    spoil_descriptors(request);
  }
  owner_[request.id] = requests_.size();
  in_order_.push_back(requests_.size());
  requests_.push_back(std::move(request));
  if (packed()) {
    publish_packed(requests_.back());
  } else {
    publish(requests_.back());
  }
  return requests_.size() - 1;
}

std::vector<Driver::Piece> Driver::pieces(const Request& request) const {
  const std::uint64_t bus = request.block.bus.value();
  const std::uint16_t direction = request.to_device ? std::uint16_t{0} : kWrite;
  if (options_.entropy) {
    return {{bus + kHeader, request.data_bytes, kWrite}};
  }
  std::vector<Piece> parts{{bus, kHeader, 0}};
  std::uint32_t most = options_.segment_bytes == 0 ? request.data_bytes : options_.segment_bytes;
  if (makes(Mistake::TooManySegments)) {
    most = 256;
  } else if (makes(Mistake::SegmentTooLong)) {
    most = request.data_bytes;
  } else if (makes(Mistake::TinyPieces)) {
    most = 8;
  }
  for (std::uint32_t offset = 0; offset < request.data_bytes; offset += most) {
    parts.push_back(
        {bus + kHeader + offset, std::min(most, request.data_bytes - offset), direction});
  }
  parts.push_back({bus + kHeader + request.data_bytes, 1, kWrite});
  return parts;
}

void Driver::write_descriptor(std::byte* entry, const Piece& piece, std::uint16_t flags,
                              std::size_t next) {
  poke(entry, piece.bus);
  poke(entry + 8, piece.bytes);
  poke(entry + 12, static_cast<std::uint16_t>(piece.flags | flags));
  poke(entry + 14, static_cast<std::uint16_t>(next));
}

std::size_t Driver::free_descriptors() const {
  return packed() ? size_ - in_use_
                  : static_cast<std::size_t>(std::count(busy_.begin(), busy_.end(), false));
}

void Driver::choose_descriptors(Request& request, std::size_t count) {
  const bool in_order = accepted(kInOrder) && !makes(Mistake::SplitOutOfOrder);
  for (std::uint16_t index = in_order ? next_descriptor_ : std::uint16_t{0};
       request.descriptors.size() < count;
       index = static_cast<std::uint16_t>((index + 1) % size_)) {
    if (!busy_[index]) {
      request.descriptors.push_back(index);
      busy_[index] = !makes(Mistake::ReusesDescriptors);
      next_descriptor_ = static_cast<std::uint16_t>((index + 1) % size_);
    }
  }
  request.id = request.descriptors.front();
}

void Driver::place(Request& request, const std::vector<Piece>& parts) {
  choose_descriptors(request, uses_tables() ? 1 : parts.size());
  if (uses_tables()) {
    write_descriptor(table(request.descriptors.front()), write_table(request, parts), 0, 0);
    return;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    write_descriptor(table(request.descriptors[i]), parts[i], last ? std::uint16_t{0} : kNext,
                     last ? 0 : request.descriptors[i + 1]);
  }
}

// The pieces as an indirect table, and the piece that it is itself. Packed: one after the other,
// without flags and next.
Driver::Piece Driver::write_table(const Request& request, const std::vector<Piece>& parts) const {
  const std::size_t offset = table_offset(request);
  const bool swapped = makes(Mistake::TableOutOfOrder) && parts.size() == 3;
  const auto place_of = [&](std::size_t i) { return swapped && i != 0 ? 3 - i : i; };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool link = !packed() && i + 1 < parts.size();
    write_descriptor(request.block.data + offset + 16 * place_of(i), parts[i],
                     link ? kNext : std::uint16_t{0}, link ? place_of(i + 1) : 0);
    if (packed()) {
      poke(request.block.data + offset + 16 * i + 12, std::uint16_t{0});
      poke(request.block.data + offset + 16 * i + 14, parts[i].flags);
    }
  }
  return {request.block.bus.value() + offset, static_cast<std::uint32_t>(16 * parts.size()),
          kTable};
}

void Driver::publish(const Request& request) {
  const auto head = static_cast<std::uint16_t>(makes(Mistake::HeadOutOfRange) ? size_ : request.id);
  poke(avail() + 4 + std::size_t{2} * (avail_index_ % size_), head);
  poke(avail() + 2, ++avail_index_);
  spoil_published();
  notify(notification_asked());
}

bool Driver::notification_asked() const {
  const std::byte* used = rings_.data + used_;
  const auto event = peek<std::uint16_t>(used + 4 + std::size_t{8} * size_);
  const bool by_event = accepted(kEventIdx) || makes(Mistake::ObeysAvailEvent);
  return by_event ? event == static_cast<std::uint16_t>(avail_index_ - 1)
                  : (peek<std::uint16_t>(used) & 1) == 0;
}

void Driver::notify(bool asked) {
  std::uint32_t data = accepted(kNotificationData) ? notification_data() : 0;
  if (makes(Mistake::NotifiesWrongData)) {
    --data;
  }
  if ((asked && !makes(Mistake::ForgetsNotification)) || makes(Mistake::NotifiesNeedlessly)) {
    put(kQueueNotify, options_.queue | data << 16);
  }
  if (makes(Mistake::NotifiesAbsentQueue)) {
    put(kQueueNotify, 5);
  }
}

// Asks for the next interrupt, or for none.
void Driver::arm() {
  if (packed()) {
    arm_packed();
    return;
  }
  if (accepted(kEventIdx)) {
    const auto next = static_cast<std::uint16_t>(used_index_ - (options_.polled ? 1 : 0));
    poke(avail() + 4 + std::size_t{2} * size_, next);
  }
  const bool flag =
      makes(Mistake::AvailFlagsWithEventIdx) || (!accepted(kEventIdx) && options_.polled);
  const std::uint16_t flags = flag ? 1 : 0;
  poke(avail(), makes(Mistake::AvailFlagsUndefined) ? std::uint16_t{2} : flags);
}

void Driver::drain() {
  do {
    while (drain_some()) {
    }
    arm();  // and look again
  } while (drain_some());
}

// One used element, or one used descriptor.
bool Driver::drain_some() {
  if (packed()) {
    const bool any = packed_used();
    if (any) {
      finish(peek<std::uint16_t>(table(used_place_) + 12));
    }
    return any;
  }
  if (used_index_ == peek<std::uint16_t>(used() + 2)) {
    return false;
  }
  finish(peek<std::uint32_t>(used() + 4 + std::size_t{8} * (used_index_ % size_)));
  return true;
}

// With IN_ORDER an element may stand for all those before it, too (2.7.9, 2.8.8).
void Driver::finish(std::uint32_t id) {
  const std::size_t number = owner_[id];
  while (accepted(kInOrder) && in_order_.front() != number) {
    finish_one(requests_[in_order_.front()]);
    in_order_.pop_front();
  }
  finish_one(requests_[number]);
  std::erase(in_order_, number);
}

void Driver::finish_one(Request& request) {
  request.done = true;
  if (!packed()) {
    ++used_index_;
    for (const std::uint16_t index : request.descriptors) {
      busy_[index] = false;
    }
    return;
  }
  busy_[request.id] = false;
  in_use_ -= request.descriptors.size();
  for (std::size_t i = 0; i < request.descriptors.size(); ++i) {
    advance(used_place_, used_wrap_);
  }
}

void Driver::handle_interrupt() {
  ++interrupts_;
  std::uint32_t events = get(kInterruptStatus);
  events &= makes(Mistake::EchoesInterruptStatus) ? ~std::uint32_t{0} : 3;
  const bool changed = (events & 2) != 0;
  config_changed_ = config_changed_ || changed;
  if (makes(Mistake::AcksUnseenEvent)) {
    events = 3;
  } else if (makes(Mistake::AcksUndefinedBit)) {
    events |= 4;
  }
  if (!makes(Mistake::NeverAcks)) {
    put(kInterruptAck, events);
  }
  if (changed) {
    broken_ = (get(kStatus) & kNeedsReset) != 0;
    capacity_ = makes(Mistake::CapacityUnread) ? capacity_ : read_capacity();
  }
  drain();
}

}  // namespace tiny
