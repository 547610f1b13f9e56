// From the device tree's nodes to devices.
#include <sluice/drivers/base/platform_bus.hpp>

#include <algorithm>
#include <memory>

#include <sluice/drivers/base/uevent.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::dev {
namespace {

// Of a list in the tree: every entry costs a search, and a tree may be megabytes of them.
constexpr u32 kMaxEntries = 64;

// Cell `index` of a property as part of a number of `cells` cells; 1 or 2, or 0 for the number 0.
std::optional<u64> cells_at(fdt::Node node, std::string_view property, u32 index, u32 cells) {
  u64 number = 0;
  for (u32 i = 0; i < cells; ++i) {
    const std::optional<u32> cell = node.cell_at(property, index + i);
    if (!cell || cells > 2) {
      return std::nullopt;
    }
    number = number << 32 | *cell;
  }
  return number;
}

// An address on `bus` as an address on the bus `above` it (2.3.8). Nothing where `ranges` does not
// lead there.
std::optional<u64> translate_once(fdt::Node bus, fdt::Node above, fdt::Range range) {
  const std::optional<fdt::Property> ranges = bus.property("ranges");
  if (!ranges) {
    return std::nullopt;
  }
  if (ranges->value.empty()) {
    return range.base;
  }
  const u32 child_cells = bus.cell("#address-cells").value_or(2);
  const u32 parent_cells = above.cell("#address-cells").value_or(2);
  const u32 size_cells = bus.cell("#size-cells").value_or(1);
  if (child_cells > 2 || parent_cells > 2 || size_cells > 2) {
    return std::nullopt;
  }
  const u32 entry = child_cells + parent_cells + size_cells;
  const usize cells = std::min<usize>(ranges->value.size() / 4, usize{entry} * kMaxEntries);
  for (u32 at = 0; entry > 0 && at + entry <= cells; at += entry) {
    const u64 child = cells_at(bus, "ranges", at, child_cells).value_or(0);
    const u64 parent = cells_at(bus, "ranges", at + child_cells, parent_cells).value_or(0);
    const u64 bytes =
        cells_at(bus, "ranges", at + child_cells + parent_cells, size_cells).value_or(0);
    const u64 inside = range.base - child;
    const u64 last = inside + (range.bytes > 0 ? range.bytes - 1 : 0);
    if (range.base >= child && inside < bytes && range.bytes <= bytes - inside &&
        parent + last >= parent) {
      return parent + inside;
    }
  }
  return std::nullopt;
}

// How many cells an interrupt of a controller has: 1 or 2, or nothing. Most devices have the same
// controller, and finding it takes a walk through the tree: the last answer is kept.
class InterruptCells {
 public:
  explicit InterruptCells(const fdt::Tree& tree) : tree_(tree) {}
  std::optional<u32> of(u32 phandle) {
    if (phandle != phandle_) {
      const std::optional<u32> cells = tree_.find_phandle(phandle).cell("#interrupt-cells");
      phandle_ = phandle;
      cells_ = cells == 1u || cells == 2u ? cells : std::nullopt;
    }
    return cells_;
  }

