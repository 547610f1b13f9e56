// The machine of a test: its harts one after the other, its interrupts and its clock.
#include "world.hpp"

#include <algorithm>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/timer.hpp>
#include <sluice/kernel/work.hpp>

namespace sluice::test {
namespace {

constexpr u64 kNever = ~u64{0};

World* current_world = nullptr;
// For code that only needs a hart and a clock; gives way to a test's own.
World* fallback_world = nullptr;

}  // namespace

// --- FakeController ---

FakeController::FakeController(u32 phandle)
    : Controller("fake-irqchip", phandle, actions_, &serve) {}
FakeController::~FakeController() = default;

bool FakeController::deliverable(const Hart& hart) const {
  for (u32 source = 0; source < kSources; ++source) {
    if (pending_[source] && enabled_at_[source] == &hart) {
      return true;
    }
  }
  return false;
}

bool FakeController::deliverable() const {
  for (u32 source = 0; source < kSources; ++source) {
    if (pending_[source] && enabled(source)) {
      return true;
    }
  }
  return false;
}

void FakeController::serve(Controller* controller) {
  auto& self = static_cast<FakeController&>(*controller);
  for (u32 source = 0; source < kSources; ++source) {
    if (self.pending_[source] && self.enabled_at_[source] == &port::this_hart()) {
      self.pending_[source] = false;  // a level that stays up is raised again by its device
      self.dispatch(source);
    }
  }
}

// --- World ---

// Another hart's turn for a scope.
class World::As {
 public:
  As(World& world, u32 index) : world_(world), before_(std::exchange(world.current_, index)) {
    if (index != before_) {
      world.relaxed_ = 0;
    }
  }
  As(const As&) = delete;
  As& operator=(const As&) = delete;
  ~As() { world_.current_ = before_; }

 private:
  World& world_;
  u32 before_;
};

World::World(u32 harts, const SharedMemory& memory) : arena(memory), hart_count_(harts) {
  if (current_world != fallback_world) {
    throw Panic("two worlds at once");
  }
  harts_[0] = &hart;
  states_[0].where = Where::Running;
  for (u32 i = 1; i < harts; ++i) {
    others_[i] = std::make_unique<Hart>();
    harts_[i] = others_[i].get();
    harts_[i]->index = i;
    harts_[i]->id = i;
  }
  current_world = this;
  clock::set_frequency(1'000'000'000);
  irq::add_controller(controller);
}

World::~World() noexcept(false) {
  irq::remove_controller(controller);
  current_world = fallback_world;
  if (std::uncaught_exceptions() != 0) {
    return;
  }
  if (arena.live() != 0) {
    throw Panic("DMA memory or mappings left over: " + std::to_string(arena.live()));
  }
  if (const std::optional<u64> spoiled = arena.first_spoiled()) {
    throw Panic("a device wrote where nothing was lent to it: " + std::to_string(*spoiled));
  }
}

World& World::current() {
  if (current_world == nullptr) {
    fallback_world = new World;  // lives as long as the process
    irq::remove_controller(fallback_world->controller);
  }
  return *current_world;
}

bool World::interrupted(u32 index) const {
  return controller.deliverable(*harts_[index]) || states_[index].timer_ticks <= now_ticks;
}

// Interrupts of that hart, as far as they are on. True: there was one.
bool World::deliver_to(u32 index) {
  const As as(*this, index);
  State& state = states_[index];
  bool any = false;
  while (state.irqs_on && interrupted(index)) {
    any = true;
    state.irqs_on = false;
    if (state.timer_ticks <= now_ticks) {
      const IrqContext irq;
      ++harts_[index]->interrupts;
      state.timer_ticks = kNever;
      run_expired_timers();
    }
    irq::external_interrupts.serve(irq::external_interrupts.first);
    state.irqs_on = true;
  }
  return any;
}

void World::deliver() {
  for (u32 i = 0; i < hart_count_; ++i) {
    deliver_to(i);
  }
}

void World::advance_ns(u64 ns) {
  now_ticks += ns;
  deliver();
}

void World::run_as(u32 index, const std::function<void()>& function) {
  const As as(*this, index);
  const Where before = std::exchange(states_[index].where, Where::Running);
  deliver_to(index);
  function();
  states_[index].where = before;
}

// What another hart does when it gets the chance. True: there was something. One that sleeps
// beneath us does its work as if it had woken, found that it still has to wait, and slept again.
bool World::step(u32 index) {
  const As as(*this, index);
  State& state = states_[index];
  const bool asleep = state.where == Where::Idle;
  const bool irqs_were_on = std::exchange(state.irqs_on, state.irqs_on || asleep);
  bool any = std::exchange(state.woken, false) && asleep;
  any = deliver_to(index) || any;
  if (state.where != Where::Running && harts_[index]->context == Context::Task) {
    any = run_pending_work() || any;
    if (!asleep && !harts_[index]->jobs.empty()) {
      state.where = Where::Running;
      run_next_job();
      state.where = Where::Away;
      any = true;
    }
  }
  state.irqs_on = irqs_were_on;
  return any;
}

bool World::step_others() {
  bool any = false;
  for (u32 i = 0; i < hart_count_; ++i) {
    any = (i != current_ && step(i)) || any;
  }
  return any;
}

void World::settle() {
  bool again = true;
  while (again) {
    again = step_others();
    for (u32 i = 0; i < hart_count_; ++i) {
      again = deliver_to(i) || again;  // it may have given another hart work
    }
    again = run_pending_work() || again;
    for (const auto& device : steps) {
      again = device() || again;
    }
    for (u32 i = 0; i < hart_count_; ++i) {
      again = again || (states_[i].irqs_on && controller.deliverable(*harts_[i]));
    }
  }
}

u64 World::ticks() {
  if (outside != nullptr) {
    now_ticks = outside->now_ticks();
  }
  return now_ticks;
}

void World::wake(const Hart& to) {
  ++wake_ups;
  states_[to.index].woken = true;
}

void World::relax() {
  constexpr u32 kForEver = 2'000'000;  // more than any device's poll takes
  now_ticks += ns_per_relax;
  if (++relaxed_ > kForEver) {
    throw Panic("spins for ever: what it waits for is held by a hart that cannot go on");
  }
}

void World::idle() {
  relaxed_ = 0;
  const u32 index = current_;
  const auto has_reason = [this, index] {
    return std::exchange(states_[index].woken, false) || interrupted(index);
  };
  if (has_reason()) {
    return;
  }
  states_[index].where = Where::Idle;
  const bool others_did = step_others();
  states_[index].where = Where::Running;
  if (has_reason() || others_did) {
    return;
  }
  for (const auto& device : steps) {
    if (device() || has_reason()) {
      return;
    }
  }
  u64 next = kNever;
  for (u32 i = 0; i < hart_count_; ++i) {
    next = std::min(next, states_[i].timer_ticks);
  }
  if (outside != nullptr) {
    outside->wait(next);
    ticks();
    return;
  }
  if (next == kNever) {
    throw Panic("idle for ever: no hart and no device has anything to do and no timer is armed");
  }
  now_ticks = std::max(now_ticks, next);
}

}  // namespace sluice::test
