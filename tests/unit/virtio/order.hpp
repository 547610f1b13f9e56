// Judges whether a driver has the fences between its accesses that the specification asks for. The
// host would forgive their absence, and a device cannot see it.
// Used by the tests of drivers/virtio, which tell it of each access and fence.
// Reference: virtio 1.2, 2.7.13, 2.7.14, 2.8.21; docs/architecture.md names the fences.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "ring_map.hpp"
#include "tests/model/judge.hpp"
#include "tests/port/world.hpp"

namespace sluice::test {

namespace order {

inline constexpr referee::Rule kPublish{
    "order.publish", "2.7.13.3.1",
    "Between what a buffer says and the index or the flags that publish it is a fence rw,w."};
inline constexpr referee::Rule kWanted{
    "order.wanted", "2.7.13.4.1",
    "Between publishing and asking whether the device wants a notification is a fence rw,rw."};
inline constexpr referee::Rule kNotify{
    "order.notify", "2.7.13", "Between publishing and the write of QueueNotify is a fence rw,o."};
inline constexpr referee::Rule kIndex{
    "order.index", "2.7.14",
    "Between seeing that a buffer was used and reading of it is a fence r,rw."};
inline constexpr referee::Rule kRecheck{
    "order.recheck", "2.7.14",
    "Between asking for an interrupt and looking for used buffers again is a fence rw,rw."};
inline constexpr referee::Rule kStatus{
    "order.status", "4.2.3.4",
    "Between reading InterruptStatus and looking at what it tells of is a fence i,rw."};

}  // namespace order

class OrderJudge {
 public:
  // The rings are set up, and nothing is in flight.
  OrderJudge(World& world, RingMap map);

  // --- What happens, before it does ---
  void before_access(const void* at, usize bytes, bool is_write);
  void before_register(u64 offset, bool is_write);
  void before_take_back();
  void fence(port::Fence kind);

  // A fence that counts as not there, to prove a rule: `kind`, where the access before it was
  // `after`, if that is given.
  enum class After : u8 { Anything, Publishing, AskingForInterrupts };
  struct LeftOut {
    port::Fence kind;
    After after = After::Anything;
  };
  std::optional<LeftOut> left_out;
  // What they say of 2.7 holds for the packed ring's flags, too (2.8.21.1.1, 2.8.21.3.1).
  referee::Judge judge;
  // How often each kind was met, by its number.
  std::array<u64, 5> fences{};

 private:
  // Of each ring: what still waits for a fence.
  struct State {
    bool published = false;        // for the question whether it wants a notification
    bool asked = false;            // for an interrupt
    bool index_read = false;       // split
    std::optional<u32> used_seen;  // packed: a descriptor
    u32 next = 0;                  // packed: the descriptor that publishes what is behind it
    bool wrap = true;              // and its lap
    std::vector<bool> written;     // packed: since it was seen to be used
  };
  void before_read(const Place& place);
  void before_write(const Place& place);
  void before_descriptor_read(const Place& place);
  void before_publishing(const Place& place);
  bool publishes(const Place& place);
  void pass_published(u32 queue);
  u64 digest() const { return world_.arena.digest(); }

  World& world_;
  const RingMap map_;
  std::vector<State> states_;
  After last_ = After::Anything;
  u64 digest_at_fence_ = 0;  // of all memory that is lent to the device
  bool written_before_notify_ = false;
  bool status_read_ = false;
};

}  // namespace sluice::test
