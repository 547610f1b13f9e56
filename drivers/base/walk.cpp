// The next device of a walk.
#include <sluice/drivers/base/walk.hpp>

namespace sluice::dev {

void Walk::enter(Device& device, Device* back) {
  device.seen_by_walk_ = number_;
  device.walk_back_ = back;
}

// Of the bound devices that it has not seen, the one that was bound last.
Device* Walk::begin() {
  Device* last = nullptr;
  for_each_device([&](Device& device) {
    if (device.state_ == State::Bound && !has_seen(device) &&
        (last == nullptr || device.bound_order_ > last->bound_order_)) {
      last = &device;
    }
  });
  if (last != nullptr) {
    enter(*last, nullptr);
  }
  return last;
}

// From `device` on to one that nobody needs whom the walk has not seen.
Device* Walk::deepest(Device* device) {
  while (true) {
    Device* last = nullptr;
    const auto look_at = [&](Device& other) {
      if (!has_seen(other) && (last == nullptr || other.bound_order_ > last->bound_order_)) {
        last = &other;
      }
    };
    for (const Link& link : device->consumers()) {
      look_at(link.consumer);
    }
    for_each_device([&](Device& other) {
      if (other.parent() == device) {
        look_at(other);
      }
    });
    if (last == nullptr) {
      return device;
    }
    enter(*last, device);
    device = last;
  }
}

bool Walk::needs(Device& device, const Device& what) {
  Walk walk;
  Device* open = nullptr;  // what is still to be looked at, a chain along walk_back_
  const auto add = [&](Device* other) {
    if (other != nullptr && !walk.has_seen(*other)) {
      walk.enter(*other, open);
      open = other;
    }
  };
  add(&device);
  while (open != nullptr) {
    Device& at = *open;
    if (&at == &what) {
      return true;
    }
    open = at.walk_back_;
    add(at.parent());
    for (const Link& link : at.suppliers()) {
      add(&link.supplier);
    }
  }
  return false;
}

}  // namespace sluice::dev
