// How a test controls the host's port: the machine that the code under test believes to run on.
// A test makes one World; the harts, the clock, the registers and the DMA arena are its own and are
// checked for leaks when it ends; memory and clock may be those of devices in another process. All
// harts run in the test's thread, one after the other: hart 0 is the test itself, the others run in
// run_as(), and whenever a hart is idle.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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

// Memory that a device in another process finds at `bus`.
struct SharedMemory {
  std::span<std::byte> bytes;
  u64 bus = 0x5000'0000;
};

// Memory that devices may touch, at bus addresses that are never the pointers. Each block and each
// mapping has guard space around it in bus addresses; a mapping is a bounce buffer, copied in and
// out, and freed, or poisoned in `shared`, when given back. Its memory is the heap's, or `shared`
// alone, where that holds any; then a place is used again, as late as can be.
class Arena {
 public:
  explicit Arena(const SharedMemory& shared);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();
  Result<port::DmaBlock> allocate(usize bytes, usize alignment, u64 mask);
  void free(const port::DmaBlock& block);
  Result<BusAddr> map(std::byte* data, u32 bytes, port::DmaDirection direction, u64 mask);
  void unmap(BusAddr bus, std::byte* data, u32 bytes, port::DmaDirection direction);

  // The bytes at a bus address, or an empty span where [bus, bus + bytes) is not all in one live
  // block or mapping.
  std::span<std::byte> at(u64 bus, u64 bytes);

  // Where a device has written to shared memory that was not lent to it: the first such bus
  // address. Once nothing is live any more.
  std::optional<u64> first_spoiled() const;

  usize live() const { return regions_.size(); }
  usize live_mappings() const;
  // Changes with whatever is written to what is live.
  u64 digest() const;
  // What a device may do with all that was lent to it for a request.
  void scribble_over_mappings(std::byte with);
  // All that is still lent is nobody's any more: what was left to a device that never let go of it.
  void forget() { regions_.clear(); }
  // Memory of each kind that allocate() and map() still give before they fail; default: no limit.
  usize allocations_left = ~usize{0};

 private:
  struct Region {
    std::byte* data;
    usize bytes;
    bool mapping;
    std::unique_ptr<std::byte[]> own;  // unless the memory is shared
  };
  Result<u64> place(usize bytes, usize alignment) const;
  Result<Region*> take(u64 bus, usize bytes, bool mapping, u64 mask);
  void give_back(std::map<u64, Region>::iterator region);

  const SharedMemory shared_;
  std::map<u64, Region> regions_;  // by bus address
  u64 next_bus_ = shared_.bus;
};

// Devices in another process (tests/qtest): time passes there by itself.
class Outside {
 public:
  virtual ~Outside() = default;
  virtual u64 now_ticks() = 0;
  // An idle hart has nothing to do: returns once something came from there, and at `deadline_ticks`
  // at the latest; throws where nothing ever will.
  virtual void wait(u64 deadline_ticks) = 0;
};

// What exit() and reboot() throw on the host.
struct Exit {
  u32 status = 0;
  bool reboots = false;
};

// An interrupt controller of the test's own: raise() makes a source pending, and World::deliver()
// calls its handler as the trap handler would.
class FakeController final : public irq::Controller {
 public:
  static constexpr u32 kSources = 64;
  explicit FakeController(u32 phandle);
  ~FakeController() override;
  bool reaches(const Hart& hart) const override { return (reached >> hart.index & 1) != 0; }
  void enable(u32 source, Hart& hart) override { enabled_at_[source] = &hart; }
  void disable(u32 source, Hart&) override { enabled_at_[source] = nullptr; }
  void enable(u32 source) { enable(source, sluice::hart(0)); }
  // Makes `source` pending; delivered by World::deliver().
  void raise(u32 source) { pending_[source] = true; }
  void lower(u32 source) { pending_[source] = false; }
  // Is there an interrupt for that hart?
  bool deliverable(const Hart& hart) const;
  bool deliverable() const;  // for any
  bool enabled(u32 source) const { return enabled_at_[source] != nullptr; }
  const Hart* enabled_at(u32 source) const { return enabled_at_[source]; }
  u32 reached = ~u32{0};  // a bit for each hart

