// Where the machine's memory is, and who has which part of it: what the device tree says, checked.
// Used by start-up, in the order of the functions of MemoryMap. All ranges are whole pages: memory
// is rounded inwards, what is taken outwards. What a tree says that cannot be is logged with the
// value and goes without; where nothing could work any more it is a panic that says so.
// Reference: Devicetree Specification 0.4, 3.4 (/memory), 3.5 (/reserved-memory), 5.3 (the memory
// reservation block); Linux's memblock.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/memory_usage.hpp>

namespace sluice {

struct AddressRange {
  u64 start = 0;
  u64 end = 0;  // behind its last byte
  u64 bytes() const { return end - start; }
  bool empty() const { return start >= end; }
  bool operator==(const AddressRange&) const = default;
};

constexpr AddressRange common_part(AddressRange a, AddressRange b) {
  const AddressRange both{a.start > b.start ? a.start : b.start, a.end < b.end ? a.end : b.end};
  return both.start < both.end ? both : AddressRange{};
}

// Ascending ranges, none of which touches another.
class RangeSet {
 public:
  static constexpr usize kMaxRanges = 64;

  // Joins it with what it overlaps or touches. False: there is no room.
  bool add(AddressRange range);
  // Takes a whole range of all() out.
  void remove(const AddressRange* range);

  std::span<const AddressRange> all() const { return {ranges_.data(), count_}; }
  u64 bytes() const;
  // Is all of it in the set?
  bool covers(AddressRange range) const;
  // Is any of it in the set?
  bool overlaps(AddressRange range) const;

  // Calls `use(AddressRange)` for each part of `within` that is not in the set, ascending.
  template <class Use>
  void for_each_gap(AddressRange within, Use use) const {
    for (const AddressRange& range : all()) {
      if (range.end <= within.start) {
        continue;
      }
      if (within.start >= within.end || range.start >= within.end) {
        break;
      }
      if (within.start < range.start) {
        use(AddressRange{within.start, range.start});
      }
      within.start = range.end;
    }
    if (within.start < within.end) {
      use(within);
    }
  }

 private:
  std::array<AddressRange, kMaxRanges> ranges_{};
  usize count_ = 0;
};

class MemoryMap {
 public:
  // The memory that `tree` names below `limit`, what paging can map; the image lies in it. Panics
  // where there is none.
  void find_memory(const fdt::Tree& tree, u64 limit, AddressRange image);
  // Is all of [start, end) memory?
  bool is_memory(u64 start, u64 end) const { return memory_.covers({start, end}); }

  // What the firmware and the tree reserve.
  void find_reserved(const fdt::Tree& tree, AddressRange image);
  // Gives a range to a holder, where it is memory and nobody has it yet.
  void take(AddressRange range, Holder holder);
  // Takes the device tree's place. Panics where that is the image's.
  void take_tree(AddressRange tree, AddressRange image);
  // Takes the initrd as /chosen gives it, in bytes; empty where there is none, or where it cannot
  // be there. After everything else but take_reserved().
  AddressRange take_initrd(const fdt::Tree& tree);
  void take_reserved();
  // Takes a free place. Panics where there is none.
  AddressRange take_free(u64 bytes, Holder holder);

  const RangeSet& memory() const { return memory_; }
  const RangeSet& reserved() const { return reserved_; }
  // From the first byte of memory to behind the last.
  AddressRange span() const { return {memory_.all().front().start, memory_.all().back().end}; }

  // Calls `use(AddressRange)` for all memory that is not in `set`.
  template <class Use>
  void for_each_beside(const RangeSet& set, Use use) const {
    for (const AddressRange& range : memory_.all()) {
      set.for_each_gap(range, use);
    }
  }
  template <class Use>
  void for_each_free(Use use) const {
    for_each_beside(taken_, use);
  }

 private:
  void add_memory(fdt::Range range, u64 limit);
  void drop_far_memory(AddressRange image);
  void reserve(fdt::Range range, AddressRange image);

  RangeSet memory_;
  RangeSet reserved_;  // by the firmware: not ours to touch or map
  RangeSet taken_;     // with what is reserved
};

}  // namespace sluice
