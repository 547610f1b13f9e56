// No request starves: whatever comes after it, a bio goes to the driver after a bounded number of
// others; with mq-deadline counted from when it is overdue. Random loads on a slow device with a
// manual clock. By RapidCheck, from a fixed seed.
#include "property_plan.hpp"

#include <cmath>
#include <memory>

#include "tests/catch.hpp"

namespace sluice::test {
namespace {

constexpr u32 kBlocks = PropertyDevice::kBytes / blk::kSectorBytes;

// Bios that are submitted at once, and how many requests the device ends before the next ones.
struct Burst {
  u32 hart;
  u32 writes_in_8;
  u32 bios;
  u32 ends;
  u32 where;
};

std::ostream& operator<<(std::ostream& out, const Burst& burst) {
  return out << "\n  hart " << burst.hart << ": " << burst.bios << " from " << burst.where << ", "
             << burst.writes_in_8 << "/8 writes, then " << burst.ends << " end";
}

rc::Gen<std::vector<Burst>> bursts() {
  using rc::gen::inRange;
  using rc::gen::resize;
  return rc::gen::container<std::vector<Burst>>(
      rc::gen::construct<Burst>(resize(100, inRange<u32>(0, 4)), resize(100, inRange<u32>(0, 9)),
                                resize(100, inRange<u32>(1, 40)), resize(100, inRange<u32>(0, 30)),
                                resize(100, inRange<u32>(0, kBlocks))));
}

struct Load {
  std::string_view scheduler;
  u32 queues = 1;
  u32 depth = 1;
  u64 service_ns = 0;  // of one request
};

class Watch {
 public:
  explicit Watch(const Load& load)
      : load_(load), device_(true, PropertyDevice::Ends::Later, 0), used_(kBlocks) {
    tags_ = std::move(*TagSet::create<PropertyDevice::Command>(
        device_, {.hw_queues = load.queues, .depth = load.depth}));
    disk_ =
        std::make_unique<Disk>(*tags_, "vda", Disk::Options{.sectors = kBlocks, .timeout_ns = 0});
    device_.disks.resize(1);
    device_.disks[0].disk = disk_.get();
    device_.on_taken = [this](const Request& request) { taken(request); };
    RC_ASSERT(disk_->set_scheduler(load.scheduler).has_value());
  }
  ~Watch() { end(~0u); }

  void submit(const Burst& burst) {
    u32 random = burst.where;
    List<Bio> batch;
    for (u32 i = 0; i < burst.bios; ++i) {
      random = random * 1664525 + 1013904223;
      const u32 block = (random >> 8) % kBlocks;
      if (!used_[block]) {
        used_[block] = true;
        const bool write = (random >> 24 & 7) < burst.writes_in_8;
        auto io = std::make_unique<Waiting>();
        io->bio = std::make_unique<Bio>(
            write ? Op::Write : Op::Read, Sector(block), std::span(&io->segment, 1), [](Bio&) {},
            nullptr);
        io->queue = burst.hart % load_.queues;
        io->since_ns = world_.now_ticks;
        io->bound = bound_of(*io);
        batch.push_back(*io->bio);
        waiting_.push_back(std::move(io));
      }
    }
    world_.run_as(burst.hart, [&] { disk_->submit(batch); });
    RC_ASSERT(complaint_ == "");
  }

  // The device ends requests, the oldest first.
  void end(u32 requests) {
    for (u32 ended = 0; ended < requests && device_.has() > 0; ++ended) {
      world_.advance_ns(load_.service_ns);
      device_.complete(1, 0, Status::Ok, false);
      world_.settle();
    }
  }
  void finish() {
    end(~0u);
    RC_ASSERT(complaint_ == "");
    RC_ASSERT(device_.complaint == "");
    RC_ASSERT(waiting_.empty());
  }

