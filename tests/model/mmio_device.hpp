// A virtio-mmio device, version 2 or legacy version 1, that judges its driver: registers, status,
// features, queue set-up, notifications and interrupts. What it is, a Personality says.
// Used by tests: through sluice_adapter.hpp in a World, or bare (read, write, step).
// Reference: virtio 1.2, 2.1–2.6, 3.1, 3.3, 4.2.
//
// Nothing happens by itself: a notification only wakes the device; step() works.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config_reads.hpp"
#include "judge.hpp"
#include "memory.hpp"
#include "personality.hpp"
#include "ring.hpp"
#include "wire.hpp"

namespace referee {

// What the device is made of; fixed for its life.
struct Setup {
  std::uint32_t version = 2;  // 1: legacy; another: of the future, to be left alone
  std::uint16_t queue_num_max = 256;
  // Offered besides the personality's own; VERSION_1 is added for version 2 and taken away for
  // version 1, ANY_LAYOUT the other way round. Not offered unless asked for: RING_RESET,
  // ACCESS_PLATFORM, ORDER_PLATFORM.
  std::uint64_t features = kFeatureIndirect | kFeatureEventIdx | kFeatureAnyLayout;
  std::uint64_t withheld = 0;  // taken from all that would be offered
  // Offered by version 2 on top of it: RING_PACKED, IN_ORDER, NOTIFICATION_DATA.
  std::uint64_t added = 0;
  std::uint32_t magic = kMagic;
};

// What a test turns while the device runs. All of it is allowed by the specification.
struct Knobs {
  enum class Order { Fifo, Lifo, Shuffled };
  Order order = Order::Fifo;
  std::uint32_t seed = 1;  // of Shuffled
  bool hold = false;       // complete nothing but what release() lets go
  // Put on the used ring at once, with one interrupt at most (IN_ORDER: in one used element).
  std::uint32_t completions_per_step = 1;
  bool never_needs_notify = false;    // it polls: NO_NOTIFY stays set, avail_event is out of reach
  bool no_notify_while_awake = true;  // NO_NOTIFY while it has chains to take (without EVENT_IDX)
  bool always_interrupt = false;      // whatever the driver asked for: spurious interrupts
  std::uint32_t reset_reads = 0;      // reads of Status after a reset that do not yet say 0
  // Shown in InterruptStatus beside those of the specification, as a later one might.
  std::uint32_t undefined_events = 0;
  bool refuse_features = false;         // FEATURES_OK does not stick
  std::uint32_t queue_reset_reads = 0;  // reads of QueueReset after a queue's reset that say 1
};

struct Counters {
  std::uint64_t notifications = 0;
  // While the device had said that it needs none, be it that the driver could not yet know.
  std::uint64_t needless_notifications = 0;
  std::uint64_t interrupts = 0;  // times the used-buffer bit was set by a completion
  std::uint64_t chains = 0;      // taken
  std::uint64_t completions = 0;
  std::uint64_t resets = 0;
  std::uint64_t indirect_chains = 0;
};

class MmioDevice {
 public:
  MmioDevice(Personality& personality, Memory& memory, const Setup& setup = {});

  // --- The driver's side: registers. `offset` and `width` in bytes. -----------------------------
  std::uint32_t read(std::uint64_t offset, unsigned width);
  void write(std::uint64_t offset, unsigned width, std::uint32_t value);
  // The level of the interrupt line: any bit of InterruptStatus.
  bool interrupt_pending() const { return interrupt_status_ != 0; }

  // --- The test's side --------------------------------------------------------------------------
  // One bit of work: takes one available chain of a queue that is awake, else completes what may be
  // completed. False where there is nothing to do. A queue sleeps until it is notified; a chain
  // that was published to a sleeping queue without the notification that it asked for is a verdict.
  bool step();
  // The same, while the driver is in the midst of something: it may be about to notify.
  bool step_meanwhile();
  // Steps until nothing is left; at most `limit` times. The number of steps.
  std::uint32_t run(std::uint32_t limit = 1'000'000);

  Knobs knobs;
  Judge judge;
  const std::vector<Verdict>& verdicts() const { return judge.verdicts(); }
  const Counters& counters() const { return counters_; }

  // With knobs.hold: lets `count` more requests be completed by later steps.
  void release(std::uint32_t count = 1) { released_ += count; }
  // Requests taken and not completed, oldest first.
  std::size_t in_flight() const { return in_flight_.size(); }
  // Completes the `nth` oldest at once, held or not. False where there is none, or IN_ORDER has an
  // older one come first.
  bool complete(std::size_t nth);

  // The configuration changed: a new generation, and an interrupt if the driver is live.
  void config_changed();
  // An interrupt that tells of nothing (2.7.7.1: the driver must handle it).
  void raise_spurious();
  // The device gives up: DEVICE_NEEDS_RESET and a configuration interrupt (2.1.2). It works no more
  // until a reset.
  void break_down();

  // Called before each register access: here the device can move between two accesses of the driver
  // (a completion between drain and acknowledge, a configuration change between two halves). Not
  // called from inside itself.
  std::function<void(std::uint64_t offset, bool is_write)> before_access;
  // Called when the level of the line may have changed.
  std::function<void()> line_changed;

  // Verdict where the rings of a live queue are no longer lent to the device (3.3.1). step() does
  // so, too.
  void check_memory();
  // At the end of a test, the driver gone or given up: check_memory(), and a verdict where it left
  // the initialization half done and did not say so.
  void check_end();

