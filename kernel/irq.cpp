// The list of interrupt controllers, who holds their sources, and storms.
#include <sluice/kernel/irq.hpp>

#include <numeric>

#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::irq {
namespace {

// Of who changes the list, which begins in external_interrupts; interrupts walk it without.
constinit SpinLock list_lock;

void serve_none(Controller*) {}

void set(Controller*& to, Controller* controller) {
  std::atomic_ref(to).store(controller, std::memory_order_release);
}
void set(Controller::Serve& to, Controller::Serve serve) {
  std::atomic_ref(to).store(serve, std::memory_order_release);
}

// An action for a scope, interrupts off. Waits for its handler, except in the handler itself.
class ActionGuard {
 public:
  explicit ActionGuard(Action& action) : action_(action) {
    Hart& hart = port::this_hart();
    inside_handler_ = action.held_by.load(std::memory_order_relaxed) == &hart;
    while (!inside_handler_ &&
           action.held_by.exchange(&hart, std::memory_order_acquire) != nullptr) {
      port::relax();
    }
  }
  ActionGuard(const ActionGuard&) = delete;
  ActionGuard& operator=(const ActionGuard&) = delete;
  ~ActionGuard() {
    if (!inside_handler_) {
      action_.held_by.store(nullptr, std::memory_order_release);
    }
  }

 private:
  IrqGuard irqs_off_;
  Action& action_;
  bool inside_handler_;
};

}  // namespace

constinit External external_interrupts{nullptr, &serve_none};

Controller::~Controller() {
  remove_controller(*this);
}

// It was moved or silenced: by its handler, and then leave_hart() has counted this one, or before
// it came.
void Controller::count_elsewhere(Action& action) {
  if (action.holder != nullptr && action.count > 0) {
    --action.count;
    ++action.holder->counts[port::this_hart().index];
  }
}

void Controller::disable_unwanted(u32 source) {
  log::write(comes_late() ? log::Level::Debug : log::Level::Error,
             "{}: interrupt from source {}, which nobody asked for", name_, source);
  disable(source, port::this_hart());
}

// A device at its line all the time leaves the hart nothing else to do. An honest one interrupts
// for what it did.
void Controller::look_for_storm(u32 source) {
  const Action& action = actions_[source];
  Holder& holder = *action.holder;
  const u64 now = clock::now_ns();
  const u64 passed_ns = now - std::exchange(holder.looked_ns, now);
  if (holder.witness != nullptr) {
    const u32 work = holder.witness->work_done();
    if (std::exchange(holder.work_at_look, work) != work || passed_ns > kVainNs) {
      return;
    }
  } else if (passed_ns > kFloodNs) {
    return;
  }
  log::error(
      "{}: {} interrupts within {} ms and none had a reason: source {} of {} is silenced; "
      "unbind and bind the device to try again",
      holder.name, kLookEvery, passed_ns / 1'000'000, source, name_);
  leave_hart(source);
  holder.stormed = true;
  if (holder.witness != nullptr) {
    holder.witness->stormed();
  }
}

// A source that is held interrupts no hart any more.
void Controller::leave_hart(u32 source) {
  Action& action = actions_[source];
  if (Hart* const hart = std::exchange(action.affinity, nullptr); hart != nullptr) {
    disable(source, *hart);
    action.holder->counts[hart->index] += std::exchange(action.count, 0);
  }
}

void Controller::release(u32 source) {
  Action& action = actions_[source];
  const ActionGuard guard(action);
  leave_hart(source);
  action.handler = nullptr;
  action.holder.reset();
}

u64 Usage::total() const {
  return std::accumulate(counts.begin(), counts.end(), u64{0});
}

std::optional<Usage> Controller::usage(u32 source) const {
  if (source >= actions_.size()) {
    return std::nullopt;
  }
  Action& action = actions_[source];
  const ActionGuard guard(action);
  if (action.holder == nullptr) {
    return std::nullopt;
  }
  const Holder& holder = *action.holder;
  Usage usage{holder.name, holder.counts, action.affinity, holder.stormed};
  if (action.affinity != nullptr) {
    usage.counts[action.affinity->index] += action.count;
  }
  return usage;
}

