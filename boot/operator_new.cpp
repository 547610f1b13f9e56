// operator new and delete over the kernel's heap. Without exceptions, the throwing forms panic
// where memory is out: a program that can go on without uses new (std::nothrow).
#include <new>

#include <sluice/boot/memory.hpp>
#include <sluice/kernel/panic.hpp>

namespace {

void* allocate_or_panic(std::size_t bytes, std::size_t alignment) {
  void* memory = sluice::boot::heap().allocate(bytes, alignment);
  if (memory == nullptr) {
    sluice::panic_with("operator new: out of memory for {} bytes", bytes);
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return sluice::boot::heap().allocate(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return sluice::boot::heap().allocate(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return sluice::boot::heap().allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return sluice::boot::heap().allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes) {
  return allocate_or_panic(bytes, 16);
}
void* operator new[](std::size_t bytes) {
  return allocate_or_panic(bytes, 16);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_panic(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_panic(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete[](void* memory) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  sluice::boot::heap().free(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  sluice::boot::heap().free(memory);
}
