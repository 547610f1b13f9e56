// The host's port: a test process as a machine of some harts, which run one after the other in one
// thread, with a manual clock and a DMA arena, or the clock and the memory of a device elsewhere.
// See kernel/port/README.md for what each name promises; tests control it through world.hpp.
#pragma once

#include <atomic>

#include <sluice/kernel/port/functions.hpp>

namespace sluice::port {

template <class T>
void store_relaxed(std::atomic<T>& to, T value) {
  to.store(value, std::memory_order_relaxed);
}
template <class T>
void store_release(std::atomic<T>& to, T value) {
  to.store(value, std::memory_order_release);
}

inline constexpr bool kDmaUnmaps = true;

// A test that looks on: it is called before each access by read_shared() and write_shared(), at
// each fence, and when a caller's memory is taken back from the device. One at a time.
enum class Fence : u8 { RwO, IRw, RwW, RRw, RwRw };
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void before_access(const void* at, usize bytes, bool is_write) = 0;
  virtual void fence(Fence kind) = 0;
  virtual void before_take_back() = 0;
};
inline Watcher* watcher = nullptr;

inline void before_shared_access(const void* at, usize bytes, bool is_write) {
  if (watcher != nullptr) [[unlikely]] {
    watcher->before_access(at, bytes, is_write);
  }
}

// A device model in the same thread would be content with less; one in another process is not.
template <Fence kKind>
void fence(std::memory_order order) {
  std::atomic_thread_fence(order);
  if (watcher != nullptr) [[unlikely]] {
    watcher->fence(kKind);
  }
}
inline void fence_rw_o() {
  fence<Fence::RwO>(std::memory_order_seq_cst);
}
inline void fence_i_rw() {
  fence<Fence::IRw>(std::memory_order_seq_cst);
}
inline void fence_rw_w() {
  fence<Fence::RwW>(std::memory_order_release);
}
inline void fence_r_rw() {
  fence<Fence::RRw>(std::memory_order_acquire);
}
inline void fence_rw_rw() {
  fence<Fence::RwRw>(std::memory_order_seq_cst);
}

bool irq_save();
void irq_restore(bool were_on);
void relax();  // the test fails where nobody can end the loop that calls it
Hart& this_hart();
u64 ticks();
void idle();
u64 imsic_read(u32 select);
void imsic_write(u32 select, u64 value);
u32 imsic_claim();

bool dma_map(std::byte* data, u32 bytes, DmaDirection direction, u64 mask, BusAddr& bus,
             Errc& error);
void dma_unmap(BusAddr bus, std::byte* data, u32 bytes, DmaDirection direction);

}  // namespace sluice::port
