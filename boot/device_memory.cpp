// Device registers as mapped regions: the port's map_device.
#include <algorithm>
#include <new>

#include <sluice/boot/paging.hpp>
#include <sluice/kernel/list.hpp>
#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/mmio.hpp>

namespace sluice::boot {
namespace {

constexpr u64 kMaxDeviceBytes = 64 * 1024 * 1024;  // of one device: the largest PLIC

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

// Up to where no region touches a page, from `page` on.
u64 end_of_untouched(u64 page, u64 end) {
  while (page < end && !any_region_touches(page)) {
    page += kPageBytes;
  }
  return page;
}

Result<void> map_run(u64 start, u64 end) {
  return start < end ? page_tables()->map(start, end, Access::ReadWrite) : Result<void>{};
}

// What no other region touches.
void unmap_pages(u64 start, u64 end) {
  for (u64 page = start; page < end;) {
    const u64 run_end = end_of_untouched(page, end);
    page_tables()->unmap(page, run_end);
    page = run_end + kPageBytes;
  }
}

Result<void> map_region(DeviceRegion& region) {
  const LockGuard guard(regions_lock);
  for (u64 page = region.first_page(); page < region.end_page();) {
    const u64 end = end_of_untouched(page, region.end_page());
    if (const Result<void> mapped = map_run(page, end); !mapped) {
      unmap_pages(region.first_page(), page);
      return mapped;
    }
    page = end + kPageBytes;
  }
  page_tables()->flush();
  device_regions.push_back(region);
  return {};
}

void unmap_region(DeviceRegion& region) {
  const LockGuard guard(regions_lock);
  device_regions.remove(region);
  unmap_pages(region.first_page(), region.end_page());
  page_tables()->flush();
}

}  // namespace
}  // namespace sluice::boot

namespace sluice::port {

using boot::DeviceRegion;

Result<MmioRegion*> map_device(PhysAddr base, u64 bytes) {
  const u64 end = base.value() + bytes;
  // Page 0 stays unmapped, and what a tree calls a register is never memory.
  if (bytes == 0 || bytes > boot::kMaxDeviceBytes || end < base.value() ||
      end > boot::address_limit() || base.value() < kPageBytes) {
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
