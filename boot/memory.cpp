// From the device tree's memory nodes to a page allocator and page tables.
#include <sluice/boot/memory.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <sluice/boot/backtrace.hpp>
#include <sluice/boot/paging.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice_port.hpp>

extern "C" {
extern std::byte __image_start[], __text_end[], __rodata_end[], __boot_stack_guard[], __names[];
}

namespace sluice {
namespace boot {
namespace {

struct Extent {
  u64 start;
  u64 end;
};

// A handful of address ranges. One that was left out could be given away although it is not free,
// so that a tree that names more than fit ends here.
class ExtentList {
 public:
  static constexpr usize kMaxExtents = 64;

  void add(u64 start, u64 bytes, std::string_view what) {
    if (bytes == 0 || start + bytes < start) {
      log::error("device tree: {} at {:#x} of {:#x} bytes makes no sense; ignored", what, start,
                 bytes);
    } else if (count_ == kMaxExtents) {
      panic_with("device tree: more than {} ranges; there is no room for {} at {:#x}", kMaxExtents,
                 what, start);
    } else {
      // Nothing beyond the limit is ever used; below it no rounding to pages overflows.
      extents_[count_++] = {std::min(start, address_limit()),
                            std::min(start + bytes, address_limit())};
    }
  }
  std::span<Extent> all() { return {extents_.data(), count_}; }

