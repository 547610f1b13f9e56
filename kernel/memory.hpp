// Whole pages of memory, for who needs more than a few bytes: the RAM disk, programs' buffers.
// Smaller things come from `new (std::nothrow)`. Task and work context; never irq.
#pragma once

#include <memory>

#include <sluice/kernel/types.hpp>
#include <sluice_port.hpp>

namespace sluice {

inline constexpr usize kPageBytes = 4096;
constexpr usize pages_for(u64 bytes) {
  return static_cast<usize>((bytes + kPageBytes - 1) / kPageBytes);
}

struct PageDeleter {
  usize count = 0;
  void operator()(std::byte* pages) const;
};

// A run of adjacent pages, page-aligned, given back on destruction; null where there were none.
using Pages = std::unique_ptr<std::byte[], PageDeleter>;

// `count` adjacent pages, not zeroed.
Pages allocate_pages(usize count);

}  // namespace sluice
