// The list of interrupt controllers and the dispatch to handlers.
#include <sluice/kernel/irq.hpp>

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

bool Controller::dispatch(u32 source) {
  Action& action = actions_[source];
  while (action.held_by.exchange(&port::this_hart(), std::memory_order_acquire) != nullptr)
      [[unlikely]] {
    port::relax();
  }
  if (action.handler != nullptr) [[likely]] {
    const IrqContext irq;
    ++action.count;
    action.handler(action.context);
  } else {
    disable_unwanted(source);
  }
  const bool enabled_here = action.affinity == &port::this_hart();
  action.held_by.store(nullptr, std::memory_order_release);
  return enabled_here;
}

[[gnu::cold, gnu::noinline]] void Controller::disable_unwanted(u32 source) {
  log::error("{}: interrupt from source {}, which nobody asked for", name_, source);
  disable(source, port::this_hart());
}

void Controller::release(u32 source) {
  Action& action = actions_[source];
  const ActionGuard guard(action);
  if (action.affinity != nullptr) {
    disable(source, *action.affinity);
  }
  action.affinity = nullptr;
  action.handler = nullptr;
}

Registration::~Registration() {
  if (controller_ != nullptr) {
    controller_->release(source_);
  }
}

void Controller::serve_all(Controller* first) {
  for (Controller* at = first; at != nullptr; at = at->next_.load(std::memory_order_acquire)) {
    at->serve_(at);
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
                             std::string_view name, Hart& affinity) {
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
  Action& action = controller->actions_[source];
  const ActionGuard guard(action);
  if (action.handler != nullptr) {
    log::error("{}: interrupt source {} is held by {}", name, source, action.name);
    return fail(Errc::Busy);
  }
  action.handler = handler;
  action.context = context;
  action.name = name;
  action.affinity = &affinity;
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
  if (!reaches(*controller, hart, action.name, source)) {
    return fail(Errc::NotSupported);
  }
  if (action.affinity != nullptr) {
    controller->disable(source, *action.affinity);
  }
  action.affinity = &hart;
  controller->enable(source, hart);
  return {};
}

void silence(u32 phandle, u32 source) {
  Controller* const controller = find_controller(phandle);
  if (controller == nullptr || source >= controller->actions_.size()) {
    return;
  }
  Action& action = controller->actions_[source];
  const ActionGuard guard(action);
  if (Hart* const hart = std::exchange(action.affinity, nullptr); hart != nullptr) {
    controller->disable(source, *hart);
  }
}

}  // namespace sluice::irq

void sluice::port::serve_external_interrupt() {
  const irq::External& external = irq::external_interrupts;
  external.serve(external.first);
}