 private:
  std::array<Extent, kMaxExtents> extents_{};
  usize count_ = 0;
};

constinit PageAllocator pages;
constinit Heap small_pieces(pages);
constinit PageTables tables;
constinit ExtentList memory;
constinit ExtentList firmware;  // reserved by the firmware: not ours to touch or map
constinit ExtentList taken;     // mapped, but not free: image, tree, initrd
constinit std::span<std::byte> initrd_bytes;
constinit u64 image_end = 0;  // with the stacks that are used

u64 address_of(const std::byte* symbol) {
  return reinterpret_cast<u64>(symbol);
}

void find_reserved(const fdt::Tree& tree) {
  for (u32 i = 0; tree.reserved(i); ++i) {
    firmware.add(tree.reserved(i)->base, tree.reserved(i)->bytes, "reserved memory");
  }
  for (fdt::Node node : tree.find("/reserved-memory").children()) {
    for (u32 i = 0; node.reg(i); ++i) {
      firmware.add(node.reg(i)->base, node.reg(i)->bytes, "reserved memory");
    }
  }
}

bool overlaps(const Extent& extent, u64 start, u64 end) {
  return start < extent.end && extent.start < end;
}

void find_initrd(const fdt::Tree& tree) {
  const fdt::Node chosen = tree.find("/chosen");
  const std::optional<u64> start = chosen.number("linux,initrd-start");
  const std::optional<u64> end = chosen.number("linux,initrd-end");
  if (!start || !end || *start == *end) {
    return;
  }
  const auto is_taken = [=](const Extent& extent) { return overlaps(extent, *start, *end); };
  if (*start > *end || !is_memory(*start, *end) ||
      std::any_of(taken.all().begin(), taken.all().end(), is_taken) ||
      std::any_of(firmware.all().begin(), firmware.all().end(), is_taken)) {
    log::error(
        "device tree: /chosen puts the initrd at {:#x} to {:#x}, which is not free memory; ignored",
        *start, *end);
    return;
  }
  taken.add(*start, *end - *start, "initrd");
  initrd_bytes = {reinterpret_cast<std::byte*>(*start), static_cast<usize>(*end - *start)};
}

// Calls `use(start, end)` for each part of [start, end) that no extent of `list` covers. Rounds to
// whole pages, inwards for what is left over.
template <class Use>
void for_each_gap(std::span<Extent> list, u64 start, u64 end, Use use) {
  u64 from = align_up(start, kPageBytes);
  end = align_down(end, kPageBytes);
  while (from < end) {
    u64 to = end;
    u64 next = end;
    for (const Extent& extent : list) {
      const u64 extent_start = align_down(extent.start, kPageBytes);
      const u64 extent_end = align_up(extent.end, kPageBytes);
      if (extent_start <= from && extent_end > from) {
        to = from;
        next = extent_end;
        break;
      }
      if (extent_start > from && extent_start < to) {
        to = extent_start;
        next = extent_end;
      }
    }
    if (from < to) {
      use(from, to);
    }
    from = next;
  }
}

// A run of free memory for the allocator's own table.
std::byte* place_table(usize bytes) {
  std::byte* place = nullptr;
  for (const Extent& extent : memory.all()) {
    for_each_gap(taken.all(), extent.start, extent.end, [&](u64 from, u64 to) {
      if (place == nullptr && to - from >= bytes) {
        place = reinterpret_cast<std::byte*>(from);
      }
    });
  }
  if (place == nullptr) {
    panic_with("too little memory: no {} free bytes for the page allocator's table", bytes);
  }
  taken.add(reinterpret_cast<u64>(place), bytes, "page table of the allocator");
  return place;
}

void fill_allocator() {
  const u64 first = align_down(memory.all().front().start, kPageBytes);
  u64 last = first;
  for (const Extent& extent : memory.all()) {
    last = std::max(last, align_up(extent.end, kPageBytes));
  }
  const usize count = static_cast<usize>((last - first) / kPageBytes);
  std::byte* table = place_table(count);
  std::memset(table, 0, count);
  pages.init(reinterpret_cast<std::byte*>(first), {reinterpret_cast<u8*>(table), count});
  u64 free_up_to = 0;  // memory nodes may overlap: nothing is given away twice
  for (const Extent& extent : memory.all()) {
    for_each_gap(taken.all(), std::max(extent.start, free_up_to), extent.end, [](u64 from, u64 to) {
      pages.free(reinterpret_cast<void*>(from), (to - from) / kPageBytes);
    });
    free_up_to = std::max(free_up_to, extent.end);
  }
}

void must_map(u64 start, u64 end, Access access) {
  if (start < end && !tables.map(start, end, access)) {
    panic_with("cannot map {:#x} to {:#x}: out of memory, or mapped twice", start, end);
  }
}

void map_image(u32 harts) {
  must_map(address_of(__image_start), address_of(__text_end), Access::ReadExecute);
  must_map(address_of(__text_end), address_of(__rodata_end), Access::Read);
  must_map(address_of(__rodata_end), address_of(__boot_stack_guard), Access::ReadWrite);
  for (u32 slot = 0; slot < harts; ++slot) {
    must_map(stack_of(slot).bottom, stack_of(slot).top, Access::ReadWrite);
    must_map(trap_stack_of(slot).bottom, trap_stack_of(slot).top, Access::ReadWrite);
  }
}

void map_memory(u64 tree_start, u64 tree_end) {
  std::array<Extent, ExtentList::kMaxExtents + 4> holes{};
  usize count = 0;
  for (const Extent& extent : firmware.all()) {
    holes[count++] = extent;
  }
  holes[count++] = {address_of(__image_start), image_end};
  holes[count++] = {0, kPageBytes};
  holes[count++] = {tree_start, tree_end};
  const Extent names{address_of(__names), address_of(__names) + name_table_bytes().size()};
  holes[count++] = names;
  u64 mapped_up_to = 0;
  for (const Extent& extent : memory.all()) {
    for_each_gap({holes.data(), count}, std::max(extent.start, mapped_up_to), extent.end,
                 [](u64 from, u64 to) { must_map(from, to, Access::ReadWrite); });
    mapped_up_to = std::max(mapped_up_to, extent.end);
  }
  must_map(tree_start, tree_end, Access::Read);
  must_map(names.start, names.end, Access::Read);
}

}  // namespace

void find_memory(const fdt::Tree& tree) {
  for (fdt::Node node : tree.root().children()) {
    if (node.text("device_type") != "memory" || !node.enabled()) {
      continue;
    }
    for (u32 i = 0; node.reg(i); ++i) {
      const fdt::Range range = *node.reg(i);
      if (range.base >= address_limit() || range.bytes > address_limit() - range.base) {
        log::error(
            "device tree: memory at {:#x} of {:#x} bytes is beyond what can be mapped; ignored",
            range.base, range.bytes);
        continue;
      }
      memory.add(range.base, range.bytes, "memory");
    }
  }
  if (memory.all().empty()) {
    panic("device tree: no usable memory node (device_type = \"memory\" with a reg)");
  }
  std::sort(memory.all().begin(), memory.all().end(),
            [](const Extent& a, const Extent& b) { return a.start < b.start; });
}

bool is_memory(u64 start, u64 end) {
  return std::any_of(memory.all().begin(), memory.all().end(), [=](const Extent& extent) {
    return start >= extent.start && end <= extent.end;
  });
}

void set_up_memory(const fdt::Tree& tree, u64 tree_address, u32 harts) {
  image_end = trap_stack_of(harts - 1).top;
  find_reserved(tree);
  if (!is_memory(address_of(__image_start), image_end)) {
    panic_with("device tree: the memory nodes do not hold the image at {:#x} to {:#x}",
               address_of(__image_start), image_end);
  }
  const u64 tree_start = align_down(tree_address, kPageBytes);
  const u64 tree_end = align_up(tree_address + tree.bytes(), kPageBytes);
  taken.add(address_of(__image_start), image_end - address_of(__image_start), "image");
  taken.add(tree_start, tree_end - tree_start, "device tree");
  if (!name_table_bytes().empty()) {
    taken.add(address_of(__names), name_table_bytes().size(), "names");
  }
  taken.add(0, kPageBytes, "null page");
  find_initrd(tree);
  for (const Extent& extent : firmware.all()) {
    taken.add(extent.start, extent.end - extent.start, "reserved memory");
  }
  fill_allocator();
  if (!tables.init(pages)) {
    panic("too little memory for page tables");
  }
  map_image(harts);
  map_memory(tree_start, tree_end);
  tables.activate();
  set_page_tables(tables);
  tables.check_protection();
}

std::span<std::byte> initrd() {
  return initrd_bytes;
}
PageAllocator& page_allocator() {
  return pages;
}
Heap& heap() {
  return small_pieces;
}

}  // namespace boot

namespace port {

std::byte* allocate_pages(usize count) {
  return static_cast<std::byte*>(boot::pages.allocate(count));
}
void free_pages(std::byte* pages, usize count) {
  boot::pages.free(pages, count);
}

Result<DmaBlock> dma_allocate(usize bytes, usize alignment, u64 mask) {
  if (bytes == 0 || !std::has_single_bit(alignment)) {
    return fail(Errc::Invalid);
  }
  // A run of pages is aligned to its own size rounded up; more than that asks for more pages.
  const usize count = std::max(pages_for(bytes), pages_for(alignment));
  auto* data = static_cast<std::byte*>(boot::pages.allocate(count));
  if (data == nullptr) {
    return fail(Errc::NoMemory);
  }
  const u64 start = reinterpret_cast<u64>(data);
  if (start + bytes - 1 > mask) {
    boot::pages.free(data, count);
    return fail(Errc::OutOfRange);
  }
  return DmaBlock{data, BusAddr(start), count * kPageBytes};
}

void dma_free(const DmaBlock& block) {
  boot::pages.free(block.data, pages_for(block.bytes));
}

}  // namespace port
}  // namespace sluice
