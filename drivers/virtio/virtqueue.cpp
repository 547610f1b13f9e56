// From the queue to its layout: the split ring is the only one so far.
#include <sluice/drivers/virtio/split_queue.hpp>

namespace sluice::virtio {

SplitQueue& Virtqueue::split() {
  return static_cast<SplitQueue&>(*this);
}
const SplitQueue& Virtqueue::split() const {
  return static_cast<const SplitQueue&>(*this);
}

bool Virtqueue::add(std::span<const dma::Mapping> pieces, u32 token) {
  return split().add(pieces, token);
}
void Virtqueue::prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                              const dma::Mapping& last) {
  split().prepare_table(token, table, first, last);
}
void Virtqueue::add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle) {
  split().add_table(token, table, middle);
}
bool Virtqueue::publish() {
  return split().publish();
}
u32 Virtqueue::used_count() {
  return split().used_count();
}
u32 Virtqueue::take_used(std::span<Used> used) {
  return split().take_used(used);
}
bool Virtqueue::has_used() const {
  return split().has_used();
}
u32 Virtqueue::in_flight() const {
  return split().in_flight();
}
u32 Virtqueue::free_descriptors() const {
  return split().free_descriptors();
}
void Virtqueue::disable_interrupts() {
  split().disable_interrupts();
}
bool Virtqueue::enable_interrupts(u32 skip) {
  return split().enable_interrupts(skip);
}
void Virtqueue::restart() {
  split().restart();
}
QueuePlace Virtqueue::place() const {
  return split().place();
}
void Virtqueue::abandon() {
  split().abandon();
}

}  // namespace sluice::virtio
