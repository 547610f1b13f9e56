// From the device tree's memory nodes to a page allocator and page tables.
#include <sluice/boot/memory.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

#include <sluice/boot/backtrace.hpp>
#include <sluice/boot/paging.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/kernel/memory_map.hpp>
#include <sluice/kernel/memory_usage.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice_port.hpp>

extern "C" {
extern std::byte __image_start[], __text_end[], __rodata_end[], __bss_start[], __bss_end[],
    __boot_stack_guard[], __names[];
}

namespace sluice {
namespace boot {
namespace {

constinit PageAllocator pages;
constinit Heap small_pieces(pages);
constinit PageTables tables;
constinit MemoryMap map;
constinit std::span<std::byte> initrd_bytes;
constexpr AddressRange kNullPage{0, kPageBytes};
constinit AddressRange image;  // with the stacks that are used

u64 address_of(const std::byte* symbol) {
  return reinterpret_cast<u64>(symbol);
}

// What backtraces are told with: behind the image, and empty where it has none.
AddressRange names() {
  const u64 start = align_down(address_of(__names), kPageBytes);
  const usize bytes = name_table_bytes().size();
  return {start, bytes == 0 ? start : align_up(address_of(__names) + bytes, kPageBytes)};
}

void take_image() {
  map.take({address_of(__image_start), address_of(__text_end)}, Holder::Text);
  map.take({address_of(__text_end), address_of(__rodata_end)}, Holder::ReadOnlyData);
  map.take({address_of(__rodata_end), address_of(__bss_start)}, Holder::Data);
  map.take({address_of(__bss_start), address_of(__bss_end)}, Holder::Bss);
  map.take({address_of(__bss_end), image.end}, Holder::Stacks);
  map.take(names(), Holder::Names);
}

void fill_allocator() {
  const AddressRange span = map.span();
  const usize count = static_cast<usize>(span.bytes() / kPageBytes);
  auto* const table = reinterpret_cast<u8*>(map.take_free(count, Holder::PageMap).start);
  std::memset(table, 0, count);
  pages.init(reinterpret_cast<std::byte*>(span.start), {table, count});
  map.for_each_free([](AddressRange free) {
    pages.free(reinterpret_cast<void*>(free.start), free.bytes() / kPageBytes);
  });
  memory_usage::set_sources(map.memory().bytes(), pages, small_pieces);
}

void must_map(u64 start, u64 end, Access access) {
  if (start >= end) {
    return;
  }
  if (const Result<void> mapped = tables.map(start, end, access); !mapped) {
    panic_with("cannot map {:#x} to {:#x}: {}", start, end, to_string(mapped.error()));
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

// What the firmware keeps stays out, and the image has been mapped.
void map_memory(AddressRange tree) {
  const AddressRange kept_names = names();
  RangeSet holes = map.reserved();
  for (const AddressRange& hole : {image, kNullPage, tree, kept_names}) {
    if (!holes.add(hole)) {
      panic("device tree: too many pieces of reserved memory");
    }
  }
  map.for_each_beside(
      holes, [](AddressRange range) { must_map(range.start, range.end, Access::ReadWrite); });
  must_map(tree.start, tree.end, Access::Read);
  must_map(kept_names.start, kept_names.end, Access::Read);
}

}  // namespace

void find_memory(const fdt::Tree& tree, u32 harts) {
  used_stack_slots = harts;
  image = {address_of(__image_start), trap_stack_of(harts - 1).top};
  map.find_memory(tree, address_limit(), image);
}

bool is_memory(u64 start, u64 end) {
  return map.is_memory(start, end);
}

void set_up_memory(const fdt::Tree& tree, u64 tree_address, u32 harts) {
  map.find_reserved(tree, image);
  take_image();
  map.take_tree({tree_address, tree_address + tree.bytes()}, image);
  map.take(kNullPage, Holder::Reserved);
  const AddressRange initrd = map.take_initrd(tree);
  initrd_bytes = {reinterpret_cast<std::byte*>(initrd.start), static_cast<usize>(initrd.bytes())};
  map.take_reserved();
  fill_allocator();
  if (!tables.init(pages)) {
    panic("too little memory for page tables");
  }
  map_image(harts);
  map_memory(
      {align_down(tree_address, kPageBytes), align_up(tree_address + tree.bytes(), kPageBytes)});
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
