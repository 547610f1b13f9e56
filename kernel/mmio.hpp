// Device registers, and the memory order towards devices, written once and named at each use.
// Used by drivers. A region is an interface: the target's is volatile accesses, a test's is a
// device model.
//
// Order (a device sees memory and registers; harts among themselves use std::atomic instead):
//   before an MMIO store that tells a device of memory      order_before_notify    fence rw,o
//   after an MMIO load that tells of memory                 order_after_status     fence i,rw
//   before the index that publishes ring entries            order_before_publish   fence rw,w
//   after reading the device's index, before its entries    order_after_index      fence r,rw
//   after enabling notifications, before looking again      order_before_recheck   fence rw,rw
// MmioRegion itself applies the first two around every access, so that a driver names only the last
// three.
#pragma once

#include <concepts>
#include <cstddef>

#include <sluice/kernel/types.hpp>
#include <sluice_port.hpp>

namespace sluice {

inline void order_before_notify() {
  port::fence_rw_o();
}
inline void order_after_status() {
  port::fence_i_rw();
}
inline void order_before_publish() {
  port::fence_rw_w();
}
inline void order_after_index() {
  port::fence_r_rw();
}
inline void order_before_recheck() {
  port::fence_rw_rw();
}

// Access rights of a register, in its type: reading a WriteOnly one does not compile.
struct ReadOnly {
  static constexpr bool reads = true, writes = false;
};
struct WriteOnly {
  static constexpr bool reads = false, writes = true;
};
struct ReadWrite {
  static constexpr bool reads = true, writes = true;
};

// A register: its width is T, `offset` is in bytes from the start of the region.
template <std::unsigned_integral T, class Access>
struct Reg {
  u32 offset;
};

// A device's registers, little-endian. Offsets in bytes, each access of exactly the width asked
// for. A driver keeps offsets below bytes(). Any context.
class MmioRegion {
 public:
  virtual ~MmioRegion() = default;
  virtual u64 bytes() const = 0;
  virtual u8 read8(u64 offset) = 0;
  virtual u16 read16(u64 offset) = 0;
  virtual u32 read32(u64 offset) = 0;
  virtual void write8(u64 offset, u8 value) = 0;
  virtual void write16(u64 offset, u16 value) = 0;
  virtual void write32(u64 offset, u32 value) = 0;

  template <class T, class Access>
    requires Access::reads
  T read(Reg<T, Access> reg) {
    const u64 offset = reg.offset;
    if (direct_ != nullptr) [[likely]] {
      return load<T>(offset);
    }
    if constexpr (sizeof(T) == 1) {
      return read8(offset);
    } else if constexpr (sizeof(T) == 2) {
      return read16(offset);
    } else {
      static_assert(sizeof(T) == 4);
      return read32(offset);
    }
  }

  template <class T, class Access>
    requires Access::writes
  void write(Reg<T, Access> reg, std::type_identity_t<T> value) {
    const u64 offset = reg.offset;
    if (direct_ != nullptr) [[likely]] {
      store<T>(offset, value);
      return;
    }
    if constexpr (sizeof(T) == 1) {
      write8(offset, value);
    } else if constexpr (sizeof(T) == 2) {
      write16(offset, value);
    } else {
      static_assert(sizeof(T) == 4);
      write32(offset, value);
    }
  }

 protected:
  MmioRegion() = default;
  // Registers that are memory to the processor, from that address on: read() and write() need not
  // ask whose they are.
  explicit MmioRegion(volatile std::byte* direct) : direct_(direct) {}

  template <class T>
  T load(u64 offset) const {
    const T value = *reinterpret_cast<const volatile T*>(direct_ + offset);
    order_after_status();
    return value;
  }
  template <class T>
  void store(u64 offset, T value) {
    auto* const at = reinterpret_cast<volatile T*>(direct_ + offset);
    order_before_notify();
    *at = value;
  }

 private:
  volatile std::byte* direct_ = nullptr;
};

}  // namespace sluice
