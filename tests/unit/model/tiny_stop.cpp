// The tiny driver's ways back: resetting its queue, resetting the device, giving memory back.
// Reference: virtio 1.2, 2.4, 2.6.1, 4.2.2.
#include "tiny_driver.hpp"
#include "tiny_wire.hpp"

namespace tiny {

bool Driver::restart_queue(std::uint32_t size) {
  put(kQueueSel, options_.queue);
  if (makes(Mistake::QueueResetTwo)) {
    put(kQueueReset, 2);
  }
  put(kQueueReset, 1);
  for (int i = 0; !makes(Mistake::QueueResetUnread) && get(kQueueReset) != 0 && i < 1000; ++i) {
  }
  free_all();  // the rings, and what was in flight
  if (makes(Mistake::QueueResetUnread)) {
    device_.step();
  }
  size_ = size;
  make_rings();
  if (makes(Mistake::ReenabledUnconfigured)) {
    put(kQueueReady, 1);
    return false;
  }
  start_modern_queue();
  arm();
  return true;
}

void Driver::stop() {
  if (makes(Mistake::FreesRingsBeforeReset)) {
    free_rings();
    device_.step();
  } else if (!legacy_ && size_ != 0 && !makes(Mistake::FreesRingsDuringReset)) {
    put(kQueueSel, options_.queue);
    put(kQueueReady, 0);
    if (makes(Mistake::StopUnread)) {
      free_rings();
      device_.step();
    } else {
      get(kQueueReady);
    }
  }
  put(kStatus, 0);
  if (makes(Mistake::FreesRingsDuringReset)) {
    free_rings();
    device_.step();
  }
  for (int i = 0; get(kStatus) != 0 && i < 1000; ++i) {
  }
  free_all();
}

void Driver::free_rings() {
  if (rings_.data != nullptr) {
    world_.arena.free(rings_);
    rings_ = {};
  }
}

void Driver::free_all() {
  free_rings();
  for (Request& request : requests_) {
    if (request.block.data != nullptr) {
      world_.arena.free(request.block);
      request.block = {};
    }
  }
}

}  // namespace tiny
