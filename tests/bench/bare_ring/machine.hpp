// What the bare ring needs of QEMU's virt machine: serial line, clock, power switch, words of the
// command line. Used by bare_ring.cpp only. Reference: QEMU, "virt" generic virtual platform.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace machine {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u64 kUart = 0x1000'0000;
constexpr u64 kFinisher = 0x10'0000;
constexpr u64 kTickNs = 100;

inline volatile u32& reg(u64 address) {
  return *reinterpret_cast<volatile u32*>(address);
}

inline void fence() {
  asm volatile("fence rw, rw" ::: "memory");
}

inline u64 ticks() {
  u64 now;
  asm volatile("rdtime %0" : "=r"(now));
  return now;
}

inline void print(std::string_view text) {
  volatile u8* uart = reinterpret_cast<volatile u8*>(kUart);
  for (const char c : text) {
    while ((uart[5] & 0x20) == 0) {
    }
    uart[0] = static_cast<u8>(c);
  }
}

inline void print(std::string_view name, u64 value, u32 base = 10) {
  char digits[20];
  char* first = std::end(digits);
  do {
    *--first = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  print(name);
  print({first, std::end(digits)});
}

[[noreturn]] inline void end(u32 status) {
  reg(kFinisher) = status << 16 | 0x3333;
  while (true) {
  }
}

[[noreturn]] inline void fail(std::string_view why) {
  print(why);
  end(1);
}

// The number behind a word of the command line. The tree is not parsed: its bytes are searched.
inline u64 number(std::string_view tree, std::string_view word, u64 low, u64 high) {
  const char* at = std::search(tree.begin(), tree.end(), word.begin(), word.end());
  u64 value = 0;
  if (at != tree.end()) {
    for (at += word.size(); *at >= '0' && *at <= '9' && value < high; ++at) {
      value = value * 10 + static_cast<u64>(*at - '0');
    }
  }
  return std::clamp(value, low, high);
}

}  // namespace machine
