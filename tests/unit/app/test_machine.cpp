#include "test_machine.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::test {

MemoryDisk::MemoryDisk(std::string_view name, Bytes contents, blk::Disk::Options options,
                       const blk::TagSet::Shape& shape)
    : bytes(std::move(contents)) {
  options.sectors = bytes.size() / blk::kSectorBytes;
  auto made = blk::TagSet::create<Payload>(*this, shape);
  REQUIRE(made);
  tag_set_ = std::move(*made);
  disk_ = std::make_unique<blk::Disk>(*tag_set_, name, options);
  REQUIRE(disk_->add());
}

blk::QueueResult MemoryDisk::queue_rq(blk::HwQueue&, blk::Request& request, bool last) {
  notifications_ += last ? 1 : 0;
  sectors.push_back(request.sector().value());
  if (!deferred) {
    finish(request);
    return blk::QueueResult::Ok;
  }
  waiting_.push_back(&request);
  most_in_flight = std::max(most_in_flight, waiting_.size());
  return blk::QueueResult::Ok;
}

bool MemoryDisk::complete_one() {
  if (waiting_.empty()) {
    return false;
  }
  World::current().now_ticks += 1000;
  blk::Request* request = waiting_.front();
  waiting_.erase(waiting_.begin());
  finish(*request);
  return true;
}

unsigned MemoryDisk::poll(blk::HwQueue&) {
  const unsigned completed = complete_one() ? 1 : 0;
  polled += completed;
  return completed;
}

// Null: it is forgotten.
std::byte* MemoryDisk::place_of_write(u64 sector) {
  if (const auto stray = stray_writes.find(sector); stray != stray_writes.end()) {
    sector = stray->second;
  }
  return lost_writes.contains(sector) ? nullptr : bytes.data() + sector * 512;
}

void MemoryDisk::finish(blk::Request& request) {
  const u64 first = request.sector().value();
  const u64 last = first + (request.bytes() + 511) / 512;
  const auto bad = bad_sectors.lower_bound(first);
  if (bad != bad_sectors.end() && *bad < last) {
    request.complete(blk::Status::IoError);
    return;
  }
  std::byte* at = bytes.data() + first * 512;
  switch (request.op()) {
    case blk::Op::Read:
      ++reads;
      break;
    case blk::Op::Write:
      ++writes;
      break;
    case blk::Op::Flush:
      ++flushes;
      break;
    default:
      ++discards;
      std::memset(at, 0, request.bytes());
      break;
  }
  if (request.op() == blk::Op::Write) {
    at = place_of_write(first);
  }
  if (blk::carries_data(request.op()) && at != nullptr) {
    for (const blk::Segment segment : request.segments()) {
      if (request.op() == blk::Op::Read) {
        std::memcpy(segment.data, at, segment.bytes);
      } else {
        std::memcpy(at, segment.data, segment.bytes);
      }
      at += segment.bytes;
    }
    if (request.op() == blk::Op::Write && wrong_writes.contains(first)) {
      at[-1] ^= std::byte{4};
    }
  }
  request.complete(blk::Status::Ok);
}

int RecordConsole::read() {
  return input_used < input.size() ? static_cast<u8>(input[input_used++]) : -1;
}

std::string RecordConsole::stream(char which) const {
  std::string text;
  usize at = 0;
  while (at + 7 <= raw.size()) {
    REQUIRE(raw[at] == '\x01');
    REQUIRE(raw[at + 6] == '\x02');
    const usize bytes = std::stoul(raw.substr(at + 2, 4), nullptr, 16);
    REQUIRE(at + 7 + bytes <= raw.size());
    if (raw[at + 1] == which) {
      text += raw.substr(at + 7, bytes);
    }
    at += 7 + bytes;
  }
  REQUIRE(at == raw.size());
  return text;
}

Machine::Machine(u32 harts) : world(harts) {
  console::set_device(&console);
  console::use_records(true);
  world.steps.push_back([this] {
    bool any = false;
    for (const auto& disk : disks) {
      any = disk->complete_one() || any;
    }
    return any;
  });
}

Machine::~Machine() {
  console::use_records(false);
  console::set_device(nullptr);
}

MemoryDisk& Machine::add_disk(std::string_view name, Bytes contents, blk::Disk::Options options,
                              const blk::TagSet::Shape& shape) {
  disks.push_back(std::make_unique<MemoryDisk>(name, std::move(contents), options, shape));
  return *disks.back();
}

int Machine::run(std::string_view line) {
  console.raw.clear();
  const int status = app::run_line(session, line);
  out = console.stream('o');
  error = console.stream('e');
  return status;
}

}  // namespace sluice::test
