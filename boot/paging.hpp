// Page tables: Sv39, Sv48 or Sv57, virtual addresses equal physical ones, nothing both writable and
// executable. Used by start-up; drivers reach map_device through the port (device_memory.cpp).
// Reference: RISC-V privileged architecture 1.12, 4.4 to 4.6.
#pragma once

#include <string_view>

#include <sluice/kernel/page_allocator.hpp>
#include <sluice/kernel/page_walk.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::boot {

// The mode with the most levels that the machine has, or the one of that name ("sv39", "sv48",
// "sv57"; empty: none is asked for). What cannot be had is logged. Once, before all that follows.
void choose_paging_mode(std::string_view name);
// From here on nothing can be mapped: the lower half of the address space is all that an identity
// map can hold.
u64 address_limit();

enum class Access : u8 { Read, ReadWrite, ReadExecute };

class PageTables {
 public:
  // Takes table pages from `pages` as they are needed.
  Result<void> init(PageAllocator& pages);

  // Maps whole pages of [start, end), none of which is mapped, with the largest pages that fit.
  // NoMemory; Invalid: something is mapped there, or the range is beyond address_limit().
  Result<void> map(u64 start, u64 end, Access access);
  // Takes the pages that lie in [start, end) out again; a large one that is only partly in it
  // stays.
  void unmap(u64 start, u64 end);
  // What was mapped and unmapped holds on every hart from now on.
  static void flush();

  // Switches translation on, on this hart.
  void activate() const;

  // What translation of `address` goes through.
  PageWalk walk(u64 address) const;
  // Panics where a page is both writable and executable, or the null page is mapped.
  void check_protection() const;

 private:
  using Entry = u64;
  Entry* make_table();  // empty; null where there is no memory
  static void check_table(const Entry* table, u32 level, u64 address);
  Result<void> map_page(u64 address, u32 level, u64 flags);

  PageAllocator* pages_ = nullptr;
  Entry* root_ = nullptr;
};

// The tables that are in use; null before paging is on.
PageTables* page_tables();
void set_page_tables(PageTables& tables);

}  // namespace sluice::boot
