// A kyber with requests in flight, for its tests.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include <sluice/drivers/block/kyber.hpp>

#include "scheduler_fixture.hpp"

namespace sluice::test {

using blk::Kyber;

inline constexpr u64 kMs = 1'000'000;  // in ticks of the test's clock, and in nanoseconds

// A kyber, and the requests that it let go, which the test ends.
class KyberFixture : public SchedulerFixture {
 public:
  explicit KyberFixture(const Kyber::Tunables& tunables = {}, blk::TagSet::Shape shape = {})
      : SchedulerFixture(shape), kyber_(std::move(*Kyber::create(disk, tunables))) {}
  ~KyberFixture() { drain(*kyber_); }

  Kyber& kyber() { return *kyber_; }
  void add(Op op, u32 count, u32 queue_index = 0) {
    for (; count > 0; --count) {
      insert(*kyber_, op, {next_sector_ += 100}, queue_index);
    }
  }

  // Dispatches one and starts its request. False: nothing was to go out.
  bool send(u32 queue_index = 0) {
    List<Bio> to;
    if (!kyber_->dispatch(queue(queue_index), to)) {
      return false;
    }
    const u64 submitted = to.front().submitted_ticks();
    op_sent = to.front().op;
    while (to.pop_front() != nullptr) {
    }
    start(op_sent, queue_index, submitted);
    return true;
  }
  u32 send_all(u32 queue_index = 0) {
    u32 sent = 0;
    while (send(queue_index)) {
      ++sent;
    }
    return sent;
  }
  void start(Op op, u32 queue_index, u64 submitted_ticks) {
    u32 tag = 0;
    while (flights_.contains({queue_index, tag})) {
      ++tag;
    }
    Flight& flight = flights_[{queue_index, tag}];
    flight.bio.op = op;
    blk::TestAccess::describe(flight.bio, 0, 4096, submitted_ticks);
    blk::TestAccess::describe(flight.request, flight.bio, queue(queue_index), tag, world.now_ticks);
    kyber_->started(flight.request);
  }
  // Ends one of `op`; what ended() said.
  bool end(Op op) {
    for (auto at = flights_.begin(); at != flights_.end(); ++at) {
      if (at->second.bio.op == op) {
        const bool woken = kyber_->ended(at->second.request, world.now_ticks);
        flights_.erase(at);
        return woken;
      }
    }
    FAIL("none is in flight");
    return false;
  }
  bool end_all(Op op, u32 count) {
    bool woken = false;
    for (; count > 0; --count) {
      woken = end(op) || woken;
    }
    return woken;
  }

  // `count` requests of `op` that waited and were in the device for so long, all of the same
  // moment.
  void measure(Op op, u32 count, u64 waited_ns, u64 in_device_ns) {
    for (; count > 0; --count) {
      const u64 submitted = world.now_ticks;
      world.now_ticks += waited_ns;
      start(op, 0, submitted);
      world.now_ticks += in_device_ns;
      end(op);
      world.now_ticks = submitted;
    }
  }
  // Ends the window: one more request of no latency, of a kind that the test does not look at.
  void end_window() {
    world.now_ticks += 100 * kMs;
    start(Op::Discard, 0, world.now_ticks);
    end(Op::Discard);
  }

 private:
  struct Flight {
    Bio bio;
    blk::Request request;
  };

  std::unique_ptr<Kyber> kyber_;
  std::map<std::pair<u32, u32>, Flight> flights_;  // by queue and tag
  u64 next_sector_ = 0;
};

}  // namespace sluice::test
