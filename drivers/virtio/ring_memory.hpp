// How the rings reach the memory that they share with a device. Used by SplitQueue and PackedQueue.
#pragma once

#include <bit>
#include <new>

#include <sluice/kernel/dma.hpp>
#include <sluice/kernel/endian.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::virtio {

// Le<T> is a T in memory: what the other side reads or writes meanwhile is accessed once, whole,
// where it stands here.
template <class T>
T read_shared(const Le<T>& field) {
  static_assert(std::endian::native == std::endian::little && sizeof(field) == sizeof(T));
  port::before_shared_access(&field, sizeof(field), false);
  return *reinterpret_cast<const volatile T*>(&field);
}
template <class T>
void write_shared(Le<T>& field, T value) {
  static_assert(std::endian::native == std::endian::little && sizeof(field) == sizeof(T));
  port::before_shared_access(&field, sizeof(field), true);
  *reinterpret_cast<volatile T*>(&field) = value;
}

// Objects of type T in DMA memory, zero as they were allocated.
template <class T>
T* objects_at(const DmaBuffer& memory, u32 offset, u32 count) {
  SLUICE_ASSERT(offset + count * sizeof(T) <= memory.bytes().size());
  return std::launder(reinterpret_cast<T*>(memory.bytes().data() + offset));
}

static_assert(static_cast<u32>(dma::Direction::ToDevice) == 0 &&
              static_cast<u32>(dma::Direction::FromDevice) == 1);

// How much of a piece the device writes; without a branch, as it is asked for each.
constexpr u32 writable_part(u32 bytes, dma::Direction direction) {
  return bytes & -static_cast<u32>(direction);
}

}  // namespace sluice::virtio
