// A device for the request layer's tests: takes requests when and as the test says, keeps its disk
// in a byte vector, and checks of each request what every driver counts on. And bios that own their
// memory and count their ends.
#pragma once

#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/express_lane.hpp>
#include <sluice/drivers/block/tag_set.hpp>

#include "tests/catch.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {

using blk::Bio;
using blk::Disk;
using blk::Op;
using blk::Request;
using blk::Sector;
using blk::Segment;
using blk::Status;
using blk::TagSet;

class TestDevice final : public blk::QueueOps {
 public:
  // The driver's part of each request.
  struct Command {
    u32 marker = 0xc0de;
    bool started = false;
  };
  struct Seen {
    Op op;
    u64 sector;
    u64 bytes;
    u32 segments;
    bool last;
    u32 queue;
    bool fua = false;
    const Disk* disk = nullptr;
  };

  explicit TestDevice(u64 bytes) : memory(bytes) {}

  std::vector<std::byte> memory;
  std::deque<Request*> started;  // taken and not yet complete
  std::vector<Seen> seen;        // all that was taken, in order
  unsigned commits = 0;
  bool takes_batches = false;  // has queue_rqs(); fixed before there is a tag set
  std::vector<usize> batches;  // how many it took there
  unsigned offers = 0;         // calls of queue_rq

  u32 room = ~u32{0};      // how many it takes at a time
  unsigned busy_next = 0;  // so many offers are answered Busy
  unsigned fail_next = 0;  // so many are answered Failed
  bool completes_inline = false;
  std::function<void()> on_offer;  // called at the next offer, as if another hart did it meanwhile
  unsigned fail_init_at = ~0u;     // init_hctx of this queue fails
  std::vector<u32> queues;         // those that are initialised
  std::function<void(blk::QueueMap&)> on_map;
  std::function<blk::TimeoutResult(Request&)> on_timeout;  // Extend where there is none
  std::vector<Request*> asked;                             // the requests of calls of timeout
  std::set<Request*> untold;                               // taken, and the device not yet told

  Result<void> init_hctx(blk::HwQueue& queue) override {
    if (queue.index() == fail_init_at) {
      return fail(Errc::Io);
    }
    queues.push_back(queue.index());
    return {};
  }
  void exit_hctx(blk::HwQueue& queue) override {
    REQUIRE(queues.back() == queue.index());
    queues.pop_back();
  }

  blk::QueueResult queue_rq(blk::HwQueue& queue, Request& request, bool last) override {
    ++offers;
    if (on_offer) {
      std::exchange(on_offer, nullptr)();
    }
    if (busy_next > 0 || started.size() >= room) {
      busy_next -= busy_next > 0 ? 1 : 0;
      return blk::QueueResult::Busy;
    }
    if (fail_next > 0) {
      --fail_next;
      return blk::QueueResult::Failed;
    }
    check(queue, request);
    seen.push_back({request.op(), request.sector().value(), request.bytes(),
                    request.segment_count(), last, queue.index(), request.fua(), &request.disk()});
    untold.insert(&request);
    if (last) {
      untold.clear();
    }
    if (completes_inline) {
      untold.erase(&request);
      finish(request, Status::Ok);
    } else {
      started.push_back(&request);
    }
    return blk::QueueResult::Ok;
  }

  bool has_queue_rqs() const override { return takes_batches; }
  void queue_rqs(blk::HwQueue& queue, blk::FreshBios& bios) override {
    blk::ExpressLane lane(bios);
    blk::PlainRequest plain;
    usize taken = 0;
    while (lane.next(plain)) {
      check_plain(plain, lane);
      if (queue_rq(queue, *plain.request, false) != blk::QueueResult::Ok) {
        blk::ExpressLane::hold_back(*plain.request);
        break;
      }
      ++taken;
    }
    untold.clear();
    if (taken > 0) {
      batches.push_back(taken);
    }
  }

  void commit_rqs(blk::HwQueue&) override {
    ++commits;
    untold.clear();
  }

  unsigned poll(blk::HwQueue& queue) override {
    unsigned count = 0;
    for (usize left = started.size(), at = 0; left > 0; --left) {
      if (&started.at(at)->hw_queue() == &queue) {
        complete(at);
        ++count;
      } else {
        ++at;
      }
    }
    return count;
  }

  void map_queues(blk::QueueMap& map) override {
    if (on_map) {
      on_map(map);
    }
  }

  blk::TimeoutResult timeout(blk::HwQueue&, Request& request) override {
    asked.push_back(&request);
    return on_timeout ? on_timeout(request) : blk::TimeoutResult::Extend;
  }

  // Completes the one that was taken `index` before the rest.
  void complete(usize index = 0, Status status = Status::Ok) {
    Request& request = *started.at(index);
    started.erase(started.begin() + static_cast<std::ptrdiff_t>(index));
    finish(request, status);
  }
  // Lets go of one, and does nothing with it.
  Request& forget(usize index = 0) {
    Request& request = *started.at(index);
    started.erase(started.begin() + static_cast<std::ptrdiff_t>(index));
    request.payload<Command>().started = false;
    return request;
  }
  // All that it has now, the oldest first.
  void complete_all(Status status = Status::Ok) {
    for (usize count = started.size(); count > 0; --count) {
      complete(0, status);
    }
  }