Registration::~Registration() {
  if (controller_ != nullptr) {
    controller_->release(source_);
  }
}

void add_controller(Controller& controller) {
  const LockGuard guard(list_lock);
  Controller* last = external_interrupts.first;
  if (last == nullptr) {
    set(external_interrupts.first, &controller);
    set(external_interrupts.serve, controller.serve_);
    return;
  }
  while (Controller* const next = last->next_.load(std::memory_order_relaxed)) {
    last = next;
  }
  last->next_.store(&controller, std::memory_order_release);
  set(external_interrupts.serve, &Controller::serve_all);
}

void remove_controller(Controller& controller) {
  const LockGuard guard(list_lock);
  Controller* const after = controller.next_.exchange(nullptr);
  Controller* at = external_interrupts.first;
  if (at == &controller) {
    set(external_interrupts.serve, after == nullptr ? &serve_none : &Controller::serve_all);
    set(external_interrupts.first, after);
  }
  while (at != nullptr && at != &controller) {
    Controller* const next = at->next_.load(std::memory_order_relaxed);
    if (next == &controller) {
      at->next_.store(after, std::memory_order_release);
    }
    at = next;
  }
}

Controller* find_controller(u32 phandle) {
  const LockGuard guard(list_lock);
  Controller* at = external_interrupts.first;
  while (at != nullptr && at->phandle() != phandle) {
    at = at->next_.load(std::memory_order_relaxed);
  }
  return at;
}

const Controller* first_controller() {
  const LockGuard guard(list_lock);
  return external_interrupts.first;
}

namespace {

// Says where not.
bool reaches(const Controller& controller, const Hart& hart, std::string_view name, u32 source) {
  if (!controller.reaches(hart)) {
    log::error(
        "{}: interrupt source {} of {} cannot interrupt hart {}, which the controller does "
        "not reach",
        name, source, controller.name(), hart.id);
    return false;
  }
  return true;
}

}  // namespace

Result<Registration> request(u32 phandle, u32 source, Handler handler, void* context,
                             std::string_view name, Hart& affinity, const Details& details) {
  Controller* const controller = find_controller(phandle);
  if (controller == nullptr) {
    return fail(Errc::Defer);
  }
  if (source == 0 || source >= controller->actions_.size()) {
    log::error("{}: {} has no interrupt source {}", name, controller->name(), source);
    return fail(Errc::OutOfRange);
  }
  if (!reaches(*controller, affinity, name, source)) {
    return fail(Errc::NotSupported);
  }
  std::unique_ptr<Holder> holder(new (std::nothrow) Holder{name, details.witness});
  if (holder == nullptr) {
    return fail(Errc::NoMemory);
  }
  holder->looked_ns = clock::now_ns();
  Action& action = controller->actions_[source];
  const ActionGuard guard(action);
  if (action.handler != nullptr) {
    log::error("{}: interrupt source {} is held by {}", name, source, action.holder->name);
    return fail(Errc::Busy);
  }
  TRY(controller->set_trigger(source, details.trigger));
  action.handler = handler;
  action.context = context;
  action.holder = std::move(holder);
  action.affinity = &affinity;
  action.count = 0;
  controller->enable(source, affinity);
  return Registration(controller, source);
}

Result<void> set_affinity(u32 phandle, u32 source, Hart& hart) {
  Controller* const controller = find_controller(phandle);
  if (controller == nullptr || source >= controller->actions_.size()) {
    return fail(Errc::NotFound);
  }
  Action& action = controller->actions_[source];
  const ActionGuard guard(action);
  if (action.handler == nullptr) {
    return fail(Errc::NotFound);
  }
  if (!reaches(*controller, hart, action.holder->name, source)) {
    return fail(Errc::NotSupported);
  }
  controller->leave_hart(source);
  action.affinity = &hart;
  action.holder->stormed = false;
  controller->enable(source, hart);
  return {};
}

void silence(u32 phandle, u32 source) {
  Controller* const controller = find_controller(phandle);
  if (controller == nullptr || source >= controller->actions_.size()) {
    return;
  }
  const ActionGuard guard(controller->actions_[source]);
  controller->leave_hart(source);
}

}  // namespace sluice::irq
