// Page tables: Sv39, virtual addresses equal physical ones, nothing both writable and executable.
// Used by start-up; drivers reach map_device through the port.
// Reference: RISC-V privileged architecture 1.12, 4.4.
#pragma once

#include <sluice/kernel/page_allocator.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::boot {

inline constexpr u64 kAddressLimit = u64{1}
                                     << 38;  // Sv39's lower half: all that an identity map can hold

enum class Access : u8 { Read, ReadWrite, ReadExecute };

class PageTables {
 public:
  // Takes table pages from `pages` as they are needed.
  Result<void> init(PageAllocator& pages);

  // Maps whole pages of [start, end), none of which is mapped, with the largest pages that fit.
  // NoMemory; Invalid: something is mapped there, or the range is beyond kAddressLimit.
  Result<void> map(u64 start, u64 end, Access access);
  // Takes 4 KiB pages of [start, end), mapped as such, out again.
  void unmap(u64 start, u64 end);
  // What was mapped and unmapped holds on every hart from now on.
  static void flush();

  // Switches translation on, on this hart.
  void activate() const;

 private:
  using Entry = u64;
  Entry* make_table();  // empty; null where there is no memory
  Result<void> map_page(u64 address, u32 level, u64 flags);

  PageAllocator* pages_ = nullptr;
  Entry* root_ = nullptr;
};

// Where map_device maps: set once paging is on.
void set_page_tables(PageTables& tables);

}  // namespace sluice::boot
