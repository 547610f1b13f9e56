// From the queue to its layout.
#include <sluice/drivers/virtio/packed_queue.hpp>
#include <sluice/drivers/virtio/split_queue.hpp>

namespace sluice::virtio {

template <class Self, class Call>
decltype(auto) Virtqueue::by_layout(Self& self, Call call) {
  constexpr bool kConst = std::is_const_v<Self>;
  if (self.packed_) {
    return call(static_cast<std::conditional_t<kConst, const PackedQueue, PackedQueue>&>(self));
  }
  return call(static_cast<std::conditional_t<kConst, const SplitQueue, SplitQueue>&>(self));
}

bool Virtqueue::add(std::span<const dma::Mapping> pieces, u32 token) {
  return by_layout(*this, [&](auto& ring) { return ring.add(pieces, token); });
}
void Virtqueue::prepare_table(u32 token, const Table& table, const dma::Mapping& first,
                              const dma::Mapping& last) {
  by_layout(*this, [&](auto& ring) { ring.prepare_table(token, table, first, last); });
}
void Virtqueue::add_table(usize token, std::byte* table, std::span<const dma::Mapping> middle) {
  by_layout(*this, [&](auto& ring) { ring.add_table(token, table, middle); });
}
bool Virtqueue::publish() {
  return by_layout(*this, [](auto& ring) { return ring.publish(); });
}
u32 Virtqueue::used_count() {
  return by_layout(*this, [](auto& ring) { return ring.used_count(); });
}
u32 Virtqueue::take_used(std::span<Used> used) {
  return by_layout(*this, [&](auto& ring) { return ring.take_used(used); });
}
bool Virtqueue::has_used() const {
  return by_layout(*this, [](auto& ring) { return ring.has_used(); });
}
u32 Virtqueue::in_flight() const {
  return by_layout(*this, [](auto& ring) { return ring.in_flight(); });
}
u32 Virtqueue::taken() const {
  return by_layout(*this, [](auto& ring) { return ring.taken(); });
}
u32 Virtqueue::free_descriptors() const {
  return by_layout(*this, [](auto& ring) { return ring.free_descriptors(); });
}
void Virtqueue::disable_interrupts() {
  by_layout(*this, [](auto& ring) { ring.disable_interrupts(); });
}
bool Virtqueue::enable_interrupts(u32 skip) {
  return by_layout(*this, [&](auto& ring) { return ring.enable_interrupts(skip); });
}
void Virtqueue::restart() {
  by_layout(*this, [](auto& ring) { ring.restart(); });
}
QueuePlace Virtqueue::place() const {
  return by_layout(*this, [](auto& ring) { return ring.place(); });
}
void Virtqueue::abandon() {
  by_layout(*this, [](auto& ring) { ring.abandon(); });
}

}  // namespace sluice::virtio
