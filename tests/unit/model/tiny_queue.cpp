// The tiny driver's requests: descriptors, rings, notifications.
// Reference: virtio 1.2, 2.7.13, 2.7.14, 5.2.6.
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
  const std::size_t needed = options_.indirect ? 1 : parts.size();
  const auto free = static_cast<std::size_t>(std::count(busy_.begin(), busy_.end(), false));
  if (needed > free) {
    world_.arena.free(request.block);
    return std::nullopt;
  }
  place(request, parts);
  spoil_descriptors(request);
  const std::uint16_t head = request.descriptors.front();
  owner_[head] = requests_.size();
  requests_.push_back(std::move(request));
  publish(makes(Mistake::HeadOutOfRange) ? static_cast<std::uint16_t>(size_) : head);
  return requests_.size() - 1;
}

std::vector<Driver::Piece> Driver::pieces(const Request& request) const {
  const std::uint64_t bus = request.block.bus.value();
  const std::uint16_t direction = request.to_device ? std::uint16_t{0} : kWrite;
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

void Driver::place(Request& request, const std::vector<Piece>& parts) {
  const std::size_t needed = options_.indirect ? 1 : parts.size();
  for (std::uint16_t index = 0; request.descriptors.size() < needed; ++index) {
    if (!busy_[index]) {
      request.descriptors.push_back(index);
      busy_[index] = !makes(Mistake::ReusesDescriptors);
    }
  }
  if (options_.indirect) {
    const std::size_t offset = table_offset(request);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      write_descriptor(request.block.data + offset + 16 * i, parts[i],
                       i + 1 < parts.size() ? kNext : std::uint16_t{0}, i + 1);
    }
    const Piece outer{request.block.bus.value() + offset,
                      static_cast<std::uint32_t>(16 * parts.size()), kTable};
    write_descriptor(table(request.descriptors.front()), outer, 0, 0);
    return;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    write_descriptor(table(request.descriptors[i]), parts[i], last ? std::uint16_t{0} : kNext,
                     last ? 0 : request.descriptors[i + 1]);
  }
}

void Driver::publish(std::uint16_t head) {
  poke(avail() + 4 + std::size_t{2} * (avail_index_ % size_), head);
  const std::uint16_t old_index = avail_index_++;
  poke(avail() + 2, avail_index_);
  spoil_published();
  notify(old_index);
}

void Driver::notify(std::uint16_t old_index) {
  const auto event = peek<std::uint16_t>(used() + 4 + std::size_t{8} * size_);
  const bool by_event = accepted(kEventIdx) || makes(Mistake::ObeysAvailEvent);
  const bool asked = by_event ? event == old_index : (peek<std::uint16_t>(used()) & 1) == 0;
  if ((asked && !makes(Mistake::ForgetsNotification)) || makes(Mistake::NotifiesNeedlessly)) {
    put(kQueueNotify, options_.queue);
  }
  if (makes(Mistake::NotifiesAbsentQueue)) {
    put(kQueueNotify, 5);
  }
}

// Asks for the next interrupt, or for none.
void Driver::arm() {
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
    while (used_index_ != peek<std::uint16_t>(used() + 2)) {
      const auto id = peek<std::uint32_t>(used() + 4 + std::size_t{8} * (used_index_ % size_));
      ++used_index_;
      Request& request = requests_[owner_[id]];
      for (const std::uint16_t index : request.descriptors) {
        busy_[index] = false;
      }
      request.done = true;
    }
    arm();  // and look again
  } while (used_index_ != peek<std::uint16_t>(used() + 2));
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
