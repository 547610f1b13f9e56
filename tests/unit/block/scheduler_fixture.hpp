// What the schedulers' tests share: a disk that nothing is submitted to, bios and requests that are
// described as the request layer would, and a scheduler's answers as sectors.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/scheduler.hpp>
#include <sluice/drivers/block/tag_set.hpp>

#include "tests/catch.hpp"
#include "tests/port/world.hpp"

namespace sluice::blk {

// What only the request layer writes otherwise.
struct TestAccess {
  static void describe(Bio& bio, u64 sector, u64 bytes, u64 submitted_ticks) {
    bio.disk_sector_ = sector;
    bio.total_bytes_ = bytes;
    bio.submitted_ticks_ = submitted_ticks;
  }
  static const SectorTreeLinks& links(const Bio& bio) { return bio.tree_; }
  // One that `bio` was made into.
  static void describe(Request& request, Bio& bio, HwQueue& queue, u32 tag, u64 started_ticks) {
    request.set_op_and_flags(bio.op, bio.flags);
    request.first_bio_ = &bio;
    request.submitted_ticks_ = bio.submitted_ticks_;
    request.hw_queue_ = &queue;
    request.tag_ = tag;
    request.started_ticks_ = started_ticks;
  }
};

}  // namespace sluice::blk

namespace sluice::test {

using blk::Bio;
using blk::Op;

// What a scheduler sent at once, as the sectors of its bios.
using Sectors = std::vector<u64>;

class SchedulerFixture {
  struct Payload {};
  class Device final : public blk::QueueOps {
    blk::QueueResult queue_rq(blk::HwQueue&, blk::Request&, bool) override {
      return blk::QueueResult::Failed;
    }
  };

 public:
  explicit SchedulerFixture(blk::TagSet::Shape shape = {}, blk::Limits limits = default_limits())
      : tags_(std::move(*blk::TagSet::create<Payload>(device_, shape))),
        disk(*tags_, "vda", {.sectors = 1 << 20, .limits = limits}) {}
  static blk::Limits default_limits() {
    blk::Limits limits;
    limits.max_bytes = 64 * 1024;
    limits.max_discard_bytes = 256 * 1024;
    limits.max_write_zeroes_bytes = 128 * 1024;
    limits.max_secure_erase_bytes = 32 * 1024;
    return limits;
  }

  // A bio of 4 KiB submitted now.
  Bio& bio(Op op, u64 sector, u64 bytes = 4096, u8 flags = 0) {
    bios_.push_back(std::make_unique<Bio>());
    Bio& made = *bios_.back();
    made.op = op;
    made.flags = flags;
    blk::TestAccess::describe(made, sector, bytes, world.now_ticks);
    return made;
  }
  void insert(blk::Scheduler& scheduler, Bio& bio, u32 queue_index = 0) {
    List<Bio> one;
    one.push_back(bio);
    scheduler.insert(queue(queue_index), one);
    REQUIRE(one.empty());
  }
  void insert(blk::Scheduler& scheduler, Op op, const Sectors& sectors, u32 queue_index = 0) {
    for (const u64 sector : sectors) {
      insert(scheduler, bio(op, sector), queue_index);
    }
  }

  // What goes out next; empty where nothing does.
  Sectors dispatch(blk::Scheduler& scheduler, u32 queue_index = 0) {
    List<Bio> to;
    const bool sent = scheduler.dispatch(queue(queue_index), to);
    REQUIRE(sent != to.empty());
    return take(to);
  }
  // The first sector of each thing that goes out until nothing does.
  Sectors dispatch_all(blk::Scheduler& scheduler) {
    Sectors firsts;
    for (Sectors run = dispatch(scheduler); !run.empty(); run = dispatch(scheduler)) {
      firsts.push_back(run.front());
    }
    return firsts;
  }
  Sectors drain(blk::Scheduler& scheduler) {
    List<Bio> to;
    scheduler.drain(to);
    return take(to);
  }

  blk::HwQueue& queue(u32 index) { return *tags_->hw_queues()[index]; }

  World world;

 private:
  Device device_;
  std::unique_ptr<blk::TagSet> tags_;

 public:
  blk::Disk disk;
  Op op_sent = Op::Flush;  // of the last that went out

 private:
  Sectors take(List<Bio>& list) {
    Sectors sectors;
    while (const Bio* const bio = list.pop_front()) {
      sectors.push_back(bio->disk_sector());
      op_sent = bio->op;
    }
    return sectors;
  }

  std::deque<std::unique_ptr<Bio>> bios_;
};

}  // namespace sluice::test
