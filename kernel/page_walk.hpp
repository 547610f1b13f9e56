// What the page tables say of an address, level by level: for `pt`, and for the report of a fault.
// Any context. Reference: RISC-V privileged architecture 1.12, 4.3.1 (entries), 4.3.2
// (translation).
#pragma once

#include <array>
#include <span>

#include <sluice/kernel/types.hpp>

namespace sluice {

// Bits of an entry. One with none of read, write and execute leads to the next table.
namespace page_bits {
inline constexpr u64 kValid = 1, kRead = 2, kWrite = 4, kExecute = 8, kUser = 16, kGlobal = 32,
                     kAccessed = 64, kDirty = 128;
inline constexpr u64 kLeaf = kRead | kWrite | kExecute;
}  // namespace page_bits

struct PageWalk {
  static constexpr u32 kMaxLevels = 5;  // Sv57
  struct Step {
    u64 table;  // its physical address
    u32 index;  // of the entry in it
    u64 entry;
    u64 next() const { return entry >> 10 << 12; }  // the table, or the page, that it leads to
  };

  u32 levels = 0;  // 3: Sv39, 4: Sv48, 5: Sv57; 0: translation is off
  // Of the steps that were taken, the root's first; 0: no address of the mode's, whose upper bits
  // are all the same.
  u32 count = 0;
  std::array<Step, kMaxLevels> steps{};

  // The entry at which the walk ended; 0 where there is none.
  u64 last_entry() const { return count == 0 ? 0 : steps[count - 1].entry; }
  bool mapped() const { return (last_entry() & page_bits::kValid) != 0; }
  // Of the page in which the walk ended, or of what the last entry spans.
  u64 page_bytes() const { return u64{1} << (12 + 9 * (levels - count)); }
};

}  // namespace sluice
