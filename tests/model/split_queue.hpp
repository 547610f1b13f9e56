// The device's side of one split virtqueue: takes chains from the available ring, puts them on the
// used ring, keeps both sides' notification promises, and judges what the driver wrote.
// Used by MmioDevice once a queue is live. Reference: virtio 1.2, 2.7.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "judge.hpp"
#include "memory.hpp"
#include "personality.hpp"

namespace referee {

// Where a queue lives, in bus addresses.
struct QueuePlace {
  std::uint32_t size = 0;
  std::uint64_t desc = 0;
  std::uint64_t avail = 0;
  std::uint64_t used = 0;
  bool legacy = false;      // one block of pages: reported once, as one
  std::uint64_t align = 0;  // QueueAlign, legacy
};

// All three parts are memory that the device may use now.
bool is_lent(const QueuePlace& place, Memory& memory);

class SplitQueue {
 public:
  SplitQueue(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge);

  // After FEATURES_OK (legacy: at DRIVER_OK). The rings' tails are judged to be there.
  void negotiated(const Negotiated& driver) { driver_ = driver; }

  // False (and a verdict) where a part is misaligned, not lent to the device, or was not zeroed.
  bool check_place();
  // False (and a verdict) where the rings were taken back or the driver wrote to the used ring.
  // Call it at each step.
  bool check_live();

  // Chains published and not yet taken; nothing (and a verdict) where the index cannot be.
  std::optional<std::uint16_t> available();
  // Takes the next one; nothing (and a verdict) where it is malformed.
  std::optional<Chain> take();
  // Puts elements on the used ring and moves its index once. True where the driver is to be
  // interrupted.
  struct Used {
    const Chain* chain;
    std::uint32_t bytes;
  };
  bool put(const std::vector<Used>& elements);

  // Tells the driver that no notification is needed (the device is awake and looks by itself), or
  // that the next chain must be notified.
  void expect_no_notification();
  void expect_notification();
  // What it was told last: no notification is needed.
  bool needs_none() const { return needs_none_; }
  // The driver published chains after that: it could know.
  bool published_since_told();

  std::uint16_t index() const { return index_; }
  const QueuePlace& place() const { return place_; }

  // What the driver may not change while a chain is in flight.
  struct Fingerprint {
    std::uint64_t entries = 0;  // descriptors, indirect ones too
    std::uint64_t buffers = 0;  // what the device reads
  };
  Fingerprint fingerprint(const Chain& chain);
  // False (and a verdict) where its buffers were taken back; a verdict where it was changed.
  bool check_unchanged(const Chain& chain, const Fingerprint& then);
  bool check_lent(const Chain& chain);

 private:
  struct Descriptor {
    std::uint64_t addr;
    std::uint32_t len;
    std::uint16_t flags;
    std::uint16_t next;
  };
  static Descriptor descriptor(std::span<const std::byte> table, std::size_t index);
  std::span<std::byte> table();
  std::span<std::byte> avail();
  std::span<std::byte> used();
  bool event_idx() const;
  bool walk(Chain& chain);
  bool append(Chain& chain, const Descriptor& descriptor);
  bool open_indirect(Chain& chain, const Descriptor& descriptor);
  bool check_size(const Chain& chain);
  bool should_interrupt(std::uint16_t before, std::uint16_t after);
  void write_used16(std::size_t offset, std::uint16_t value);
  std::string name() const;

  std::uint16_t index_;
  QueuePlace place_;
  Memory& memory_;
  Judge& judge_;
  Negotiated driver_;
  std::uint16_t avail_idx_ = 0;  // next to take
  std::uint16_t used_idx_ = 0;   // next to put
  std::vector<bool> in_flight_;  // by descriptor
  std::vector<std::byte> used_shadow_;
  bool needs_none_ = false;
  std::uint16_t told_at_ = 0;  // the available index when it was told
};

}  // namespace referee
