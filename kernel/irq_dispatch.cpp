// From a trap, or a hart that idles, to the controllers.
#include <sluice/kernel/irq_dispatch.hpp>

namespace sluice::irq {

bool Controller::dispatch(u32 source) {
  return dispatch_inlined(source);
}

void Controller::serve_all(Controller* first) {
  for (Controller* at = first; at != nullptr; at = at->next_.load(std::memory_order_acquire)) {
    at->serve_(at);
  }
}

}  // namespace sluice::irq

void sluice::port::serve_external_interrupt() {
  const irq::External& external = irq::external_interrupts;
  external.serve(external.first);
}
