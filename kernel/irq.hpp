// Interrupts: controllers claim and complete, drivers have a handler per source.
// A controller's driver (drivers/irqchip) derives from Controller and registers; a driver asks for
// a source of the controller that its device-tree node names, and gets Defer until that controller
// has come.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include <sluice/kernel/list.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::irq {

using Handler = void (*)(void* context);

// One source of a controller: who handles it, and how often it came. Written with the source
// disabled.
struct Action {
  Handler handler = nullptr;
  void* context = nullptr;
  std::string_view name;
  u64 count = 0;
};

class Controller : public ListNode<> {
 public:
  // `phandle` is how device-tree nodes name it; `actions` has a slot per source and outlives the
  // controller.
  Controller(std::string_view name, u32 phandle, std::span<Action> actions)
      : name_(name), phandle_(phandle), actions_(actions) {}
  virtual ~Controller();

  std::string_view name() const { return name_; }
  u32 phandle() const { return phandle_; }
  std::span<const Action> actions() const { return actions_; }

  virtual void enable(u32 source) = 0;
  virtual void disable(u32 source) = 0;

  // Claims, dispatches and completes what is pending for this hart, at most a fixed number a call.
  // Irq.
  virtual void handle_pending() = 0;

 protected:
  // Calls the handler of `source`. One that nobody asked for, or out of range, is disabled and
  // logged. Irq.
  void dispatch(u32 source);

 private:
  friend class Registration;
  friend Result<class Registration> request(u32, u32, Handler, void*, std::string_view);
  std::string_view name_;
  u32 phandle_;
  std::span<Action> actions_;
};

// A source that is held: disabled and given back on destruction.
class Registration {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept
      : controller_(std::exchange(other.controller_, nullptr)), source_(other.source_) {}
  Registration& operator=(Registration&& other) noexcept {
    std::swap(controller_, other.controller_);
    std::swap(source_, other.source_);
    return *this;
  }
  ~Registration();

 private:
  friend Result<Registration> request(u32, u32, Handler, void*, std::string_view);
  Registration(Controller* controller, u32 source) : controller_(controller), source_(source) {}
  Controller* controller_ = nullptr;
  u32 source_ = 0;
};

// A controller arrives, or goes (its sources must have been given back). Task.
void add_controller(Controller& controller);
void remove_controller(Controller& controller);
Controller* find_controller(u32 phandle);

// Asks for `source` of the controller with `phandle`; the handler is called in irq context. Defer:
// no such controller yet; OutOfRange: it has no such source; Busy: the source is taken. Task or
// work.
Result<Registration> request(u32 phandle, u32 source, Handler handler, void* context,
                             std::string_view name);

// Called by the trap handler for an external interrupt: asks every controller. Irq.
void handle_external();

}  // namespace sluice::irq