 private:
  const fdt::Tree& tree_;
  u32 phandle_ = 0;  // of no node
  std::optional<u32> cells_;
};

// Cell `at` of a property is the source, and the one behind it its trigger, where there are two.
bool add_irq(Device& device, u32 phandle, std::string_view property, u32 at, u32 cells) {
  if (device.irq_count == device.irqs.size()) {
    log::debug("{}: only its first {} interrupts are used", device.name(), device.irq_count);
    return false;
  }
  const fdt::Node node = device.node;
  const u32 trigger = cells > 1 ? node.cell_at(property, at + 1).value_or(0) : 0;
  device.irqs[device.irq_count++] = {phandle, node.cell_at(property, at).value_or(0),
                                     static_cast<irq::Trigger>(trigger)};
  return true;
}

// 2.4.1.2: a list of (controller, its cells).
void read_interrupts_extended(InterruptCells& interrupt_cells, Device& device) {
  for (u32 at = 0, entry = 0;; ++entry) {
    const std::optional<u32> phandle = device.node.cell_at("interrupts-extended", at);
    if (!phandle || entry == kMaxEntries) {
      return;
    }
    const std::optional<u32> cells = interrupt_cells.of(*phandle);
    const std::optional<u32> source = device.node.cell_at("interrupts-extended", at + 1);
    if (!cells || !source) {
      log::warning("{}: entry {} of interrupts-extended names no usable controller ({:#x})",
                   device.name(), at, *phandle);
      return;
    }
    // The way a controller's node says that it has no such context.
    const bool absent = *source == ~u32{0};
    if (!absent && !add_irq(device, *phandle, "interrupts-extended", at + 1, *cells)) {
      return;
    }
    at += 1 + *cells;
  }
}

// 2.4.1.1: a list of interrupts of one controller.
void read_interrupts(InterruptCells& interrupt_cells, Device& device) {
  const std::optional<u32> phandle = device.node.interrupt_parent();
  const u32 cells = phandle ? interrupt_cells.of(*phandle).value_or(0) : 0;
  if (phandle && !device.node.tree()->find_phandle(*phandle)) {
    // It never comes: the device waits for it, and says so.
    add_irq(device, *phandle, "interrupts", 0, 1);
    return;
  }
  if (cells == 0) {
    log::warning("{}: its interrupts are of no usable controller ({:#x})", device.name(),
                 phandle.value_or(0));
    return;
  }
  for (u32 at = 0;; at += cells) {
    if (!device.node.cell_at("interrupts", at) ||
        !add_irq(device, *phandle, "interrupts", at, cells)) {
      return;
    }
  }
}

// An address range of a node below `buses`, outermost first, as an address of the machine.
std::optional<u64> translate(std::span<const fdt::Node> buses, fdt::Range range) {
  for (usize at = buses.size(); at > 0; --at) {
    const fdt::Node bus = buses[at - 1];
    const fdt::Node above = at > 1 ? buses[at - 2] : bus.tree()->root();
    const std::optional<u64> base = translate_once(bus, above, range);
    if (!base) {
      return std::nullopt;
    }
    range.base = *base;
  }
  return range.base;
}

void read_registers(Device& device, std::span<const fdt::Node> buses) {
  for (u32 index = 0;; ++index) {
    const std::optional<fdt::Range> range = device.node.reg(index);
    if (!range && index == 0 && device.node.property("reg")) {
      const fdt::Node above = device.node.parent();
      log::warning("{}: its reg makes no sense with {} #address-cells and {} #size-cells",
                   device.name(), above.cell("#address-cells").value_or(2),
                   above.cell("#size-cells").value_or(1));
    }
    if (!range || range->bytes == 0) {
      return;
    }
    if (device.mmio_count == device.mmio.size()) {
      log::debug("{}: only its first {} register ranges are used", device.name(),
                 device.mmio_count);
      return;
    }
    const std::optional<u64> base = translate(buses, *range);
    if (!base) {
      log::warning("{}: registers at {:#x}, {} bytes: no `ranges` leads there", device.name(),
                   range->base, range->bytes);
      return;  // whatever follows would get another's index
    }
    device.mmio[device.mmio_count++] = {PhysAddr(*base), range->bytes};
  }
}

// The address stands before the name, so that the names of devices differ even where they are cut
// short.
void name_device(Sink& name, fdt::Node node, std::span<const fdt::Node> buses) {
  const std::string_view full = node.name();
  const usize at = full.find('@');
  if (at == std::string_view::npos) {
    name.put(full);
    return;
  }
  const std::optional<fdt::Range> range = node.reg(0);
  const std::optional<u64> base = range ? translate(buses, *range) : std::nullopt;
  if (base) {
    format_to(name, "{:x}.{}", *base, full.substr(0, at));
  } else {
    format_to(name, "{}.{}", full.substr(at + 1), full.substr(0, at));
  }
}

}  // namespace

// The buses above a node, outermost first, with their devices.
struct PlatformBus::Path {
  explicit Path(InterruptCells& cells) : interrupt_cells(cells) {}
  InterruptCells& interrupt_cells;
  std::array<fdt::Node, kMaxDepth> buses{};
  std::array<Device*, kMaxDepth> devices{};
  u32 depth = 0;
};

PlatformBus::~PlatformBus() {
  release_all();
  while (last_made_ != nullptr) {
    const std::unique_ptr<Owned> last(last_made_);
    last_made_ = last->previous;
    remove_device(*last);
  }
}

