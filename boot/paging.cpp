// The mode of paging, and walking and filling the tables.
#include <sluice/boot/paging.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <sluice/boot/csr.hpp>
#include <sluice/boot/sbi.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/memory_usage.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice::boot {
namespace {

using namespace page_bits;

constexpr u32 kIndexBits = 9;
constexpr u32 kPageBits = 12;
constexpr u64 kEntries = u64{1} << kIndexBits;

struct Mode {
  std::string_view name;
  u32 levels;
  u64 satp;  // its MODE field
};
constexpr std::array<Mode, 3> kModes{{{"sv39", 3, u64{8} << 60},  // the one that is always there
                                      {"sv48", 4, u64{9} << 60},
                                      {"sv57", 5, u64{10} << 60}}};
constinit const Mode* mode = &kModes[0];
constinit PageTables* in_use = nullptr;

constexpr u64 bytes_at(u32 level) {
  return u64{1} << (kPageBits + level * kIndexBits);
}
constexpr u32 index_at(u64 address, u32 level) {
  return static_cast<u32>((address >> (kPageBits + level * kIndexBits)) & (kEntries - 1));
}
bool leads_on(u64 entry) {
  return (entry & (kValid | kLeaf)) == kValid;
}
u64* table_of(u64 entry) {
  return reinterpret_cast<u64*>(entry >> 10 << kPageBits);
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

void use_root(const Mode& with, const u64* root) {
  flush_own_translations();
  csr::write_satp(with.satp | reinterpret_cast<u64>(root) >> kPageBits);
  flush_own_translations();
}

// Does satp take the mode? One that is not there leaves it as it was. Of a mode with more than
// three levels the root's first entry spans this code, and all there is.
bool machine_has(const Mode& candidate) {
  alignas(kPageBytes) static constinit std::array<u64, kEntries> root{};
  root[0] = kLeaf | kValid | kAccessed | kDirty;
  use_root(candidate, root.data());
  const bool taken = csr::read_satp() != 0;
  csr::write_satp(0);
  flush_own_translations();
  return taken;
}

}  // namespace

void choose_paging_mode(std::string_view name) {
  const auto* const asked = std::ranges::find(kModes, name, &Mode::name);
  if (!name.empty() && asked == kModes.end()) {
    log::warning("mmu={}: no mode of paging; there are sv39, sv48 and sv57", name);
  }
  const u32 most = asked == kModes.end() ? kModes.back().levels : asked->levels;
  for (const Mode& candidate : kModes) {
    if (candidate.levels == kModes[0].levels ||
        (candidate.levels <= most && machine_has(candidate))) {
      mode = &candidate;
    }
  }
  if (asked != kModes.end() && asked != mode) {
    log::warning("mmu={}: this machine has no more than {}", name, mode->name);
  }
}

u64 address_limit() {
  return bytes_at(mode->levels) / 2;
}

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
  for (u32 at = mode->levels - 1; at > level; --at) {
    Entry& entry = table[index_at(address, at)];
    if ((entry & kLeaf) != 0) {
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
  if (start >= end || end > address_limit()) {
    return fail(Errc::Invalid);
  }
  const u64 flags = flags_for(access);
  while (start < end) {
    u32 level = 0;
    while (level + 1 < mode->levels && start % bytes_at(level + 1) == 0 &&
           end - start >= bytes_at(level + 1)) {
      ++level;
    }
    TRY(map_page(start, level, flags));
    start += bytes_at(level);
  }
  return {};
}

void PageTables::unmap(u64 start, u64 end) {
  for (u64 address = align_down(start, kPageBytes); address < end;) {
    const PageWalk walked = walk(address);
    const PageWalk::Step& last = walked.steps[walked.count - 1];
    const u64 bytes = walked.page_bytes();
    if (walked.mapped() && address % bytes == 0 && end - address >= bytes) {
      reinterpret_cast<Entry*>(last.table)[last.index] = 0;
    }
    address = align_down(address, bytes) + bytes;
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
  use_root(*mode, root_);
}

PageWalk PageTables::walk(u64 address) const {
  PageWalk walked{.levels = mode->levels};
  const u32 unused = 64 - kPageBits - mode->levels * kIndexBits;
  if (static_cast<i64>(address << unused) >> unused != static_cast<i64>(address)) {
    return walked;
  }
  const Entry* table = root_;
  while (walked.count < walked.levels) {
    const u32 index = index_at(address, walked.levels - 1 - walked.count);
    const Entry entry = table[index];
    walked.steps[walked.count++] = {reinterpret_cast<u64>(table), index, entry};
    if (!leads_on(entry)) {
      break;
    }
    table = table_of(entry);
  }
  return walked;
}

void PageTables::check_protection() const {
  check_table(root_, mode->levels - 1, 0);
}

void PageTables::check_table(const Entry* table, u32 level,
                             u64 address) {  // NOLINT(misc-no-recursion)
  constexpr u64 kBoth = kValid | kWrite | kExecute;
  for (u64 index = 0; index < kEntries; ++index) {
    const Entry entry = table[index];
    const u64 at = address + index * bytes_at(level);
    if (leads_on(entry)) {
      check_table(table_of(entry), level - 1, at);
    } else if ((entry & kBoth) == kBoth || (at == 0 && (entry & kValid) != 0)) {
      panic_with("page tables: the page at {:#x} is {}", at,
                 at == 0 ? "the null page, and mapped" : "writable and executable");
    }
  }
}

PageTables* page_tables() {
  return in_use;
}
void set_page_tables(PageTables& tables) {
  in_use = &tables;
}

}  // namespace sluice::boot

sluice::PageWalk sluice::port::walk_page_tables(u64 address) {
  return boot::in_use == nullptr ? PageWalk{} : boot::in_use->walk(address);
}
