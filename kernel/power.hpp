// Switching the machine off, or starting it again: what boot asks of whoever can.
// A power driver (drivers/power) registers its device; without one the firmware serves. Any
// context.
#pragma once

#include <sluice/kernel/types.hpp>

namespace sluice::power {

class Device {
 public:
  // Ends the machine with an exit status; returns where that did not work.
  virtual void off(u32 status) = 0;
  // Starts the machine again; returns where it cannot.
  virtual void reboot() = 0;

 protected:
  ~Device() = default;
};

// Null: nobody can.
void set_device(Device* device);
Device* device();

}  // namespace sluice::power