bool PlatformBus::match(const Device& device, const Driver& driver) const {
  if (!device.node) {
    const std::string_view name = device.name();
    return name.substr(0, name.find_last_not_of("0123456789") + 1) == driver.name();
  }
  // Only platform drivers come to this bus: Bus::add_driver checks.
  return device.node.is_compatible(static_cast<const PlatformDriver&>(driver).compatibles());
}

void PlatformBus::uevent(const Device& device, Uevent& event) const {
  std::array<char, 256> text{};
  BufferSink alias(text);
  if (device.node) {
    const std::string_view node_name = device.node.name();
    format_to(alias, "of:N{}T(null)", node_name.substr(0, node_name.find('@')));
    for (u32 i = 0; const auto compatible = device.node.text_at("compatible", i); ++i) {
      format_to(alias, "C{}", *compatible);
    }
  } else {
    format_to(alias, "platform:{}", device.name());
  }
  event.add("MODALIAS", alias.text());
}

Result<Device*> PlatformBus::make_device(fdt::Node node, Path& path) {
  if (made_ == kMaxDevices) {
    log::error("platform bus: more than {} devices: {} and what follows is left out", kMaxDevices,
               node.name());
    return fail(Errc::OutOfRange);
  }
  const std::span<const fdt::Node> buses(path.buses.data(), path.depth);
  std::array<char, 64> name{};
  BufferSink sink(name);
  name_device(sink, node, buses);
  Device* parent = path.depth > 0 ? path.devices[path.depth - 1] : nullptr;
  std::unique_ptr<Owned> device(new (std::nothrow) Owned(sink.text(), parent, last_made_));
  if (device == nullptr) {
    log::error("platform bus: no memory for {}", node.name());
    return fail(Errc::NoMemory);
  }
  device->node = node;
  read_registers(*device, buses);
  if (node.property("interrupts-extended")) {
    read_interrupts_extended(path.interrupt_cells, *device);
  } else if (node.property("interrupts")) {
    read_interrupts(path.interrupt_cells, *device);
  }
  TRY(add_device(*device));
  ++made_;
  last_made_ = device.release();
  return last_made_;
}

Result<void> PlatformBus::populate_children(fdt::Node bus, Path& path) {
  for (const fdt::Node node : bus.children()) {
    if (!node.enabled() || !node.property("compatible")) {
      continue;
    }
    const Result<Device*> device = make_device(node, path);
    if (!device && device.error() != Errc::Exists) {
      return fail(device.error());
    }
    if (!device || !node.is_compatible("simple-bus")) {
      continue;
    }
    if (path.depth == kMaxDepth) {
      log::error("platform bus: {}: buses nested deeper than {}; its devices are left out",
                 node.name(), kMaxDepth);
      continue;
    }
    path.buses[path.depth] = node;
    path.devices[path.depth] = *device;
    ++path.depth;
    const Result<void> below = populate_children(node, path);
    --path.depth;
    TRY(below);
  }
  return {};
}

// Null: what the phandle names is no device of populate().
Device* PlatformBus::find_by_phandle(u32 phandle) const {
  for (Owned* device = last_made_; device != nullptr; device = device->previous) {
    if (device->node.cell("phandle") == phandle) {
      return device;
    }
  }
  return nullptr;
}

// Once all are there: a controller may stand behind its devices in the tree.
Result<void> PlatformBus::link_controllers() {
  u32 last_phandle = 0;  // of no node; most devices have the same controller
  Device* controller = nullptr;
  for (Owned* device = last_made_; device != nullptr; device = device->previous) {
    for (const IrqResource& irq : std::span(device->irqs).first(device->irq_count)) {
      if (irq.controller_phandle != last_phandle) {
        last_phandle = irq.controller_phandle;
        controller = find_by_phandle(last_phandle);
      }
      if (controller == nullptr) {
        continue;
      }
      const Result<void> added = device->add_supplier(*controller, "its interrupt controller");
      if (!added && added.error() == Errc::NoMemory) {
        return added;
      }
    }
  }
  return {};
}

Result<void> PlatformBus::populate(const fdt::Tree& tree) {
  InterruptCells interrupt_cells(tree);
  Path path(interrupt_cells);
  const Result<void> populated = populate_children(tree.root(), path);
  const Result<void> linked = link_controllers();
  return populated ? linked : populated;
}

}  // namespace sluice::dev
