// Who switches the machine off.
#include <sluice/kernel/power.hpp>

namespace sluice::power {
namespace {

constinit Device* current = nullptr;

}  // namespace

void set_device(Device* device) {
  current = device;
}
Device* device() {
  return current;
}

}  // namespace sluice::power