 private:
  static void serve(Controller* controller);
  std::array<irq::Action, kSources> actions_{};
  std::array<Hart*, kSources> enabled_at_{};
  std::array<bool, kSources> pending_{};
};

// A hart's supervisor-level interrupt file, as its registers are reached (AIA 1.0, 3.8, 3.10).
class InterruptFile {
 public:
  virtual ~InterruptFile() = default;
  virtual u64 read(u32 select) = 0;
  virtual void write(u32 select, u64 value) = 0;
  virtual u32 claim() = 0;
};

class World {
 private:
  enum class Where : u8 { Away, Running, Idle };
  struct State {
    Where where = Where::Away;
    bool irqs_on = true;
    bool woken = false;
    u64 timer_ticks = ~u64{0};
  };
  std::array<State, kMaxHarts> states_;

 public:
  explicit World(u32 harts = 1, const SharedMemory& memory = {});
  // Throws where DMA memory or mappings are left over, or a device wrote elsewhere.
  ~World() noexcept(false);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  static World& current();

  Hart hart;  // the one that booted; sluice::hart(index) gives them all
  Arena arena;
  FakeController controller{1};
  u64 now_ticks = 1000;                       // of 1 ns
  u64& timer_ticks = states_[0].timer_ticks;  // the deadline set by hart 0
  bool& irqs_on = states_[0].irqs_on;         // of hart 0
  u64 ns_per_relax = 0;                       // what a turn of a spin loop takes
  u32 wake_ups = 0;                           // interrupts that a hart sent to another

  // By hart; null: it has none, and to ask for it is an illegal instruction.
  std::array<InterruptFile*, kMaxHarts> interrupt_files{};

  // Called by idle(), in order, until one says that it did something (a device model's step); where
  // none did, the clock goes to the next timer; where there is no timer either, the test fails: it
  // would hang.
  std::vector<std::function<bool()>> steps;
  // Where there is one, it has the clock, and idle harts wait for it.
  Outside* outside = nullptr;

  // Registers at a physical address; map_device gives them to whoever asks for that range.
  void add_registers(PhysAddr base, MmioRegion& region) { registers_[base.value()] = &region; }

  // What walk_page_tables says of every address.
  PageWalk page_walk;

  // Calls `function` as the task of another hart.
  void run_as(u32 index, const std::function<void()>& function);

  // Delivers pending interrupts (external and timer) now, in irq context, on every hart where they
  // are on.
  void deliver();
  // Moves the clock forward and delivers what is due.
  void advance_ns(u64 ns);
  // Runs posted work, jobs and deliverable interrupts of all harts until nothing is left, as idle
  // harts would; time stands still.
  void settle();

  // --- For the port ---
  Hart& this_hart() { return *harts_[current_]; }
  Hart& hart_at(u32 index) { return *harts_[index]; }
  u32 hart_count() const { return hart_count_; }
  State& mine() { return states_[current_]; }
  bool interrupted(u32 index) const;  // is there an interrupt for it?
  bool deliver_to(u32 index);
  u64 ticks();
  void wake(const Hart& to);
  void relax();
  void idle();

 private:
  friend Result<MmioRegion*> port::map_device(PhysAddr, u64);
  class As;
  bool step(u32 index);
  bool step_others();

  std::map<u64, MmioRegion*> registers_;
  u32 hart_count_;
  u32 current_ = 0;
  u32 relaxed_ = 0;  // calls of relax() since another hart had its turn
  std::array<Hart*, kMaxHarts> harts_{};
  std::array<std::unique_ptr<Hart>, kMaxHarts> others_;
};

}  // namespace sluice::test