  std::uint32_t status() const { return status_; }
  std::uint64_t offered() const;
  std::uint64_t accepted() const { return accepted_; }
  bool legacy() const { return setup_.version == 1; }
  bool live() const { return (status_ & kDriverOk) != 0; }

 private:
  struct QueueRegisters {
    bool max_read = false;  // QueueNumMax
    std::uint32_t num = 0;
    bool ready = false;
    std::optional<QueuePlace> stopped;       // QueueReady was cleared and not read back
    std::array<std::uint32_t, 6> address{};  // halves of descriptors, driver area, device area
    std::uint32_t addresses_written = 0;     // a bit per half
    std::uint32_t align = 0;                 // legacy
    std::uint32_t pfn = 0;                   // legacy
    std::unique_ptr<Ring> ring;
    bool awake = false;
    std::optional<QueuePlace> reset;  // reset by the driver, and QueueReset not read to be 0
    std::uint32_t reset_reads_left = 0;
    bool was_reset = false;  // it may be set up again
    bool in_use() const { return ready || pfn != 0; }
  };
  struct InFlight {
    Chain chain;
    Ring::Fingerprint fingerprint;
  };

  // mmio_access.cpp: which access is allowed at all
  void call_hook(std::uint64_t offset, bool is_write);
  void check_discovery(std::uint64_t offset, bool is_write);
  bool check_control(std::uint64_t offset, unsigned width, bool is_write);
  const ConfigField* check_config(std::uint64_t offset, unsigned width);
  std::uint32_t read_config(std::uint64_t offset, unsigned width);
  void write_config(std::uint64_t offset, unsigned width, std::uint32_t value);

  // mmio_registers.cpp: what a register says and does
  std::uint32_t read_control(std::uint64_t offset);
  void write_control(std::uint64_t offset, std::uint32_t value);
  std::uint32_t read_device_features();
  void write_driver_features(std::uint32_t value);
  std::uint32_t read_interrupt_status();
  void write_interrupt_ack(std::uint32_t value);
  void write_notify(std::uint32_t value);

  // mmio_status.cpp: the driver's progress
  std::uint32_t read_status();
  void write_status(std::uint32_t value);
  void check_status_order(std::uint32_t value, std::uint32_t added);
  void check_features_ok();
  void negotiate();
  void check_dependencies();
  void go_live();

  // mmio_reset.cpp
  void reset();
  void finish_reset();

  // mmio_queues.cpp: queue set-up
  QueueRegisters* selected();
  std::uint32_t read_queue(std::uint64_t offset);
  void write_queue(std::uint64_t offset, std::uint32_t value);
  void write_queue_num(QueueRegisters& queue, std::uint32_t value);
  void write_queue_ready(QueueRegisters& queue, std::uint32_t value);
  void write_queue_pfn(QueueRegisters& queue, std::uint32_t value);
  void write_guest_page_size(std::uint32_t value);
  void start_queue(QueueRegisters& queue, const QueuePlace& place);
  void stop_queue(QueueRegisters& queue);
  void check_set_up_time();

  // mmio_queue_reset.cpp: RING_RESET
  std::uint32_t read_queue_reset(QueueRegisters& queue);
  void write_queue_reset(QueueRegisters& queue, std::uint32_t value);
  void finish_queue_reset(QueueRegisters& queue);
  void check_queue_reset(QueueRegisters& queue);

  // mmio_work.cpp: the device at work
  bool take_one();
  bool take_from(QueueRegisters& queue);
  bool complete_some();
  std::size_t pick();
  void finish(std::vector<InFlight> done);
  void fall_asleep(QueueRegisters& queue);
  void wake(QueueRegisters& queue);
  void raise(std::uint32_t bits);
  void tell_line();
  bool at_work() const { return !broken_down_ && !resetting_ && (live() || legacy()); }
  Negotiated driver() const { return {accepted_, legacy()}; }

  Personality& personality_;
  Memory& memory_;
  Setup setup_;
  Counters counters_;

  std::uint32_t status_ = 0;
  bool reset_seen_ = false;
  bool features_ok_unread_ = false;  // set and not read again
  bool features_refused_ = false;    // FEATURES_OK did not hold
  bool needs_reset_read_ = false;    // the driver knows that the device broke down
  bool features_ok_judged_ = false;  // its absence was told once
  bool broken_down_ = false;

  bool reset_unread_ = false;  // Status did not read 0 since
  bool resetting_ = false;     // the reset takes its time: the device still uses its memory
  std::uint32_t reset_reads_left_ = 0;
  std::uint32_t status_before_reset_ = 0;
  std::vector<QueuePlace> quarantine_;  // rings that the driver may not free before it reads 0

  bool magic_read_ = false, version_read_ = false, device_id_read_ = false;
  std::optional<std::uint32_t> device_features_sel_, driver_features_sel_;
  std::uint32_t features_read_ = 0;  // a bit for each word
  std::uint64_t accepted_ = 0;

  std::uint32_t guest_page_size_ = 0;
  std::uint32_t queue_sel_ = 0;
  std::vector<QueueRegisters> queues_;

  std::uint32_t interrupt_status_ = 0;
  std::uint32_t interrupt_seen_ = 0;  // what the driver read of it and did not yet acknowledge
  std::uint32_t reads_without_ack_ = 0;

  std::uint32_t generation_ = 0;
  bool change_told_ = false;  // by an interrupt that is not yet acknowledged
  ConfigReads config_reads_;

  std::vector<InFlight> in_flight_;  // oldest first
  std::uint32_t released_ = 0;
  std::uint32_t random_ = 0;
  std::size_t next_queue_ = 0;
  bool inside_hook_ = false;
};

}  // namespace referee