 private:
  void check(blk::HwQueue& queue, Request& request) {
    const blk::Limits& limits = request.disk().limits();
    u64 bytes = 0;
    u32 segments = 0;
    for (const Segment segment : request.segments()) {
      REQUIRE(segment.data != nullptr);
      REQUIRE(segment.bytes > 0);
      REQUIRE(segment.bytes <= limits.max_segment_bytes);
      bytes += segment.bytes;
      ++segments;
    }
    REQUIRE(segments == request.segment_count());
    REQUIRE(segments <= limits.max_segments);
    REQUIRE(bytes == (blk::carries_data(request.op()) ? request.bytes() : 0));
    REQUIRE(bytes <= limits.max_bytes);
    REQUIRE(request.sector().value() * 512 % limits.logical_block_bytes == 0);
    REQUIRE(request.bytes() % limits.logical_block_bytes == 0);
    REQUIRE(request.sector().value() * 512 + request.bytes() <= memory.size());
    REQUIRE(&request.hw_queue() == &queue);
    REQUIRE(queue.in_flight_request(request.tag()) == &request);
    Command& command = request.payload<Command>();
    REQUIRE(command.marker == 0xc0de);
    REQUIRE_FALSE(command.started);
    command.started = true;
  }

  // What the lane says of a request is what the request says.
  static void check_plain(const blk::PlainRequest& plain, const blk::ExpressLane& lane) {
    const Request& request = *plain.request;
    REQUIRE(request.segment_count() == 1);
    REQUIRE(request.op() == plain.op);
    REQUIRE(request.polled() == lane.polled());
    REQUIRE(request.tag() == plain.tag);
    REQUIRE(request.sector().value() == plain.sector);
    REQUIRE(request.only_segment().data == plain.data);
    REQUIRE(request.bytes() == plain.bytes);
  }

  void finish(Request& request, Status status) {
    request.payload<Command>().started = false;
    std::byte* at = memory.data() + request.sector().value() * 512;
    if (status == Status::Ok && request.op() == Op::WriteZeroes) {
      std::memset(at, 0, request.bytes());
    }
    for (const Segment segment : request.segments()) {
      if (status == Status::Ok && request.op() == Op::Read) {
        std::memcpy(segment.data, at, segment.bytes);
      } else if (status == Status::Ok) {
        std::memcpy(at, segment.data, segment.bytes);
      }
      at += segment.bytes;
    }
    request.complete(status);
  }
};

// A world with a device, its tag set and a disk that is added as "vda".
struct TestDisk {
  explicit TestDisk(Disk::Options options = {.sectors = 8192}, TagSet::Shape shape = {},
                    u32 harts = 1)
      : world(harts),
        device(options.sectors * 512),
        tags(std::move(*TagSet::create<TestDevice::Command>(device, shape))),
        disk(*tags, "vda", options) {
    REQUIRE(disk.add());
  }

  World world;
  TestDevice device;
  std::unique_ptr<TagSet> tags;
  Disk disk;
};

// A bio with memory of its own, in pieces of the given lengths.
struct TestBio {
  TestBio(Op op, u64 sector, const std::vector<u32>& lengths) {
    for (const u32 bytes : lengths) {
      memory.push_back(std::make_unique<std::byte[]>(bytes));
      segments.push_back({memory.back().get(), bytes});
    }
    bio.op = op;
    bio.sector = Sector(sector);
    bio.segments = segments;
    bio.end_io = [](Bio& ended) {
      TestBio& self = *static_cast<TestBio*>(ended.context);
      ++self.ends;
      if (self.then) {
        self.then(self);
      }
    };
    bio.context = this;
  }
  // One over a range, without memory.
  static std::unique_ptr<TestBio> range(Op op, u64 sector, u64 bytes) {
    auto made = std::make_unique<TestBio>(op, sector, std::vector<u32>{});
    made->bio.range_bytes = bytes;
    return made;
  }

  bool ended(Status status) const { return ends == 1 && bio.status == status; }
  // Its bytes in order.
  std::vector<std::byte> content() const {
    std::vector<std::byte> bytes;
    for (const Segment& segment : segments) {
      bytes.insert(bytes.end(), segment.data, segment.data + segment.bytes);
    }
    return bytes;
  }
  // Fills it with a function of its place in the bio.
  void fill(u32 seed) {
    u32 value = seed;
    for (const Segment& segment : segments) {
      for (u32 at = 0; at < segment.bytes; ++at) {
        value = value * 1664525 + 1013904223;
        segment.data[at] = static_cast<std::byte>(value >> 24);
      }
    }
  }

  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::vector<Segment> segments;
  Bio bio;
  unsigned ends = 0;
  std::function<void(TestBio&)> then;
};

// Submits bios as one batch, in this order.
template <class... Bios>
void submit_batch(blk::BlockDevice& device, Bios&... bios) {
  List<Bio> batch;
  (batch.push_back(bios.bio), ...);
  device.submit(batch);
}

}  // namespace sluice::test
