// The device of the property tests: it answers as it is told to, keeps count of all that it does,
// and complains, once and in words, about whatever a driver may rely on and did not get. (It throws
// nothing: much of the request layer runs in destructors.)
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sluice/drivers/block/completion_batch.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/tag_set.hpp>

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

class PropertyDevice final : public blk::QueueOps {
 public:
  static constexpr u64 kBytes = 64 * 4096;  // of each disk
  enum class Ends : u8 { Later, Inline, InlineTogether };

  // The driver's part of a request: what became of it since it was made.
  struct Command {
    Request* request = nullptr;
    bool alive = false;    // it has begun, and has not ended
    bool started = false;  // the device has it
    bool swallowed = false;
    bool stubborn = false;  // tried again, it fails again
    u32 transients = 0;
    u32 extensions = 0;
  };
  // What statistics should say, for one direction.
  struct Tally {
    u64 requests = 0;
    u64 bytes = 0;
    u64 errors = 0;
  };
  struct DiskState {
    const Disk* disk = nullptr;
    std::vector<std::byte> memory = std::vector<std::byte>(kBytes);
    std::array<Tally, blk::kDirections> tally{};
    std::set<Status> said;  // how requests ended, other than Ok
  };

  PropertyDevice(bool express, Ends how, u64 timeout_ns)
      : express_(express), ends_(how), timeout_ns_(timeout_ns) {}

  std::vector<DiskState> disks;
  std::string complaint;

  // --- What it is told to do ---
  u32 busy_next = 0;  // so many offers are answered Busy
  u32 fail_next = 0;  // so many Failed
  u32 swallow_next = 0;
  u32 stubborn_next = 0;           // so many fail with Transient, however often they are tried
  u32 room = ~u32{0};              // how many it takes at a time
  u32 timeout_answer = 0;          // where the answers to timeout() go on
  std::function<void()> on_offer;  // called at the next one, as if another hart did it meanwhile
  std::function<void(const Request&)> on_taken;

  void complain(const std::string& text) {
    if (complaint.empty()) {
      complaint = text;
    }
  }
  DiskState& state_of(const Disk& disk) {
    return *std::find_if(disks.begin(), disks.end(),
                         [&disk](const DiskState& each) { return each.disk == &disk; });
  }

  usize has() const { return started_.size(); }
  bool has_some_of(const Disk& disk) const {
    return std::any_of(started_.begin(), started_.end(),
                       [&disk](const Request* each) { return &each->disk() == &disk; });
  }

  // Ends up to `most` requests of one queue with `status`: the oldest, or with `from` any;
  // together, or one by one. How many. For those that are polled for it does not interrupt.
  usize complete(usize most, usize from, Status status, bool together, bool polls = false);
  // Gives one back.
  void requeue(usize from) {
    for (Request* const request : take_out(1, from, true)) {
      request->requeue();
    }
  }
  // Also what it has swallowed.
  void complete_everything() {
    for (Request* const request : started_) {
      command_of(*request).swallowed = false;
    }
    while (complete(~usize{0}, 0, Status::Ok, true, true) > 0) {
    }
  }
  // What the disk's removal has ended in the request layer goes away with it.
  void forget(const Disk& disk) {
    for (Command* const command : commands_) {
      if (command->alive && !command->started && &command->request->disk() == &disk) {
        command->alive = false;
      }
    }
  }
  // It was told of everything that it took.
  void check_told() {
    if (!untold_.empty()) {
      complain("the device was not told of a request");
    }
  }

  // --- QueueOps ---
  bool has_queue_rqs() const override { return express_; }

  blk::QueueResult queue_rq(blk::HwQueue& queue, Request& request, bool last) override;
  void queue_rqs(blk::HwQueue& queue, blk::FreshBios& bios) override;
  void commit_rqs(blk::HwQueue& queue) override { tell(queue); }

  unsigned poll(blk::HwQueue& queue) override;
  blk::TimeoutResult timeout(blk::HwQueue& queue, Request& request) override;

 private:
  static Command& command_of(const Request& request) { return request.payload<Command>(); }

  class Calling;

  bool can_end(const Request& request) const {
    return !command_of(request).swallowed && !untold_.contains(&request);
  }

  std::vector<Request*> take_out(usize most, usize from, bool polls);
  blk::QueueResult take(blk::HwQueue& queue, Request& request);
  void tell(const blk::HwQueue& queue) {
    std::erase_if(untold_, [&](const Request* each) { return &each->hw_queue() == &queue; });
  }

  void check(blk::HwQueue& queue, Request& request);
  void carry_out(Request& request, Status status);

  const bool express_;
  const Ends ends_;
  const u64 timeout_ns_;
  std::deque<Request*> started_;  // the oldest first
  std::set<const Request*> untold_;
  std::set<const blk::HwQueue*> calling_;
  std::set<Command*> commands_;
};

}  // namespace sluice::test
