// Sets of ranges, and what a tree may say of memory.
#include <sluice/kernel/memory_map.hpp>

#include <algorithm>

#include <sluice/kernel/log.hpp>
#include <sluice/kernel/panic.hpp>

namespace sluice {
namespace {

// The page allocator has a byte for each page between the first and the last: memory that lies so
// far off that this takes more than a sixteenth of all memory is not worth it.
constexpr u64 kMostOfPageMap = 16;

// Outwards; the last page of all addresses cannot be told from nothing, and is nobody's.
AddressRange whole_pages_around(u64 start, u64 bytes) {
  const u64 last = align_down(~u64{0}, kPageBytes);
  const u64 end = bytes > last - std::min(start, last) ? last : align_up(start + bytes, kPageBytes);
  return {align_down(start, kPageBytes), end};
}

AddressRange whole_pages_around(AddressRange range) {
  return whole_pages_around(range.start, range.bytes());
}

void must_add(RangeSet& set, AddressRange range, std::string_view what) {
  // One that was left out could be given away although it is not free.
  if (!set.add(range)) {
    panic_with("device tree: more than {} ranges; there is no room for {} at {:#x}",
               RangeSet::kMaxRanges, what, range.start);
  }
}

// Calls `use(fdt::Range)` for each range of the node's `reg`.
template <class Use>
void for_each_range(fdt::Node node, Use use) {
  const std::optional<fdt::Property> reg = node.property("reg");
  const usize most = reg ? reg->value.size() / sizeof(u32) : 0;
  for (u32 i = 0; i < most; ++i) {
    if (const std::optional<fdt::Range> range = node.reg(i)) {
      use(*range);
    } else if (i == 0 || node.reg(i + 1)) {
      log::error("device tree: {}: entry {} of its reg makes no sense; ignored", node.name(), i);
    }
  }
}

}  // namespace

bool RangeSet::add(AddressRange range) {
  if (range.empty()) {
    return true;
  }
  auto* const begin = ranges_.data();
  auto* const end = begin + count_;
  auto* const first =
      std::find_if(begin, end, [&](const AddressRange& other) { return other.end >= range.start; });
  auto* const behind =
      std::find_if(first, end, [&](const AddressRange& other) { return other.start > range.end; });
  if (first == behind) {
    if (count_ == kMaxRanges) {
      return false;
    }
    std::move_backward(first, end, end + 1);
    ++count_;
    *first = range;
    return true;
  }
  *first = {std::min(first->start, range.start), std::max((behind - 1)->end, range.end)};
  std::move(behind, end, first + 1);
  count_ -= static_cast<usize>(behind - first) - 1;
  return true;
}

void RangeSet::remove(const AddressRange* range) {
  auto* const at = ranges_.data() + (range - ranges_.data());
  std::move(at + 1, ranges_.data() + count_, at);
  --count_;
}

u64 RangeSet::bytes() const {
  u64 sum = 0;
  for (const AddressRange& range : all()) {
    sum += range.bytes();
  }
  return sum;
}

bool RangeSet::covers(AddressRange range) const {
  return std::ranges::any_of(all(), [&](const AddressRange& own) {
    return range.start >= own.start && range.end <= own.end && range.start <= range.end;
  });
}

bool RangeSet::overlaps(AddressRange range) const {
  return std::ranges::any_of(
      all(), [&](const AddressRange& own) { return !common_part(own, range).empty(); });
}

void MemoryMap::add_memory(fdt::Range range, u64 limit) {
  const u64 room = limit - std::min(range.base, limit);
  if (range.bytes > room) {
    log::error(
        "device tree: of memory at {:#x} ({:#x} bytes) nothing beyond {:#x} can be mapped; "
        "that part goes unused",
        range.base, range.bytes, limit);
    range.bytes = room;
  }
  const AddressRange pages{align_up(range.base, kPageBytes),
                           align_down(range.base + range.bytes, kPageBytes)};
  if (range.bytes == 0 || pages.empty()) {
    log::warning("device tree: memory at {:#x} has no whole page; it goes unused", range.base);
  } else if (memory_.overlaps(pages)) {
    log::warning(
        "device tree: memory at {:#x} ({:#x} bytes) is named twice, in part; it counts once",
        range.base, range.bytes);
  }
  if (!memory_.add(pages)) {
    log::error(
        "device tree: more than {} pieces of memory; that at {:#x} ({:#x} bytes) goes unused",
        RangeSet::kMaxRanges, range.base, range.bytes);
  }
}

void MemoryMap::drop_far_memory(AddressRange image) {
  while (memory_.all().size() > 1 &&
         span().bytes() / kPageBytes > memory_.bytes() / kMostOfPageMap) {
    const bool last = memory_.all().back().start >= image.end;
    const AddressRange& far = last ? memory_.all().back() : memory_.all().front();
    log::error(
        "device tree: memory at {:#x} ({:#x} bytes) is too far from the rest to keep track "
        "of; it goes unused",
        far.start, far.bytes());
    memory_.remove(&far);
  }
}

void MemoryMap::find_memory(const fdt::Tree& tree, u64 limit, AddressRange image) {
  for (const fdt::Node node : tree.root().children()) {
    if (node.text("device_type") != "memory" || !node.enabled()) {
      continue;
    }
    for_each_range(node, [&](fdt::Range range) { add_memory(range, limit); });
  }
  if (memory_.all().empty()) {
    panic("device tree: no usable memory node (device_type = \"memory\" with a reg)");
  }
  drop_far_memory(image);
  if (!memory_.covers(image)) {
    panic_with(
        "device tree: the memory nodes do not hold the image at {:#x} to {:#x}: the machine "
        "has too little memory, or the image is linked for another",
        image.start, image.end);
  }
}

void MemoryMap::reserve(fdt::Range range, AddressRange image) {
  if (range.bytes == 0) {
    log::warning("device tree: 0 bytes of reserved memory at {:#x}; ignored", range.base);
    return;
  }
  const AddressRange pages = whole_pages_around(range.base, range.bytes);
  if (!common_part(pages, image).empty()) {
    log::error(
        "device tree: reserved memory at {:#x} ({:#x} bytes) covers part of the image at "
        "{:#x} to {:#x}, which cannot give way: reserve something else, or link it elsewhere",
        range.base, range.bytes, image.start, image.end);
  }
  must_add(reserved_, pages, "reserved memory");
}

void MemoryMap::find_reserved(const fdt::Tree& tree, AddressRange image) {
  for (u32 i = 0; const std::optional<fdt::Range> range = tree.reserved(i); ++i) {
    reserve(*range, image);
  }
  for (const fdt::Node node : tree.find("/reserved-memory").children()) {
    for_each_range(node, [&](fdt::Range range) { reserve(range, image); });
  }
}

void MemoryMap::take(AddressRange range, Holder holder) {
  range = whole_pages_around(range);
  for (const AddressRange& memory : memory_.all()) {
    taken_.for_each_gap(common_part(memory, range),
                        [holder](AddressRange part) { memory_usage::hold(holder, part.bytes()); });
  }
  must_add(taken_, range, to_string(holder));
}

void MemoryMap::take_tree(AddressRange tree, AddressRange image) {
  if (!common_part(whole_pages_around(tree), image).empty()) {
    panic_with(
        "device tree: it lies at {:#x} to {:#x}, within the image's {:#x} to {:#x}: the "
        "machine has too little memory, or the tree must be loaded elsewhere",
        tree.start, tree.end, image.start, image.end);
  }
  take(tree, Holder::DeviceTree);
}

AddressRange MemoryMap::take_initrd(const fdt::Tree& tree) {
  const fdt::Node chosen = tree.find("/chosen");
  const std::optional<u64> start = chosen.number("linux,initrd-start");
  const std::optional<u64> end = chosen.number("linux,initrd-end");
  if (!start || !end || *start == *end) {
    return {};
  }
  const AddressRange range{*start, *end};
  std::string_view trouble;
  if (*start > *end) {
    trouble = "ends before it begins";
  } else if (!memory_.covers(range)) {
    trouble = "is not all memory";
  } else if (taken_.overlaps(whole_pages_around(range))) {
    trouble = "overlaps the image or the device tree";
  } else if (reserved_.overlaps(range)) {
    trouble = "overlaps reserved memory";
  } else {
    take(range, Holder::Initrd);
    return range;
  }
  log::error(
      "device tree: /chosen puts the initrd at {:#x} to {:#x}, which {}; it is left out: more "
      "memory, or another place for it, helps",
      *start, *end, trouble);
  return {};
}

void MemoryMap::take_reserved() {
  for (const AddressRange& range : reserved_.all()) {
    take(range, Holder::Reserved);
  }
}

AddressRange MemoryMap::take_free(u64 bytes, Holder holder) {
  AddressRange place;
  for_each_free([&](AddressRange free) {
    if (place.empty() && free.bytes() >= bytes) {
      place = {free.start, free.start + bytes};
    }
  });
  if (place.empty()) {
    panic_with("too little memory: no {} free bytes for the {}", bytes, to_string(holder));
  }
  take(place, holder);
  return place;
}

}  // namespace sluice
