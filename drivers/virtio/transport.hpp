// Transport: how a driver reaches its virtio device: status, features, configuration, queues,
// notifications and interrupts, whatever the bus (mmio today; PCI would be another). Used by
// virtio::Device and the rings; implemented by MmioTransport. Reference: virtio 1.2, 2.1–2.5, 4.
#pragma once

#include <concepts>

#include <sluice/drivers/virtio/spec.hpp>
#include <sluice/kernel/dma.hpp>
#include <sluice/kernel/mmio.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::virtio {

// Where a queue lives.
struct QueuePlace {
  u32 size = 0;           // in elements
  BusAddr descriptors{};  // the descriptor area
  BusAddr driver{};       // the driver area: split, the available ring
  BusAddr device{};       // the device area: split, the used ring
};

// A register, and what is written to it for a queue.
struct Doorbell {
  MmioRegion& registers;
  Reg<u32, WriteOnly> notify;
  u32 value;
  // Any context.
  void ring(u32 with) const { registers.write(notify, with); }
};

class Transport {
 public:
  virtual ~Transport() = default;

  // --- What it is; any context ---
  virtual u32 device_id() const = 0;
  // The interface from before version 1.0: no FEATURES_OK, no ConfigGeneration, 32 feature bits.
  virtual bool legacy() const = 0;
  // What addresses the device can be given (for legacy, 32 bits of page number).
  virtual u64 dma_mask() const = 0;
  // The used ring's alignment in bytes, and whether the three parts of a ring must adjoin.
  virtual u32 used_alignment() const = 0;
  // Interrupt vectors: 1 means that queues and configuration share it.
  virtual u32 vectors() const = 0;

  // --- Status and features; task or work ---
  virtual u32 status() = 0;
  virtual void set_status(u32 value) = 0;  // not 0
  // Resets, and waits until the device says that it has: from then on it touches no memory.
  // Timeout, logged.
  virtual Result<void> reset() = 0;
  // The same in pieces, for who cannot wait.
  virtual void begin_reset() = 0;
  virtual bool is_reset() = 0;
  virtual u64 device_features() = 0;
  virtual void set_driver_features(u64 features) = 0;

  // --- Configuration space; task or work ---
  virtual u32 config_bytes() const = 0;  // how much of it can be reached
  // A whole field of 1, 2 or 4 bytes at `offset`, which is below config_bytes().
  virtual u32 config_read(u32 offset, u32 bytes) = 0;
  virtual void config_write8(u32 offset, u8 value) = 0;
  // Changes when the configuration does. Not called for legacy.
  virtual u32 config_generation() = 0;

  // A field as the specification gives its width: one of 64 bits is two of 32. Without consistency:
  // see below.
  template <std::unsigned_integral T>
  T config_field(u32 offset) {
    if constexpr (sizeof(T) == 8) {
      const u64 low = config_read(offset, 4);
      return low | u64{config_read(offset + 4, 4)} << 32;
    } else {
      return static_cast<T>(config_read(offset, sizeof(T)));
    }
  }

  // Reads fields that belong together, with `read(*this)` called until nothing changed meanwhile
  // (2.5.1; legacy, 2.5.4: until two reads agree). Timeout: the device changes them without end;
  // logged.
  template <class Read>
  auto config_consistent(Read read) -> Result<decltype(read(*this))> {
    constexpr u32 kAttempts = 32;
    auto last = decltype(read(*this)){};
    for (u32 attempt = 0; attempt < kAttempts; ++attempt) {
      const u32 generation = legacy() ? 0 : config_generation();
      const auto fields = read(*this);
      if (legacy() ? attempt > 0 && fields == last : config_generation() == generation) {
        return fields;
      }
      last = fields;
    }
    return config_keeps_changing(kAttempts);
  }

  // --- Queues; task ---
  // The largest size that queue `index` can have. NotFound: it has none; Busy: it is in use; both
  // logged.
  virtual Result<u32> queue_size_max(u32 index) = 0;
  // Gives the device a queue, whose memory is zeroed. OutOfRange: the transport cannot say this
  // address; logged.
  virtual Result<void> set_up_queue(u32 index, const QueuePlace& place) = 0;
  // Takes one back; the device no longer looks at it. Timeout, logged.
  virtual Result<void> tear_down_queue(u32 index) = 0;
  // How the device is told of buffers in a queue.
  virtual Doorbell doorbell(u32 index) = 0;

  // --- Interrupts; irq ---
  // Why it may have interrupted: bits of spec.hpp's kInterrupt…; 0: it has not. Where a register
  // says so, it is read, and what it said acknowledged, so that what happens from now on interrupts
  // again (with MSI-X there is none, and all may be).
  virtual u32 take_interrupts() = 0;

 protected:
  static std::unexpected<Errc> config_keeps_changing(u32 attempts);
};

}  // namespace sluice::virtio
