// The reset of one queue, which the driver asks for in QueueReset and waits for.
// Reference: virtio 1.2, 2.6.1, 4.2.2.
#include <utility>

#include "mmio_device.hpp"
#include "rules.hpp"

namespace referee {

std::uint32_t MmioDevice::read_queue_reset(QueueRegisters& queue) {
  if (queue.reset_reads_left > 0) {
    --queue.reset_reads_left;
    return 1;
  }
  finish_queue_reset(queue);
  queue.reset.reset();
  return 0;
}

void MmioDevice::write_queue_reset(QueueRegisters& queue, std::uint32_t value) {
  if (value != 1) {
    judge.broken(rule::queue_reset_value, std::to_string(value));
    return;
  }
  queue.reset = queue.ring ? std::optional(queue.ring->place()) : std::nullopt;
  queue.reset_reads_left = queue.ring ? knobs.queue_reset_reads : 0;
  if (queue.reset_reads_left == 0) {
    stop_queue(queue);  // at once: nothing is written late
  }
}

// A reset that takes its time waits for the queue's requests in flight, and these are written
// meanwhile. Then the queue is as it was before it was set up.
void MmioDevice::finish_queue_reset(QueueRegisters& queue) {
  for (const InFlight& request : in_flight_) {
    if (queue.ring && request.chain.queue == queue.ring->index() &&
        queue.ring->check_lent(request.chain)) {
      personality_.execute(request.chain, driver(), memory_);
    }
  }
  stop_queue(queue);
  queue.num = 0;
  queue.addresses_written = 0;
  queue.was_reset = true;
}

// The driver goes on with the queue, or has taken its memory: had it read that the reset is over?
void MmioDevice::check_queue_reset(QueueRegisters& queue) {
  if (queue.reset) {
    stop_queue(queue);  // its memory may be gone
    finish_queue_reset(queue);
    queue.reset.reset();
    judge.broken(rule::queue_reset_unread);
  }
}

}  // namespace referee
