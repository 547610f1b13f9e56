// What the request layer calls for each request: passed on to the queue.
#include <sluice/drivers/virtio/block_disk.hpp>

namespace sluice::virtio {

blk::QueueResult BlockDisk::queue_rq(blk::HwQueue& queue, blk::Request& request, bool last) {
  return queue_of(queue).queue_rq(request, last);
}
void BlockDisk::queue_rqs(blk::HwQueue& queue, blk::FreshBios& bios) {
  queue_of(queue).queue_rqs(bios);
}
void BlockDisk::commit_rqs(blk::HwQueue& queue) {
  queue_of(queue).commit();
}
unsigned BlockDisk::poll(blk::HwQueue& queue) {
  return queue_of(queue).poll();
}

}  // namespace sluice::virtio
