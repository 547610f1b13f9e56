// Walking and filling the page tables, and device registers as mapped regions.
#include <sluice/boot/paging.hpp>

#include <algorithm>
#include <cstring>
#include <new>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/sbi.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/list.hpp>
#include <sluice/kernel/memory_usage.hpp>
#include <sluice/kernel/mmio.hpp>

namespace sluice::boot {
namespace {

constexpr u32 kIndexBits = 9;
constexpr u32 kPageBits = 12;
constexpr u64 kEntries = u64{1} << kIndexBits;
constexpr u64 kMaxDeviceBytes = 64 * 1024 * 1024;  // of one device: the largest PLIC
constexpr u64 kSatpSv39 = u64{8} << 60;

// Bits of an entry.
constexpr u64 kValid = 1, kRead = 2, kWrite = 4, kExecute = 8, kGlobal = 32, kAccessed = 64,
              kDirty = 128;
constexpr u64 kLeafBits = kRead | kWrite | kExecute;

constexpr u64 bytes_at(u32 level) {
  return u64{1} << (kPageBits + level * kIndexBits);
}
constexpr u64 index_at(u64 address, u32 level) {
  return (address >> (kPageBits + level * kIndexBits)) & (kEntries - 1);
}
u64* table_of(u64 entry) {
  return reinterpret_cast<u64*>((entry >> 10) << kPageBits);
}
u64 entry_for(const void* table) {
  return (reinterpret_cast<u64>(table) >> kPageBits) << 10 | kValid;
}

u64 flags_for(Access access) {
  switch (access) {
    case Access::Read:
      return kRead;
    case Access::ReadWrite:
      return kRead | kWrite | kDirty;
    case Access::ReadExecute:
      return kRead | kExecute;
  }
  return 0;
}

void flush_own_translations() {
  asm volatile("sfence.vma" ::: "memory");
}

}  // namespace

Result<void> PageTables::init(PageAllocator& pages) {
  pages_ = &pages;
  root_ = make_table();
  return root_ != nullptr ? Result<void>{} : fail(Errc::NoMemory);
}

PageTables::Entry* PageTables::make_table() {
  void* const page = pages_->allocate(1);
  if (page == nullptr) {
    return nullptr;
  }
  memory_usage::hold(Holder::PageTables, kPageBytes);
  return static_cast<Entry*>(std::memset(page, 0, kPageBytes));
}

Result<void> PageTables::map_page(u64 address, u32 level, u64 flags) {
  Entry* table = root_;
  for (u32 at = 2; at > level; --at) {
    Entry& entry = table[index_at(address, at)];
    if ((entry & kLeafBits) != 0) {
      return fail(Errc::Invalid);
    }
    if ((entry & kValid) == 0) {
      const Entry* const next = make_table();
      if (next == nullptr) {
        return fail(Errc::NoMemory);
      }
      entry = entry_for(next);
    }
    table = table_of(entry);
  }
  Entry& leaf = table[index_at(address, level)];
  if ((leaf & kValid) != 0) {
    return fail(Errc::Invalid);
  }
  leaf = (address >> kPageBits) << 10 | flags | kValid | kGlobal | kAccessed;
  return {};
}

Result<void> PageTables::map(u64 start, u64 end, Access access) {
  start = align_down(start, kPageBytes);
  end = align_up(end, kPageBytes);
  if (start >= end || end > kAddressLimit) {
    return fail(Errc::Invalid);
  }
  const u64 flags = flags_for(access);
  while (start < end) {
    u32 level = 2;
    while (level > 0 && (start % bytes_at(level) != 0 || end - start < bytes_at(level))) {
      --level;
    }
    TRY(map_page(start, level, flags));
    start += bytes_at(level);
  }
  return {};
}

void PageTables::unmap(u64 start, u64 end) {
  for (u64 address = align_down(start, kPageBytes); address < end; address += kPageBytes) {
    Entry* table = root_;
    for (u32 level = 2; level > 0 && table != nullptr; --level) {
      const Entry entry = table[index_at(address, level)];
      table = (entry & kValid) != 0 && (entry & kLeafBits) == 0 ? table_of(entry) : nullptr;
    }
    if (table != nullptr) {
      table[index_at(address, 0)] = 0;
    }
  }
}

// That a page was not mapped may be remembered, too.
void PageTables::flush() {
  flush_own_translations();
  if (hart_count() > 1) {
    sbi::fence_translations_everywhere();
  }
}

void PageTables::activate() const {
  flush_own_translations();
  csr::write_satp(kSatpSv39 | reinterpret_cast<u64>(root_) >> kPageBits);
  flush_own_translations();
}

namespace {

PageTables* page_tables = nullptr;

// Registers of a device, mapped. Two devices may share a page.
class DeviceRegion final : public MmioRegion, public ListNode<> {
 public:
  DeviceRegion(u64 base, u64 bytes)
      : MmioRegion(reinterpret_cast<volatile std::byte*>(base)), base_(base), bytes_(bytes) {}
  u64 bytes() const override { return bytes_; }
  u64 first_page() const { return align_down(base_, kPageBytes); }
  u64 end_page() const { return align_up(base_ + bytes_, kPageBytes); }
  bool touches(u64 page) const { return page >= first_page() && page < end_page(); }

