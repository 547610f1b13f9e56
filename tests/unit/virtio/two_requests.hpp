// Two requests, and the device between any two accesses of the driver: all orders of that.
// Used by the tests of interleavings.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "interleaving.hpp"

namespace sluice::test {

enum class Kind : u8 { Plain, Polled };

// Two requests, submitted one after the other or together.
struct Script {
  const char* name;
  Kind first;
  Kind second;
  bool together;
  bool silent;               // it begins on a queue that interrupts for nobody
  u32 least_orders;          // of any device
  bool second_hart = false;  // submits the second one at any moment; where there are tables
};
inline constexpr std::array kScripts{
    Script{"two", Kind::Plain, Kind::Plain, false, false, 3000},
    Script{"two together", Kind::Plain, Kind::Plain, true, false, 200},
    Script{"two that are polled", Kind::Polled, Kind::Polled, false, true, 2500},
    Script{"a polled one, then a plain one", Kind::Polled, Kind::Plain, false, true, 5000},
    Script{"a plain one, then a polled one", Kind::Plain, Kind::Polled, false, true, 4000},
};
// Too many orders to go through.
inline constexpr Script kOfTwoHarts{
    .name = "a polled one, and a plain one of another hart",
    .first = Kind::Polled,
    .second = Kind::Plain,
    .together = false,
    .silent = true,
    .least_orders = 0,
    .second_hart = true,
};

inline std::unique_ptr<Io> make_io(blk::Op op, u64 sector, Kind kind) {
  auto io = std::make_unique<Io>(op, sector, 512);
  io->bio.flags = kind == Kind::Polled ? blk::bio_flag::kPolled : 0;
  std::fill(io->data.begin(), io->data.end(), static_cast<std::byte>(op == blk::Op::Write));
  return io;
}

inline bool is_polled(const Io& io) {
  return (io.bio.flags & blk::bio_flag::kPolled) != 0;
}

// Waits as its submitter would: for a plain one asleep, for a polled one by polling.
inline void await(Machine& machine, Interleaving& between, const Io& io) {
  if (!is_polled(io)) {
    wait_until([&] { return io.ends != 0; });
    return;
  }
  for (u32 turn = 0; io.ends == 0; ++turn) {
    if (turn == 1000) {
      throw Panic("polled for ever");
    }
    if (machine.vda()->poll() == 0) {
      between.note("nothing to poll: the device's turn");
      machine.device().step();
    }
    machine.world.deliver();
  }
}

// What a run must leave behind; empty: all is well. The clock goes only where everybody waits: a
// wake-up was lost then, and a timer had to find the request.
inline std::string complaint(Machine& machine, const Ios& ios, u64 began_ticks) {
  for (const auto& io : ios) {
    if (!io->ok()) {
      return "a bio ended " + std::to_string(io->ends) + " times, and not well";
    }
    const u64 sector = io->bio.sector.value();
    const bool right = io->bio.op == blk::Op::Read
                           ? io->holds_pattern()
                           : machine.disk.disk.read(sector)[511] == io->data[511];
    if (!right) {
      return "the data is not right";
    }
  }
  if (machine.world.now_ticks != began_ticks) {
    return "a wake-up was lost: only a timer found what was done";
  }
  return machine.world.arena.live_mappings() != 0 ? "a mapping is left over" : "";
}

// The state in which each run begins, whatever the last one did: the queue silent or not.
inline void prepare(Machine& machine, Interleaving& between, const Script& script) {
  between.on = false;
  if (script.first != script.second || between.is_new()) {
    const auto warm = make_io(blk::Op::Read, 200, script.silent ? Kind::Polled : Kind::Plain);
    machine.submit(*warm);
    await(machine, between, *warm);
    machine.world.settle();
  }
  between.clear();
  between.on = true;
}

// Submits them as the script wants it, and waits.
inline void go_through(Machine& machine, Interleaving& between, const Script& script,
                       const Ios& ios) {
  if (script.together) {
    machine.submit(ios);
  } else {
    machine.submit(*ios[0]);
    if (script.second_hart) {
      between.let_other_hart([&] { machine.submit(*ios[1]); });
    } else {
      machine.submit(*ios[1]);
    }
  }
  for (const auto& io : ios) {
    await(machine, between, *io);
    between.hurry_other_hart();
  }
}

// One order of the script; what is wrong with it. `ios` outlive the machine.
inline std::string run(Machine& machine, Interleaving& between, const Script& script, Ios& ios) {
  prepare(machine, between, script);
  ios.clear();
  ios.push_back(make_io(blk::Op::Read, 8, script.first));
  ios.push_back(make_io(blk::Op::Write, 64, script.second));
  // Not what an earlier run has written.
  std::fill(ios[1]->data.begin(), ios[1]->data.end(),
            static_cast<std::byte>(machine.device().counters().completions));
  const u64 began_ticks = machine.world.now_ticks;
  try {
    go_through(machine, between, script, ios);
    between.on = false;
    machine.world.settle();
  } catch (const std::exception& problem) {
    return problem.what();
  }
  return complaint(machine, ios, began_ticks);
}

// One order after the other until the choices, of which `next` says whether there are more, are
// through; how many.
template <class Next>
u32 run_orders(Machine& machine, const Script& script, Ios& ios, Choices& choices, Next next) {
  Interleaving between(machine, choices);
  u32 orders = 0;
  do {
    choices.begin();
    const std::string wrong = run(machine, between, script, ios);
    if (!wrong.empty()) {
      FAIL(wrong << "\norder " << orders << ":\n" << between.order());
    }
    ++orders;
  } while (next(orders));
  return orders;
}

// The same on a device of its own, which must be asked to look, or looks by itself.
inline void check_all(const Variant& variant, const Script& script, bool device_polls) {
  INFO(name_of(variant) << ": " << script.name << (device_polls ? ", the device polls" : ""));
  Ios ios;  // outlive the machine
  Machine machine({.sectors = 256}, variant.setup(8));
  machine.plug();
  machine.device().knobs.never_needs_notify = device_polls;
  Choices choices;
  const u32 orders = run_orders(machine, script, ios, choices, [&](u32) { return choices.next(); });
  CHECK(orders >= script.least_orders);
}

}  // namespace sluice::test
