// Interrupts: controllers claim and complete, drivers have a handler per source.
// A controller's driver (drivers/irqchip) derives from Controller and registers; a driver asks for
// a source of the controller that its device-tree node names, and gets Defer until that controller
// has come. A source interrupts one hart at a time, its affinity: first the one that booted.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::irq {

using Handler = void (*)(void* context);

// How a source's line tells of an interrupt, as a device tree's second cell says it. A controller
// that does not ask, as the PLIC, takes all for Default.
enum class Trigger : u32 { Default = 0, Rising = 1, Falling = 2, High = 4, Low = 8 };

// Who can tell whether its interrupts had a reason. Asked after every kLookEvery of them, in irq
// context of the hart that is interrupted.
class Witness {
 public:
  // A count that changes whenever an interrupt had one.
  virtual u32 work_done() = 0;
  // None had: the source was silenced.
  virtual void stormed() = 0;

 protected:
  ~Witness() = default;
};
inline constexpr u64 kLookEvery = 8192;
// A storm: so many that had no reason, within:
inline constexpr u64 kVainNs = 10'000'000'000;
// Or, where there is no witness, so many at all (100 000 a second: no other device is so busy).
inline constexpr u64 kFloodNs = 80'000'000;

// What is asked for besides a source.
struct Details {
  Trigger trigger = Trigger::Default;
  Witness* witness = nullptr;  // outlives the registration
};

// Who holds a source: what is not needed for each interrupt.
struct Holder {
  std::string_view name;
  Witness* witness = nullptr;
  bool stormed = false;
  u32 work_at_look = 0;  // the last look for a storm
  u64 looked_ns = 0;
  std::array<u64, kMaxHarts> counts{};  // by hart, without Action::count
};

// One source of a controller: who handles it, where, and how often it came. A line of the cache
// each, because each is one hart's.
struct alignas(64) Action {
  // The hart whose handler runs, or that looks at or changes this: a lock, which a handler that
  // gives its source back need not take again.
  std::atomic<Hart*> held_by{nullptr};
  Handler handler = nullptr;
  void* context = nullptr;
  Hart* affinity = nullptr;  // where it is enabled; null: nowhere
  u64 count = 0;             // at `affinity`, since that is what it is
  std::unique_ptr<Holder> holder;
};

// A source that is held, as it was when asked.
struct Usage {
  std::string_view name;
  std::array<u64, kMaxHarts> counts{};  // interrupts, by hart
  const Hart* affinity = nullptr;       // null: silenced
  bool stormed = false;                 // because of a storm
  u64 total() const;
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
  u32 source_count() const { return static_cast<u32>(actions_.size()); }  // source 0 among them
  // Nothing: nobody holds it, or there is none. Any context, as set_affinity().
  std::optional<Usage> usage(u32 source) const;
  // The controller that was added after this one. Task.
  const Controller* next() const { return next_.load(std::memory_order_acquire); }

  // Can it interrupt this hart?
  virtual bool reaches(const Hart& hart) const = 0;
  // A source at one hart: any context, on any hart, one caller at a time for each source.
  virtual void enable(u32 source, Hart& hart) = 0;
  virtual void disable(u32 source, Hart& hart) = 0;
  // Before a source is first enabled: how its line speaks. NotSupported, logged: it cannot listen
  // so. Task or work.
  virtual Result<void> set_trigger(u32, Trigger) { return {}; }
  // May what a source sent before disable() still arrive after it, as a message does?
  virtual bool comes_late() const { return false; }

 protected:
  // Calls the handler of `source`, below actions().size(), in irq context. One that nobody asked
  // for is disabled and logged. False: the source is not enabled at this hart any more.
  bool dispatch(u32 source);
  bool dispatch_inlined(u32 source);  // irq_dispatch.hpp

 private:
  friend class Registration;
  friend void add_controller(Controller& controller);
  friend void remove_controller(Controller& controller);
  friend Controller* find_controller(u32 phandle);
  friend Result<class Registration> request(u32, u32, Handler, void*, std::string_view, Hart&,
                                            const Details&);
  friend Result<void> set_affinity(u32, u32, Hart&);
  friend void silence(u32, u32);
  static void serve_all(Controller* first);
  [[gnu::cold, gnu::noinline]] static void count_elsewhere(Action& action);
  [[gnu::cold, gnu::noinline]] void disable_unwanted(u32 source);
  [[gnu::cold, gnu::noinline]] void look_for_storm(u32 source);
  void leave_hart(u32 source);
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
  friend Result<Registration> request(u32, u32, Handler, void*, std::string_view, Hart&,
                                      const Details&);
  Registration(Controller* controller, u32 source) : controller_(controller), source_(source) {}
  Controller* controller_ = nullptr;
  u32 source_ = 0;
};

// A controller arrives, or goes (its sources must have been given back). Task.
void add_controller(Controller& controller);
void remove_controller(Controller& controller);
Controller* find_controller(u32 phandle);
const Controller* first_controller();  // and from it on by next()

// Asks for `source` of the controller with `phandle`; the handler is called in irq context of the
// hart `affinity`, one call at a time; `name` outlives the registration. Defer: no such controller
// yet; OutOfRange: it has no such source; Busy: the source is taken; NotSupported: the controller
// does not reach that hart, or does not understand the trigger; NoMemory. All but the first and the
// last are logged. Task or work.
Result<Registration> request(u32 phandle, u32 source, Handler handler, void* context,
                             std::string_view name, Hart& affinity = hart(0),
                             const Details& details = {});

// Has a source that is held interrupt another hart; a handler that runs finishes first. NotFound:
// nobody holds it; NotSupported, logged: the controller does not reach that hart. Any context in
// which no lock is held that the handler takes.
Result<void> set_affinity(u32 phandle, u32 source, Hart& hart);

// Has a source that is held interrupt no hart until the next set_affinity(), as happens to one that
// storms. Nothing happens where nobody holds it. Any context, as set_affinity().
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
