// Bios with their memory, and the log as text: what tests of the virtio disk driver hold in hand,
// whoever plays the device.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::test {

// The log's lines since it was made or cleared.
class LogText {
 public:
  LogText() {
    log::set_level(log::Level::Debug);
    log::set_show([](const log::Line& line) { text() += std::string(line.text) + "\n"; });
    clear();
  }
  ~LogText() { log::set_show(nullptr); }
  void clear() { text().clear(); }
  bool has(std::string_view what) const { return text().find(what) != std::string::npos; }
  std::size_t count(std::string_view what) const {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text().find(what, at)) != std::string::npos; ++at) {
      ++found;
    }
    return found;
  }
  static std::string& text() {
    static std::string lines;
    return lines;
  }
};

// What stands on a disk that nobody wrote to, a function of the place.
inline std::byte pattern(std::uint64_t sector, std::uint32_t offset) {
  return static_cast<std::byte>(sector * 7 + offset * 13 + (offset >> 8) + (sector >> 8));
}

// A bio with its memory.
struct Io {
  Io(blk::Op op, u64 sector, std::size_t bytes, std::size_t pieces = 1) : data(bytes) {
    for (std::size_t i = 0; i < pieces; ++i) {
      const std::size_t from = bytes * i / pieces;
      const std::size_t to = bytes * (i + 1) / pieces;
      segments.push_back({data.data() + from, static_cast<u32>(to - from)});
    }
    bio.op = op;
    bio.sector = blk::Sector(sector);
    bio.segments = segments;
    bio.context = this;
    bio.end_io = [](blk::Bio& ended) { ++static_cast<Io*>(ended.context)->ends; };
  }
  Io(const Io&) = delete;

  bool done() const { return ends == 1; }
  bool ok() const { return done() && bio.status == blk::Status::Ok; }
  // Does the memory hold what an untouched disk has there?
  bool holds_pattern() const {
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (data[i] != pattern(bio.sector.value() + i / 512, i % 512)) {
        return false;
      }
    }
    return true;
  }

  std::vector<std::byte> data;
  std::vector<blk::Segment> segments;
  blk::Bio bio;
  int ends = 0;
};

using Ios = std::vector<std::unique_ptr<Io>>;

inline bool all_ok(const Ios& ios) {
  return std::all_of(ios.begin(), ios.end(), [](const auto& io) { return io->ok(); });
}
inline bool all_hold_pattern(const Ios& ios) {
  return all_ok(ios) &&
         std::all_of(ios.begin(), ios.end(), [](const auto& io) { return io->holds_pattern(); });
}

}  // namespace sluice::test
