// A virtio disk that does what a fuzzer says: registers, rings, status bytes and interrupts are
// honest as long as the script has zeroes, and anything where it has not. Used by virtio.cpp.
#pragma once

#include <array>

#include <sluice/kernel/mmio.hpp>

#include "input.hpp"
#include "tests/port/world.hpp"

namespace sluice::fuzz {

class VirtioDevice final : public MmioRegion {
 public:
  static constexpr u64 kRegisterBytes = 0x200;
  static constexpr u32 kIrqSource = 1;
  static constexpr u32 kQueues = 4;

  // `shape` says what kind of device it is, `script` what it does; with the script at its end it is
  // silent, or honest.
  VirtioDevice(test::World& world, Input& shape, Input script);

  // A bit of work, for World::steps. False: nothing was done.
  bool step();
  // From now on it does nothing but what it should.
  void tame();

  u64 bytes() const override { return kRegisterBytes; }
  u8 read8(u64 offset) override { return static_cast<u8>(told(offset, config(offset, 1))); }
  u16 read16(u64 offset) override { return static_cast<u16>(told(offset, config(offset, 2))); }
  u32 read32(u64 offset) override;
  void write8(u64 offset, u8 value) override;
  void write16(u64, u16) override {}
  void write32(u64 offset, u32 value) override;

 private:
  struct Queue {
    u32 size = 0;
    std::array<u32, 6> address{};  // halves: descriptors, driver area, device area
    u32 pfn = 0;
    bool ready = false;
    u16 seen = 0;     // split: buffers taken; packed: the place
    u16 used = 0;     // the same of buffers given back
    bool lap = true;  // packed: the wrap counters
    bool used_lap = true;
  };
  // The three parts of a queue, as bus addresses.
  struct Parts {
    u64 descriptors, driver, device;
  };
  // A buffer on its way.
  struct Buffer {
    u16 id = 0;
    u16 places = 1;     // descriptors in a packed ring
    u64 status_at = 0;  // its last byte that is the device's to write
    u32 writable = 0;   // bytes
  };

  u32 config(u64 offset, u32 width) const;
  u32 register_value(u64 offset) const;
  u32 told(u64 offset, u32 honest);
  void restart();
  bool packed() const { return (accepted_ >> 34 & 1) != 0; }
  Parts parts(const Queue& queue) const;

  // virtio_rings.cpp
  bool take(Queue& queue, Buffer& buffer);
  bool take_split(Queue& queue, const Parts& at, Buffer& buffer);
  bool take_packed(Queue& queue, const Parts& at, Buffer& buffer);
  void follow(u64 table, u32 entries, u32 first, bool in_order, Buffer& buffer);
  void piece(u64 descriptor, Buffer& buffer) const;
  void give_back(Queue& queue, u16 id, u16 places, u32 bytes);
  bool complete(u8 status, bool interrupts);
  void lie_in_ring(u8 what);
  template <class T>
  T load(u64 bus) const;
  template <class T>
  void store(u64 bus, T value);

  void interrupt(u32 causes);
  void act(u8 what);

  test::World& world_;
  Input script_;
  bool honest_in_the_end_;
  bool tame_ = false;

  u32 version_;
  u64 features_;
  u32 queue_size_max_;
  std::array<u8, kRegisterBytes - 0x100> config_{};

  u32 status_ = 0;
  u32 generation_ = 0;
  u32 features_sel_ = 0, driver_features_sel_ = 0, queue_sel_ = 0;
  u64 accepted_ = 0;
  u32 causes_ = 0;
  u32 line_stuck_ = 0;  // so often it goes up again when it should be down
  std::array<Queue, kQueues> queues_;

  u64 fixed_offset_ = 0;  // a register that says the same for so many reads
  u32 fixed_value_ = 0, fixed_reads_ = 0;
};

}  // namespace sluice::fuzz