  u8 read8(u64 offset) override { return load<u8>(offset); }
  u16 read16(u64 offset) override { return load<u16>(offset); }
  u32 read32(u64 offset) override { return load<u32>(offset); }
  void write8(u64 offset, u8 value) override { store(offset, value); }
  void write16(u64 offset, u16 value) override { store(offset, value); }
  void write32(u64 offset, u32 value) override { store(offset, value); }

 private:
  u64 base_;
  u64 bytes_;
};

constinit SpinLock regions_lock;  // protects the next, and the tables from then on
constinit List<DeviceRegion> device_regions;

bool any_region_touches(u64 page) {
  return std::any_of(device_regions.begin(), device_regions.end(),
                     [page](const DeviceRegion& region) { return region.touches(page); });
}

// Pages that no other region touches.
void unmap_pages(u64 start, u64 end) {
  for (u64 page = start; page < end; page += kPageBytes) {
    if (!any_region_touches(page)) {
      page_tables->unmap(page, page + kPageBytes);
    }
  }
}

Result<void> map_region(DeviceRegion& region) {
  const LockGuard guard(regions_lock);
  for (u64 page = region.first_page(); page < region.end_page(); page += kPageBytes) {
    if (any_region_touches(page)) {
      continue;
    }
    if (const Result<void> mapped = page_tables->map(page, page + kPageBytes, Access::ReadWrite);
        !mapped) {
      unmap_pages(region.first_page(), page);
      return mapped;
    }
  }
  page_tables->flush();
  device_regions.push_back(region);
  return {};
}

void unmap_region(DeviceRegion& region) {
  const LockGuard guard(regions_lock);
  device_regions.remove(region);
  unmap_pages(region.first_page(), region.end_page());
  page_tables->flush();
}

}  // namespace

void set_page_tables(PageTables& tables) {
  page_tables = &tables;
}

}  // namespace sluice::boot

namespace sluice::port {

using boot::DeviceRegion;

Result<MmioRegion*> map_device(PhysAddr base, u64 bytes) {
  const u64 end = base.value() + bytes;
  // Page 0 stays unmapped, and what a tree calls a register is never memory.
  if (bytes == 0 || bytes > boot::kMaxDeviceBytes || end < base.value() ||
      end > boot::kAddressLimit || base.value() < kPageBytes) {
    return fail(Errc::OutOfRange);
  }
  auto* region = new (std::nothrow) DeviceRegion(base.value(), bytes);
  if (region == nullptr) {
    return fail(Errc::NoMemory);
  }
  if (const Result<void> mapped = boot::map_region(*region); !mapped) {
    delete region;
    return fail(mapped.error());
  }
  return region;
}

void unmap_device(MmioRegion* mapped) {
  auto* region = static_cast<DeviceRegion*>(mapped);
  boot::unmap_region(*region);
  delete region;
}

}  // namespace sluice::port
