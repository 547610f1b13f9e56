// How a test controls the host's port: the machine that the code under test believes to run on.
// A test makes one World; the hart, the clock, the registers and the DMA arena are its own and are
// checked for leaks when it ends.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/irq.hpp>
#include <sluice/kernel/mmio.hpp>
#include <sluice_port.hpp>

namespace sluice::test {

// What panic() and a failed assertion throw on the host.
struct Panic : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Memory that devices may touch, at bus addresses that are never the pointers. Each block and each
// mapping has guard space around it in bus addresses; a mapping is a bounce buffer, copied in and
// out, and poisoned when given back.
class Arena {
 public:
  Result<port::DmaBlock> allocate(usize bytes, usize alignment, u64 mask);
  void free(const port::DmaBlock& block);
  Result<BusAddr> map(std::byte* data, u32 bytes, port::DmaDirection direction, u64 mask);
  void unmap(BusAddr bus, std::byte* data, u32 bytes, port::DmaDirection direction);

  // The bytes at a bus address, or an empty span where [bus, bus + bytes) is not all in one live
  // block or mapping.
  std::span<std::byte> at(u64 bus, u64 bytes);

  usize live() const { return regions_.size(); }
  usize live_mappings() const;
  // Memory of each kind that allocate() and map() still give before they fail; default: no limit.
  usize allocations_left = ~usize{0};

 private:
  struct Region {
    std::unique_ptr<std::byte[]> storage;
    usize bytes;
    bool mapping;
  };
  u64 place(usize bytes, usize alignment);
  std::map<u64, Region> regions_;  // by bus address
  u64 next_bus_ = 0x5000'0000;
};

// What exit() throws on the host.
struct Exit {
  u32 status;
};

// An interrupt controller of the test's own: raise() calls the handler as the trap handler would.
class FakeController final : public irq::Controller {
 public:
  static constexpr u32 kSources = 64;
  explicit FakeController(u32 phandle);
  ~FakeController() override;
  void enable(u32 source) override { enabled_[source] = true; }
  void disable(u32 source) override { enabled_[source] = false; }
  void handle_pending() override;
  // Makes `source` pending; delivered by World::deliver().
  void raise(u32 source) { pending_[source] = true; }
  void lower(u32 source) { pending_[source] = false; }
  bool deliverable() const;
  bool enabled(u32 source) const { return enabled_[source]; }

 private:
  std::array<irq::Action, kSources> actions_{};
  std::array<bool, kSources> enabled_{};
  std::array<bool, kSources> pending_{};
};

class World {
 public:
  World();
  ~World() noexcept(false);  // throws where DMA memory or mappings are left over
  static World& current();

  Hart hart;
  Arena arena;
  FakeController controller{1};
  u64 now_ticks = 1000;       // of 1 ns
  u64 timer_ticks = ~u64{0};  // the deadline set by the kernel
  bool irqs_on = true;

  // Called by idle(), in order, until one says that it did something (a device model's step); where
  // none did, the clock goes to the next timer; where there is no timer either, the test fails: it
  // would hang.
  std::vector<std::function<bool()>> steps;

  // Registers at a physical address; map_device gives them to whoever asks for that range.
  void add_registers(PhysAddr base, MmioRegion& region) { registers_[base.value()] = &region; }

  // Delivers pending interrupts (external and timer) now, in irq context, if they are on.
  void deliver();
  // Moves the clock forward and delivers what is due.
  void advance_ns(u64 ns);
  // Runs posted work and deliverable interrupts until nothing is left, as an idle hart would; time
  // stands still.
  void settle();

 private:
  friend Result<MmioRegion*> port::map_device(PhysAddr, u64);
  std::map<u64, MmioRegion*> registers_;
};

}  // namespace sluice::test
