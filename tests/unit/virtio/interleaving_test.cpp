// The device acts between any two accesses of the driver: no wake-up is lost, nothing ends twice.
// All orders of two requests before two kinds of device, and of two that are submitted together
// before both rings with and without EVENT_IDX; orders by chance of many requests before all.
#include <deque>

#include "two_requests.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("Two requests end once and well, in whatever order the device and the driver act") {
  const Script script = GENERATE(from_range(kScripts));
  check_all({2, false, false}, script, script.first != script.second);
  check_all({2, true, true, true}, script, true);
  if (script.together) {
    check_all({2, true, true}, script, false);
    check_all({2, false, false, true}, script, false);
  }
}

// Not with chains, whose ring a lock protects: the other hart would wait for it.
TEST_CASE("A request of another hart ends once and well, whenever it comes on a silent queue") {
  const Variant variant = GENERATE(Variant{2, true, false}, Variant{2, true, true},
                                   Variant{2, true, false, true}, Variant{2, true, true, true});
  const u32 one_in = GENERATE(2, 3, 6);
  INFO(name_of(variant) << ", one in " << one_in);
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 256}, variant.setup(8), {}, 2);
  machine.plug();
  constexpr u32 kOrders = 500;
  Choices choices(one_in, one_in);
  run_orders(machine, kOfTwoHarts, ios, choices, [](u32 orders) { return orders < kOrders; });
}

namespace {

using Flying = std::deque<std::unique_ptr<Io>>;

struct Shape {
  const char* name;
  u16 ring;
  u32 most;    // in flight
  bool polls;  // some; where the ring has room for all: nobody polls while he waits for another
  bool device_polls;
  u64 longest_ns;  // that a timer may have to look after the rest of a batch
};
constexpr std::array kShapes{
    Shape{"a small ring", 8, 8, false, false, 0},
    Shape{"some polled", 32, 8, true, false, 0},
    Shape{"the device polls", 32, 8, true, true, 0},
    Shape{"many in flight", 256, 60, true, false, virtio::BlockQueue::kLongestSilenceNs},
};

// Hundreds of requests.
class LongScript {
 public:
  LongScript(Machine& machine, Interleaving& between, Flying& flying, const Shape& shape, u32 seed)
      : machine_(machine), between_(between), flying_(flying), shape_(shape), random_(seed) {}

  void run(u32 requests) {
    for (u32 i = 0; i < requests; ++i) {
      submit(1 + 16 * i);
      while (flying_.size() > pick(shape_.most)) {
        end_one();
      }
    }
    while (!flying_.empty()) {
      end_one();
    }
    between_.on = false;
    machine_.world.settle();
  }

  u32 ended() const { return ended_; }

 private:
  u32 pick(u32 below) {
    random_ = random_ * 1664525 + 1013904223;
    return (random_ >> 16) % below;
  }
  void submit(u64 sector) {
    const blk::Op op = pick(2) == 0 ? blk::Op::Read : blk::Op::Write;
    flying_.push_back(
        make_io(op, sector, shape_.polls && pick(4) == 0 ? Kind::Polled : Kind::Plain));
    machine_.submit(*flying_.back());
  }
  // Any of them.
  void end_one() {
    const auto at = flying_.begin() + pick(static_cast<u32>(flying_.size()));
    const Io& io = **at;
    const u64 before_ticks = machine_.world.now_ticks;
    await(machine_, between_, io);
    if (!io.ok() || (io.bio.op == blk::Op::Read && !io.holds_pattern())) {
      throw Panic("a bio ended " + std::to_string(io.ends) + " times, or not well");
    }
    if (machine_.world.now_ticks - before_ticks > shape_.longest_ns) {
      throw Panic("a wake-up was lost: only a timer found what was done");
    }
    between_.clear();
    flying_.erase(at);
    ++ended_;
  }

  Machine& machine_;
  Interleaving& between_;
  Flying& flying_;
  const Shape& shape_;
  u32 random_;
  u32 ended_ = 0;
};

}  // namespace

TEST_CASE("Many requests end once and well, in orders by chance") {
  const Variant variant = any_variant();
  const Shape shape = GENERATE(from_range(kShapes));
  const u32 seed = GENERATE(range(1U, 4U));
  INFO(name_of(variant) << ", " << shape.name << ", seed " << seed);
  constexpr u32 kRequests = 300;
  Flying flying;  // outlive the machine
  Machine machine({.sectors = 16 * kRequests + 64}, variant.setup(shape.ring));
  machine.plug();
  machine.device().knobs.order = referee::Knobs::Order::Shuffled;
  machine.device().knobs.completions_per_step = seed;
  machine.device().knobs.never_needs_notify = shape.device_polls;
  Choices choices(seed, 1 + seed);
  OrderJudge judge(machine.world, {machine.world, machine.virtio_device()->queues()});
  Interleaving between(machine, choices, &judge);
  LongScript script(machine, between, flying, shape, seed);
  try {
    script.run(kRequests);
  } catch (const std::exception& problem) {
    FAIL(problem.what() << "\n" << between.order());
  }
  CHECK(script.ended() == kRequests);
  CHECK(machine.world.arena.live_mappings() == 0);
  CHECK(judge.judge.report() == "");
}
