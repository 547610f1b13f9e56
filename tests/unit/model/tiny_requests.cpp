// The tiny driver's requests from the caller's side: waiting, and a call for each command.
// Reference: virtio 1.2, 5.2.5, 5.2.6, 5.4.6.
#include "tiny_driver.hpp"
#include "tiny_wire.hpp"

namespace tiny {

std::optional<std::uint8_t> Driver::wait(std::size_t number) {
  bool moving = true;
  for (int i = 0; !requests_[number].done && moving && i < 1000; ++i) {
    moving = device_.step();
    if (device_.in_flight() != 0) {
      spoil_in_flight();
    }
    if (device_.interrupt_pending()) {
      handle_interrupt();
      moving = true;
    } else if (options_.polled) {
      drain();
    }
  }
  const Request& request = requests_[number];
  if (!request.done || request.block.data == nullptr) {
    return std::nullopt;
  }
  return std::to_integer<std::uint8_t>(request.block.data[kHeader + request.data_bytes]);
}

Bytes Driver::data(std::size_t number) const {
  const Request& request = requests_[number];
  const std::byte* first = request.block.data + kHeader;
  return {first, first + request.data_bytes};
}

void Driver::forget(std::size_t number) {
  Request& request = requests_[number];
  if (request.done && request.block.data != nullptr) {
    world_.arena.free(request.block);
    request.block = {};
  }
}

std::optional<Bytes> Driver::read(std::uint64_t sector, std::uint32_t bytes) {
  const auto request = submit(0, sector, {}, bytes);
  if (!request || wait(*request) != 0) {
    return std::nullopt;
  }
  Bytes read = data(*request);
  forget(*request);
  return read;
}

bool Driver::write(std::uint64_t sector, std::span<const std::byte> bytes) {
  const auto request = submit(1, sector, bytes, 0);
  const bool written = request && wait(*request) == 0;
  if (request) {
    forget(*request);
  }
  return written;
}

bool Driver::flush() {
  const Bytes data(makes(Mistake::FlushWithData) ? 512 : 0);
  const auto request = submit(4, makes(Mistake::FlushWithSector) ? 3 : 0, data, 0);
  const bool flushed = request && wait(*request) == 0;
  if (request) {
    forget(*request);
  }
  return flushed;
}

std::optional<Bytes> Driver::random(std::uint32_t bytes) {
  const auto request = submit(0, 0, {}, bytes);
  if (!request || !wait(*request)) {
    return std::nullopt;
  }
  Bytes random = data(*request);
  forget(*request);
  return random;
}

std::optional<std::string> Driver::id() {
  const auto request = submit(8, 0, {}, makes(Mistake::IdTooShort) ? 16 : 20);
  if (!request || wait(*request) != 0) {
    return std::nullopt;
  }
  std::string text;
  for (const std::byte byte : data(*request)) {
    if (byte == std::byte{0}) {
      break;
    }
    text += static_cast<char>(byte);
  }
  forget(*request);
  return text;
}

std::optional<Bytes> Driver::lifetime() {
  const auto request = submit(10, 0, {}, makes(Mistake::LifetimeTooShort) ? 4 : 6);
  if (!request || wait(*request) != 0) {
    return std::nullopt;
  }
  Bytes answer = data(*request);
  forget(*request);
  return answer;
}

bool Driver::work_on_ranges(std::uint32_t type, std::vector<Range> ranges) {
  spoil_ranges(type, ranges);
  Bytes bytes(16 * ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    poke(bytes.data() + 16 * i, ranges[i].sector);
    poke(bytes.data() + 16 * i + 8, ranges[i].sectors);
    poke(bytes.data() + 16 * i + 12, ranges[i].flags);
  }
  if (makes(Mistake::RangesRagged)) {
    bytes.resize(bytes.size() - 8);
  }
  const auto request = submit(type, makes(Mistake::DiscardWithSector) ? 3 : 0, bytes, 0);
  const bool done = request && wait(*request) == 0;
  if (request) {
    forget(*request);
  }
  return done;
}

void Driver::set_writeback(std::uint8_t mode) {
  device_.write(kWriteback, 1, makes(Mistake::WritebackTwo) ? 2 : mode);
}

}  // namespace tiny
