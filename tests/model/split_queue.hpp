// The device's side of one split virtqueue: takes chains from the available ring, puts them on the
// used ring, keeps both sides' notification promises, and judges what the driver wrote.
// Used by MmioDevice, as a Ring, once a queue is live. Reference: virtio 1.2, 2.7.
#pragma once

#include "ring.hpp"

namespace referee {

class SplitQueue final : public Ring {
 public:
  SplitQueue(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge);

  bool check_place() override;
  bool check_live() override;
  std::optional<std::uint16_t> available() override;
  std::optional<Chain> take() override;
  // With IN_ORDER one element tells of all of them: the last one's.
  bool put(const std::vector<Used>& elements) override;

 private:
  struct Descriptor {
    std::uint64_t addr;
    std::uint32_t len;
    std::uint16_t flags;
    std::uint16_t next;
    Segment segment() const;
  };
  static Descriptor descriptor(std::span<const std::byte> table, std::size_t index);
  std::span<std::byte> table();
  std::span<std::byte> avail();
  std::span<std::byte> used();

  void tell_driver(bool notify) override;
  std::uint16_t next_available() override;
  void hash_entries(const Chain& chain, std::uint64_t& state) override;

  bool walk(Chain& chain);
  bool open_indirect(Chain& chain, const Descriptor& descriptor);
  bool walk_table(Chain& chain, std::span<const std::byte> entries);
  bool broken_table(const Rule& rule, const Chain& chain, std::uint64_t value);
  void check_in_order(const Chain& chain);
  bool check_size(const Chain& chain);
  bool should_interrupt(std::uint16_t before, std::uint16_t after);
  void write_used16(std::size_t offset, std::uint16_t value);
  void write_used_element(const Used& element);

  std::uint16_t avail_idx_ = 0;      // next to take
  std::uint16_t used_idx_ = 0;       // next to put
  std::uint16_t in_order_next_ = 0;  // with IN_ORDER: the descriptor that is to come
  std::vector<bool> in_flight_;      // by descriptor
  std::vector<std::byte> used_shadow_;
};

}  // namespace referee
