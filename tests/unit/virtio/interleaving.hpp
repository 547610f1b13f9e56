// Lets the device act between any two accesses of a driver to ring and register, and lets its
// interrupt come there: all orders of a short script one after the other, or orders by chance.
// Used by the tests of drivers/virtio.
//
//   Choices choices;
//   Interleaving between(machine, choices);
//   do {
//     choices.begin();
//     … the script, `between` looking on; on failure between.order() says what happened …
//   } while (choices.next());
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "order.hpp"
#include "ring_map.hpp"

namespace sluice::test {

// The answers to a run's questions. Depth first: the next run answers as the last one did, but for
// the last No, which becomes a Yes. A script asks the same where it was answered the same.
class Choices {
 public:
  Choices() = default;
  // By chance, with `seed`: a Yes in `one_in` questions.
  Choices(u32 seed, u32 one_in) : random_(seed), one_in_(one_in) {}

  void begin() { asked_ = 0; }
  bool ask() {
    if (one_in_ != 0) {
      random_ = random_ * 1664525 + 1013904223;
      return (random_ >> 16) % one_in_ == 0;
    }
    if (asked_ == answers_.size()) {
      answers_.push_back(false);
    }
    return answers_[asked_++];
  }
  // False: all were tried.
  bool next() {
    if (asked_ != answers_.size()) {
      throw std::logic_error("the script did not ask again what it had asked before");
    }
    while (!answers_.empty() && answers_.back()) {
      answers_.pop_back();
    }
    if (answers_.empty()) {
      return false;
    }
    answers_.back() = true;
    return true;
  }

 private:
  std::vector<bool> answers_;
  usize asked_ = 0;
  u32 random_ = 0;
  u32 one_in_ = 0;
};

// From where it is made to where it ends; the machine is plugged and idle. The device is asked only
// where it may have something to do: after a step that found nothing, not before the driver has
// shown it something.
class Interleaving final : public port::Watcher {
 public:
  // `beside` is told of everything, too, before the device moves.
  Interleaving(Machine& machine, Choices& choices, OrderJudge* beside = nullptr)
      : machine_(machine),
        choices_(choices),
        beside_(beside),
        map_(machine.world, machine.virtio_device()->queues()) {
    machine_.device().before_access = [this](u64 offset, bool is_write) {
      if (beside_ != nullptr) {
        beside_->before_register(offset, is_write);
      }
      moment({.place = {}, .is_write = is_write, .offset = offset});
      may_work_ = may_work_ || (is_write && offset == referee::kQueueNotify);
    };
    // Around the device's own step of an idle machine.
    auto& steps = machine_.world.steps;
    steps.insert(steps.begin(), [this] { return note("idle: the device's turn"), false; });
    steps.push_back([this] { return may_work_ = false; });
    port::watcher = this;
  }
  Interleaving(const Interleaving&) = delete;
  Interleaving& operator=(const Interleaving&) = delete;
  ~Interleaving() override {
    port::watcher = nullptr;
    machine_.device().before_access = nullptr;
    machine_.world.steps.pop_back();
    machine_.world.steps.erase(machine_.world.steps.begin());
  }

  void before_access(const void* at, usize bytes, bool is_write) override {
    if (beside_ != nullptr) {
      beside_->before_access(at, bytes, is_write);
    }
    const Place place = map_.find(at);
    moment({.place = place, .is_write = is_write});
    may_work_ = may_work_ ||
                (is_write && (place.part == Part::AvailIndex || place.part == Part::Descriptor));
  }
  void fence(port::Fence kind) override {
    if (beside_ != nullptr) {
      beside_->fence(kind);
    }
  }
  void before_take_back() override {
    if (beside_ != nullptr) {
      beside_->before_take_back();
    }
  }

  // What another hart does once, at one of the moments from now on.
  void let_other_hart(std::function<void()> act) { other_ = std::move(act); }
  // It does it now, unless it has.
  void hurry_other_hart() {
    if (other_ != nullptr) {
      note("another hart's turn");
      machine_.world.run_as(1, std::exchange(other_, nullptr));
    }
  }

  // Only while it is on does anything move.
  bool on = true;
  void clear() {
    events_.clear();
    new_ = false;
  }
  bool is_new() const { return new_; }  // until it is cleared
  void note(const char* what) { events_.push_back({.what = what}); }
  // A line for each moment, and for what was done there.
  std::string order() const {
    std::string text;
    for (const Event& event : events_) {
      text += event.text() + "\n";
    }
    return text;
  }

 private:
  struct Event {
    const char* what = nullptr;
    Place place{};
    bool is_write = false;
    std::optional<u64> offset{};  // of a register
    std::string text() const {
      if (what != nullptr) {
        return std::string("    ") + what;
      }
      return std::string(is_write ? "the driver writes " : "the driver reads ") +
             (offset ? "register " + referee::hex(*offset) : place.text());
    }
  };

  // Before the access: whatever may happen, as far as the choices want it.
  void moment(const Event& event) {
    World& world = machine_.world;
    while (on && may_work_ && choices_.ask()) {
      may_work_ = machine_.device().step_meanwhile();
      note(may_work_ ? "the device works" : "the device finds nothing");
    }
    if (on && world.irqs_on && world.this_hart().context != Context::Irq &&
        world.controller.deliverable(world.this_hart()) && choices_.ask()) {
      note("the interrupt comes");
      world.deliver_to(0);
      note("the interrupt is served");
    }
    if (on && other_ != nullptr && choices_.ask()) {
      hurry_other_hart();
      note("the first hart goes on");
    }
    events_.push_back(event);
  }

  Machine& machine_;
  Choices& choices_;
  OrderJudge* const beside_;
  RingMap map_;
  std::function<void()> other_;
  bool may_work_ = false;
  bool new_ = true;
  std::vector<Event> events_;
};

}  // namespace sluice::test
