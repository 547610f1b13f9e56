// Bytes of which most are zero: those that were written stand in pages, the others nowhere.
// Used by ImageBuilder and SparseDevice for volumes of gigabytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <span>
#include <stdexcept>

#include <sluice/kernel/types.hpp>

namespace sluice::test {

class SparseBytes {
 public:
  u64 size() const { return size_; }
  // Growing adds zeroes; what lies beyond a smaller size is not reachable, but not forgotten.
  void resize(u64 bytes) { size_ = bytes; }

  std::byte at(u64 place) const {
    std::byte byte;
    read(place, {&byte, 1});
    return byte;
  }

  // Both throw where the range leaves the bytes.
  void write(u64 place, std::span<const std::byte> from) {
    check(place, from.size());
    while (!from.empty()) {
      Page& page = pages_[place / kPageBytes];  // a new one is zero
      const u64 count = left_in_page(place, from.size());
      std::memcpy(&page[place % kPageBytes], from.data(), count);
      place += count;
      from = from.subspan(count);
    }
  }
  void read(u64 place, std::span<std::byte> to) const {
    check(place, to.size());
    while (!to.empty()) {
      const auto page = pages_.find(place / kPageBytes);
      const u64 count = left_in_page(place, to.size());
      if (page == pages_.end()) {
        std::memset(to.data(), 0, count);
      } else {
        std::memcpy(to.data(), &page->second[place % kPageBytes], count);
      }
      place += count;
      to = to.subspan(count);
    }
  }

 private:
  static constexpr u64 kPageBytes = 4096;
  using Page = std::array<std::byte, kPageBytes>;

  static u64 left_in_page(u64 place, u64 wanted) {
    return std::min(kPageBytes - place % kPageBytes, wanted);
  }
  void check(u64 place, u64 bytes) const {
    if (place > size_ || bytes > size_ - place) {
      throw std::out_of_range("beyond the end of an image");
    }
  }

  u64 size_ = 0;
  std::map<u64, Page> pages_;
};

}  // namespace sluice::test
