// A walk through the devices along what needs what: each once, however they are linked.
// Used by the model alone: for cycles of links, suspend and shutdown. No recursion: how deep the
// devices are linked, a device tree says. Task, on the hart that booted.
#pragma once

#include <sluice/drivers/base/bus.hpp>

namespace sluice::dev {

class Walk {
 public:
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // Calls visit(device) for every device of the machine that is bound, each after all that need it
  // (its children and consumers, and theirs), and otherwise last bound first. False: a visit gave
  // false, and the walk ended with it.
  template <class Visit>
  static bool dependents_first(Visit visit) {
    Walk walk;
    while (Device* device = walk.begin()) {
      do {
        device = walk.deepest(device);
        if (device->state_ == State::Bound && !visit(*device)) {
          return false;
        }
        device = device->walk_back_;
      } while (device != nullptr);
    }
    return true;
  }

  // Does `device` need `what`, itself or by way of what it needs?
  static bool needs(Device& device, const Device& what);

 private:
  Walk() {
    SLUICE_ASSERT(!walking_);  // a device has one way back
    walking_ = true;
  }
  ~Walk() { walking_ = false; }
  bool has_seen(const Device& device) const { return device.seen_by_walk_ == number_; }
  void enter(Device& device, Device* back);
  Device* begin();
  Device* deepest(Device* device);

  static inline bool walking_ = false;
  static inline u64 last_number_ = 0;
  u64 number_ = ++last_number_;
};

}  // namespace sluice::dev
