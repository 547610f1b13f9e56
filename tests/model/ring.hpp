// The device's side of a virtqueue, whatever its layout: taking chains, putting them back, both
// sides' notification promises, and the judgement of what the layouts have in common.
// Used by MmioDevice, which need not know the layout; implemented by SplitQueue and PackedQueue.
// Reference: virtio 1.2, 2.6.
#pragma once

#include <cstdint>
#include <memory>
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
  std::uint64_t avail = 0;  // the driver area: the available ring, or the driver's event area
  std::uint64_t used = 0;   // the device area: the used ring, or the device's event area
  bool legacy = false;      // one block of pages: reported once, as one
  std::uint64_t align = 0;  // QueueAlign, legacy
  bool packed = false;
};

// All three parts are memory that the device may use now.
bool is_lent(const QueuePlace& place, Memory& memory);

// What both layouts demand of a driver, each in a clause of its own.
struct RingRules {
  const Rule& notify_missing;
  const Rule& notification_data;
  const Rule& order;
  const Rule& buffer_address;
  const Rule& buffer_changed;
  const Rule& buffer_taken_back;
  const Rule& entry_changed;
};

class Ring {
 public:
  virtual ~Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // After FEATURES_OK (legacy: at DRIVER_OK). The rings' tails are judged to be there.
  void negotiated(const Negotiated& driver) { driver_ = driver; }

  // False (and a verdict) where a part is misaligned, not lent to the device, or was not zeroed.
  virtual bool check_place() = 0;
  // False (and a verdict) where the rings were taken back or the driver wrote to what is the
  // device's. Call it at each step.
  virtual bool check_live() = 0;

  // Chains published and not yet taken; nothing (and a verdict) where that cannot be.
  virtual std::optional<std::uint16_t> available() = 0;
  // Takes the next one; nothing (and a verdict) where it is malformed.
  virtual std::optional<Chain> take() = 0;
  // Gives chains back, in this order. True where the driver is to be interrupted.
  struct Used {
    const Chain* chain;
    std::uint32_t bytes;
  };
  virtual bool put(const std::vector<Used>& elements) = 0;

  // Tells the driver that no notification is needed (the device is awake and looks by itself), or
  // that the next chain must be notified.
  void expect_no_notification();
  void expect_notification();
  // What it was told last: no notification is needed.
  bool needs_none() const { return needs_none_; }
  // The driver published chains after that: it could know.
  bool published_since_told();
  // A verdict where a notification's upper half does not say where the next chain will be (2.9).
  void check_notification_data(std::uint16_t next);

  std::uint16_t index() const { return index_; }
  const QueuePlace& place() const { return place_; }
  const RingRules& rules() const { return rules_; }

  // What the driver may not change while a chain is in flight.
  struct Fingerprint {
    std::uint64_t entries = 0;  // descriptors, as far as they stay the chain's
    std::uint64_t buffers = 0;  // what the device reads
  };
  Fingerprint fingerprint(const Chain& chain);
  // False (and a verdict) where its buffers were taken back; a verdict where it was changed.
  bool check_unchanged(const Chain& chain, const Fingerprint& then);
  bool check_lent(const Chain& chain);

 protected:
  Ring(std::uint16_t index, const QueuePlace& place, Memory& memory, Judge& judge,
       const RingRules& rules)
      : index_(index), place_(place), memory_(memory), judge_(judge), rules_(rules) {}

  // Writes into the device area whether notifications are wanted from now on.
  virtual void tell_driver(bool notify) = 0;
  // Bit 15 is the wrap counter (split: the index's own), the rest the place.
  virtual std::uint16_t next_available() = 0;
  // Everything that describes the chain, as it stands in memory now.
  virtual void hash_entries(const Chain& chain, std::uint64_t& state) = 0;

  // Adds a piece to the chain. False (and a verdict) where it is out of order or not lent.
  bool append(Chain& chain, const Segment& segment);
  bool in_order() const;
  bool event_idx() const;
  std::string name() const;
  bool misplaced(const Rule& rule) const;

  std::uint16_t index_;
  QueuePlace place_;
  Memory& memory_;
  Judge& judge_;
  Negotiated driver_;

 private:
  const RingRules& rules_;
  bool needs_none_ = false;
  std::uint16_t told_at_ = 0;  // next_available() when it was told
};

std::unique_ptr<Ring> make_ring(std::uint16_t index, const QueuePlace& place, Memory& memory,
                                Judge& judge);

bool all_zero(std::span<const std::byte> bytes);
// FNV-1a: a change of one bit changes it.
void hash(std::uint64_t& state, std::span<const std::byte> bytes);

}  // namespace referee
