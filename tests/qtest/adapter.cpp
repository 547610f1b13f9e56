// What passes between QEMU and the World.
#include "adapter.hpp"

#include <algorithm>

namespace qemu {

using sluice::u64;
using std::chrono::nanoseconds;

namespace {

// The World's clock runs at a tenth of the real rate, so that a busy machine has time to answer
// before a driver's patience is over.
constexpr u64 kNsPerTick = 10;

// One more than can be explained by an event that came when the one before was acknowledged.
constexpr unsigned kMostRepeats = 2;

}  // namespace

// --- Registers ---

std::uint32_t Registers::read(std::uint64_t offset, unsigned bytes) {
  try {
    return failure_ ? 0 : qtest_.read(Qemu::kSlotBase + offset, bytes);
  } catch (const Failure& failure) {
    failure_ = failure;
    return 0;
  }
}

void Registers::write(std::uint64_t offset, unsigned bytes, std::uint32_t value) {
  try {
    if (!failure_) {
      qtest_.write(Qemu::kSlotBase + offset, bytes, value);
    }
  } catch (const Failure& failure) {
    failure_ = failure;
  }
}

// --- Adapter ---

Adapter::Adapter(sluice::test::World& world, Qemu& qemu)
    : world_(world), qtest_(qemu.qtest()), registers_(qtest_) {
  world.add_registers(sluice::PhysAddr(Qemu::kSlotBase), registers_);
  world.outside = this;
  qtest_.line_changed = [this](unsigned line, bool up) {
    if (line != Qemu::kSlotInterrupt) {
      return;
    }
    line_up_ = up;
    repeats_ = 0;
    if (up) {
      world_.controller.raise(line);
    } else {
      world_.controller.lower(line);
    }
  };
}

Adapter::~Adapter() {
  world_.outside = nullptr;
  qtest_.line_changed = nullptr;
}

u64 Adapter::now_ticks() {
  const nanoseconds passed = Time::now() - start_;
  return static_cast<u64>(passed.count()) / kNsPerTick;
}

void Adapter::wait(u64 deadline_ticks) {
  registers_.check();
  // A level that was delivered and stays up comes again.
  if (line_up_ && world_.controller.enabled(Qemu::kSlotInterrupt)) {
    if (++repeats_ > kMostRepeats) {
      throw Failure("QEMU's interrupt line stays up: its interrupt was not acknowledged");
    }
    world_.controller.raise(Qemu::kSlotInterrupt);
    return;
  }
  const Time::time_point now = Time::now();
  if (messages_ != qtest_.messages()) {
    messages_ = qtest_.messages();
    silent_since_ = now;
  }
  const Time::duration patience = silent_since_ + kLongestAnswer - now;
  const u64 ticks = deadline_ticks - std::min(deadline_ticks, now_ticks());
  const bool timer_first =
      ticks < static_cast<u64>(nanoseconds(kLongestAnswer).count()) / kNsPerTick;
  const auto timer = timer_first ? nanoseconds(ticks * kNsPerTick) : Time::duration::max();
  if (!qtest_.wait_for_line(now + std::min(patience, timer)) && patience < timer) {
    throw Failure("no word from QEMU for half a minute, and somebody waits for it");
  }
}

}  // namespace qemu
