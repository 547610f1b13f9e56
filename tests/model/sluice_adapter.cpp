// A device of the referee in a test's World.
#include "sluice_adapter.hpp"

namespace referee {

SluiceDevice::SluiceDevice(sluice::test::World& world, Personality& personality, Place place,
                           const Setup& setup)
    : memory_(world), device(personality, memory_, setup), world_(world), place_(place) {
  world.add_registers(place.base, registers);
  world.steps.emplace_back([this, gone = gone_] { return !*gone && step(); });
  device.line_changed = [this] { update_line(); };
}

SluiceDevice::~SluiceDevice() noexcept(false) {
  *gone_ = true;
  world_.controller.lower(place_.irq_source);
  if (std::uncaught_exceptions() == 0) {
    device.check_end();
  }
}

bool SluiceDevice::step() {
  const bool worked = device.step();
  update_line();  // a level that was delivered and stays up comes again
  return worked;
}

void SluiceDevice::update_line() {
  if (device.interrupt_pending()) {
    world_.controller.raise(place_.irq_source);
  } else {
    world_.controller.lower(place_.irq_source);
  }
}

}  // namespace referee
