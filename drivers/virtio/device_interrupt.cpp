// A device's interrupt.
#include <sluice/drivers/virtio/bus.hpp>

namespace sluice::virtio {

void Device::handle_interrupt() {
  const u32 causes = transport_.take_interrupts();
  if (!live()) [[unlikely]] {
    return;  // it was reset meanwhile
  }
  if ((causes & kInterruptUsed) != 0) [[likely]] {
    for (const QueueInterrupt& queue : std::span(handlers_).first(queue_count_)) {
      queue.handler(queue.context);
    }
  }
  if ((causes & kInterruptConfig) != 0) [[unlikely]] {
    post_to(hart(0), work_);
  }
}

}  // namespace sluice::virtio
