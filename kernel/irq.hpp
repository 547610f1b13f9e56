// Interrupts: controllers claim and complete, drivers have a handler per source.
// A controller's driver (drivers/irqchip) derives from Controller and registers; a driver asks for
// a source of the controller that its device-tree node names, and gets Defer until that controller
// has come. A source interrupts one hart at a time, its affinity: first the one that booted.
#pragma once

#include <atomic>
#include <span>
#include <string_view>
#include <utility>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::irq {

using Handler = void (*)(void* context);

// One source of a controller: who handles it, where, and how often it came. A line of the cache
// each, because each is one hart's.
struct alignas(64) Action {
  // The hart whose handler runs, or that changes this: a lock, which a handler that gives its
  // source back need not take again.
  std::atomic<Hart*> held_by{nullptr};
  Handler handler = nullptr;
  void* context = nullptr;
  Hart* affinity = nullptr;  // where it is enabled; null: nowhere
  u64 count = 0;
  std::string_view name;
};

class Controller {
 public:
  // Claims, dispatches and completes one source that is pending for this hart, if one is: another
  // interrupts again. Called by the trap handler and by a hart that idles, by a pointer because
  // each instruction counts there.
  using Serve = void (*)(Controller* controller);

  // `phandle` is how device-tree nodes name it; `actions` has a slot per source and outlives the
  // controller.
  Controller(std::string_view name, u32 phandle, std::span<Action> actions, Serve serve)
      : serve_(serve), name_(name), phandle_(phandle), actions_(actions) {}
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  virtual ~Controller();

  std::string_view name() const { return name_; }
  u32 phandle() const { return phandle_; }
  std::span<const Action> actions() const { return actions_; }

  // Can it interrupt this hart?
  virtual bool reaches(const Hart& hart) const = 0;
  // A source at one hart: any context, on any hart, one caller at a time for each source.
  virtual void enable(u32 source, Hart& hart) = 0;
  virtual void disable(u32 source, Hart& hart) = 0;

 protected:
  // Calls the handler of `source`, below actions().size(), in irq context. One that nobody asked
  // for is disabled and logged. False: the source is not enabled at this hart any more.
  bool dispatch(u32 source);

 private:
  friend class Registration;
  friend void add_controller(Controller& controller);
  friend void remove_controller(Controller& controller);
  friend Controller* find_controller(u32 phandle);
  friend Result<class Registration> request(u32, u32, Handler, void*, std::string_view, Hart&);
  friend Result<void> set_affinity(u32, u32, Hart&);
  friend void silence(u32, u32);
  static void serve_all(Controller* first);
  void disable_unwanted(u32 source);
  void release(u32 source);

  Serve serve_;
  std::string_view name_;
  u32 phandle_;
  std::span<Action> actions_;
  std::atomic<Controller*> next_{nullptr};  // in the list of all
};

// A source that is held: disabled and given back on destruction, when its handler is not running
// on another hart.
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
  friend Result<Registration> request(u32, u32, Handler, void*, std::string_view, Hart&);
  Registration(Controller* controller, u32 source) : controller_(controller), source_(source) {}
  Controller* controller_ = nullptr;
  u32 source_ = 0;
};

// A controller arrives, or goes (its sources must have been given back). Task.
void add_controller(Controller& controller);
void remove_controller(Controller& controller);
Controller* find_controller(u32 phandle);

// Asks for `source` of the controller with `phandle`; the handler is called in irq context of the
// hart `affinity`, one call at a time. Defer: no such controller yet; OutOfRange: it has no such
// source; Busy: the source is taken; NotSupported: the controller does not reach that hart. All but
// the first are logged. Task or work.
Result<Registration> request(u32 phandle, u32 source, Handler handler, void* context,
                             std::string_view name, Hart& affinity = hart(0));

// Has a source that is held interrupt another hart; a handler that runs finishes first. NotFound:
// nobody holds it; NotSupported, logged: the controller does not reach that hart. Any context in
// which no lock is held that the handler takes.
Result<void> set_affinity(u32 phandle, u32 source, Hart& hart);

// Has a source that is held interrupt no hart until the next set_affinity(): for one whose device
// never lets go of its line. Nothing happens where nobody holds it. Any context, as set_affinity().
void silence(u32 phandle, u32 source);

// What the trap handler and a hart that idles call for an external interrupt, interrupts off, as
// serve(first): the only controller's function, or one that asks them all. Irq context is entered
// around handlers alone.
struct External {
  Controller* first;
  Controller::Serve serve;
};
extern "C" External external_interrupts;

}  // namespace sluice::irq
