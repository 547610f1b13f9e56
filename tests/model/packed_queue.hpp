// The device's side of one packed virtqueue: finds available descriptors in the ring, writes used
// ones over them, keeps both event areas' promises, and judges what the driver wrote.
// Used by MmioDevice, as a Ring, where RING_PACKED was accepted. Reference: virtio 1.2, 2.8.
//
// Places in the ring are counted on and on: place n stands at n % size, and the wrap counter is 1
// in even laps. From the next place to use up to the first one that is not available, the
// descriptors are the device's, and must stay as they were when they were first seen.
#pragma once

#include <array>

#include "ring.hpp"

namespace referee {

class PackedQueue final : public Ring {
 public:
  PackedQueue(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge);

  bool check_place() override;
  bool check_live() override;
  std::optional<std::uint16_t> available() override;
  std::optional<Chain> take() override;
  // With IN_ORDER one used descriptor tells of all of them: the last one's.
  bool put(const std::vector<Used>& elements) override;

 private:
  struct Descriptor {
    std::uint64_t addr;
    std::uint32_t len;
    std::uint16_t id;
    std::uint16_t flags;
    bool has(std::uint16_t bit) const { return (flags & bit) != 0; }
    Segment segment() const;
  };
  static Descriptor descriptor(std::span<const std::byte> table, std::size_t index);
  std::span<std::byte> ring();
  std::span<std::byte> driver_area();
  std::span<std::byte> device_area();
  std::size_t at(std::uint64_t n) const { return n % place_.size; }
  bool wrap_counter(std::uint64_t n) const { return n / place_.size % 2 == 0; }
  std::span<std::byte> entry(std::uint64_t n);   // in the ring
  std::span<std::byte> shadow(std::uint64_t n);  // as the device saw or wrote it last

  void tell_driver(bool notify) override;
  std::uint16_t next_available() override;
  void hash_entries(const Chain& chain, std::uint64_t& state) override;

  bool check_device_area();
  bool check_owned();
  bool judge_change(std::uint64_t n);
  void look();
  bool available_at(std::uint64_t n);
  bool available_in_other_lap(std::uint64_t n);
  bool flags_written(std::uint64_t n);
  bool judge_next_list();

  // packed_chain.cpp
  bool walk(Chain& chain);
  bool judge_unfinished(const Chain& chain);
  bool open_indirect(Chain& chain, const Descriptor& outer);
  bool walk_table(Chain& chain, std::span<const std::byte> entries);
  bool check_list(const Chain& chain);
  bool broken_list(const Rule& rule, const Chain& chain, std::uint64_t value);

  void write_used(std::uint16_t id, std::uint32_t bytes);
  bool should_interrupt(std::uint64_t before, std::uint64_t after);

  std::uint64_t used_ = 0;           // the next place to write a used descriptor to
  std::uint64_t taken_ = 0;          // the next list begins here
  std::uint64_t seen_ = 0;           // the first place that is not available
  std::uint16_t lists_ = 0;          // complete ones in [taken_, seen_)
  std::vector<bool> id_in_flight_;   // by buffer id
  std::vector<std::byte> shadow_;    // of the ring
  std::array<std::byte, 4> told_{};  // the device area
};

}  // namespace referee