 private:
  struct Waiting {
    std::byte memory[blk::kSectorBytes]{};
    Segment segment{memory, blk::kSectorBytes};
    std::unique_ptr<Bio> bio;
    u32 queue = 0;
    u64 since_ns = 0;
    u32 overtaken = 0;  // by requests that count
    u32 bound = 0;
  };
  // Its line: bios of the same direction with mq-deadline, of the same direction and queue with
  // kyber, of the same queue without a scheduler.
  bool in_one_line(const Waiting& a, const Waiting& b) const {
    const bool direction = load_.scheduler == "none" || a.bio->op == b.bio->op;
    const bool queue = load_.scheduler == "mq-deadline" || a.queue == b.queue;
    return direction && queue;
  }

  // How many requests may go to the driver before it, those in front of it in its line included.
  u32 bound_of(const Waiting& io) const {
    constexpr u32 kBatch = 16;   // of mq-deadline
    constexpr u32 kStarved = 2;  // its batches of reads before one of writes
    constexpr u32 kRound = 26;   // of kyber: the batches of all domains
    const u32 ahead =
        static_cast<u32>(std::count_if(waiting_.begin(), waiting_.end(),
                                       [&](const auto& other) { return in_one_line(*other, io); }));
    if (load_.scheduler == "none") {
      return ahead;
    }
    if (load_.scheduler == "kyber") {  // which may be down to one request of a kind at a time
      return (ahead + 1) * (kRound + load_.queues * load_.depth);
    }
    // Each batch of its direction begins with the oldest of those that are overdue.
    const u32 own = (ahead + 1) * kBatch;
    const u32 others =
        io.bio->op == Op::Read ? (ahead / kStarved + 1) * kBatch : (ahead + 1) * kStarved * kBatch;
    return kBatch + own + others;
  }

  bool counts(const Waiting& io, const Request& request) const {
    constexpr u64 kReadExpiresNs = 500'000'000;
    constexpr u64 kWriteExpiresNs = 5'000'000'000;
    if (load_.scheduler != "mq-deadline") {
      return request.hw_queue().index() == io.queue;
    }
    const u64 expires_ns = io.bio->op == Op::Read ? kReadExpiresNs : kWriteExpiresNs;
    return world_.now_ticks >= io.since_ns + expires_ns;
  }

  void taken(const Request& request) {
    const u64 first = request.sector().value();
    const u64 end = first + request.bytes() / blk::kSectorBytes;
    std::erase_if(waiting_, [&](std::unique_ptr<Waiting>& io) {
      const u64 sector = io->bio->sector.value();
      const bool mine = sector >= first && sector < end;
      if (mine) {
        started_.push_back(std::move(io));
      }
      return mine;
    });
    for (const auto& io : waiting_) {
      if (counts(*io, request) && ++io->overtaken > io->bound && complaint_.empty()) {
        complaint_ = "sector " + std::to_string(io->bio->sector.value()) + " still waits after " +
                     std::to_string(io->overtaken) + " requests";
      }
    }
  }

  const Load load_;
  World world_{4};
  PropertyDevice device_;
  std::unique_ptr<TagSet> tags_;
  std::unique_ptr<Disk> disk_;
  std::vector<bool> used_;
  std::vector<std::unique_ptr<Waiting>> waiting_;
  std::vector<std::unique_ptr<Waiting>> started_;
  std::string complaint_;
};

void nobody_starves(std::string_view scheduler) {
  CHECK(rc::check([scheduler] {
    const Load load{.scheduler = scheduler,
                    .queues = *rc::gen::inRange<u32>(1, 5),
                    .depth = *rc::gen::inRange<u32>(1, 17),
                    .service_ns = *rc::gen::element<u64>(100'000, 5'000'000, 60'000'000)};
    const std::vector<Burst> load_bursts = *bursts();
    Watch watch(load);
    for (const Burst& burst : load_bursts) {
      watch.submit(burst);
      watch.end(burst.ends);
    }
    watch.finish();
  }));
}

TEST_CASE("without a scheduler nothing overtakes a bio in its queue") {
  nobody_starves("none");
}

TEST_CASE("with mq-deadline nothing waits for long once it is overdue") {
  nobody_starves("mq-deadline");
}

TEST_CASE("with kyber nothing waits for more than its turn") {
  nobody_starves("kyber");
}

}  // namespace
}  // namespace sluice::test
