// The machine's memory: what the device tree says there is, less what is taken; page tables over
// it, and the heap. Used by start-up.
#pragma once

#include <span>

#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/heap.hpp>
#include <sluice/kernel/page_allocator.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::boot {

// Finds memory in the tree. Panics where it names none, or none beneath the image and the stacks of
// `harts` harts. The first to be called.
void find_memory(const fdt::Tree& tree, u32 harts);
// Is all of [start, end) memory?
bool is_memory(u64 start, u64 end);

// Gives the free part of memory to the page allocator, switches paging on. Panics, naming what is
// missing, where that cannot be done. `tree` lies in memory and stays readable, and can no longer
// be written. Stacks are kept for `harts` harts.
void set_up_memory(const fdt::Tree& tree, u64 tree_address, u32 harts);

// The initrd's bytes, as /chosen gives them; empty where there is none or where it lies outside
// memory (logged).
std::span<std::byte> initrd();

PageAllocator& page_allocator();
Heap& heap();

}  // namespace sluice::boot
