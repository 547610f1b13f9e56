// The list of interrupt controllers and the dispatch to handlers.
#include <sluice/kernel/irq.hpp>

#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::irq {
namespace {

constinit List<Controller> controllers;

}  // namespace

Controller::~Controller() {
  unlink();
}

void Controller::dispatch(u32 source) {
  if (source < actions_.size() && actions_[source].handler != nullptr) {
    Action& action = actions_[source];
    ++action.count;
    action.handler(action.context);
    return;
  }
  log::error("{}: interrupt from source {}, which nobody asked for", name_, source);
  if (source < actions_.size()) {
    disable(source);
  }
}

Registration::~Registration() {
  if (controller_ != nullptr) {
    const IrqGuard irqs_off;
    controller_->disable(source_);
    controller_->actions_[source_].handler = nullptr;
  }
}

void add_controller(Controller& controller) {
  controllers.push_back(controller);
}

void remove_controller(Controller& controller) {
  controllers.remove(controller);
}

Controller* find_controller(u32 phandle) {
  for (Controller& controller : controllers) {
    if (controller.phandle() == phandle) {
      return &controller;
    }
  }
  return nullptr;
}

Result<Registration> request(u32 phandle, u32 source, Handler handler, void* context,
                             std::string_view name) {
  Controller* controller = find_controller(phandle);
  if (controller == nullptr) {
    return fail(Errc::Defer);
  }
  if (source == 0 || source >= controller->actions_.size()) {
    log::error("{}: {} has no interrupt source {}", name, controller->name(), source);
    return fail(Errc::OutOfRange);
  }
  Action& action = controller->actions_[source];
  const IrqGuard irqs_off;
  if (action.handler != nullptr) {
    log::error("{}: interrupt source {} is held by {}", name, source, action.name);
    return fail(Errc::Busy);
  }
  action = {handler, context, name, action.count};
  controller->enable(source);
  return Registration(controller, source);
}

void handle_external() {
  for (Controller& controller : controllers) {
    controller.handle_pending();
  }
}

}  // namespace sluice::irq
