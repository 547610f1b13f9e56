// What the model knows beyond its buses, devices and drivers. Used by bus.cpp and probe.cpp alone.
#pragma once

#include <sluice/drivers/base/bus.hpp>

namespace sluice::dev {

struct Model {
  List<Bus> buses;
  List<Device, OfAsyncProbes> async_probes;  // under way, in the order in which they began
  u32 next_hart = 0;                         // to be given one, counted among those that take jobs
  u32 probing = 0;                           // depth of probes inside probes
  bool bound = false;  // did one succeed since the last look at the deferred devices?
};

extern constinit Model model;

// That devices may come, go and change here and now; a checked crash where not.
void check_may_change();

}  // namespace sluice::dev
