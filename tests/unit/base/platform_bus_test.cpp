// The platform bus: which nodes become devices, with which names and resources, and who drives
// them.
#include "tests/catch.hpp"

#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/machine.hpp"

#include <string>
#include <vector>

using namespace sluice;
using test::LogLines;
using test::Machine;
using test::TreeBuilder;

namespace {

class NamedDriver final : public dev::PlatformDriver {
 public:
  NamedDriver(std::string_view name, std::vector<std::string_view> compatibles)
      : PlatformDriver(name), compatibles_(std::move(compatibles)) {}
  std::span<const std::string_view> compatibles() const override { return compatibles_; }
  Result<void> probe(dev::Device& device) override {
    probed += std::string(device.name()) + " ";
    return {};
  }
  std::string probed;

 private:
  std::vector<std::string_view> compatibles_;
};

std::vector<std::string> names(const dev::Bus& bus) {
  std::vector<std::string> names;
  for (const dev::Device& device : bus.devices()) {
    names.emplace_back(device.name());
  }
  return names;
}

// A root with an interrupt controller of `cells` cells, phandle 3.
TreeBuilder with_controller(u32 cells) {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2}).cells("interrupt-parent", {3});
  build.begin("plic@c000000")
      .text("compatible", "plic")
      .cells("phandle", {3})
      .cells("#interrupt-cells", {cells})
      .end();
  return build;
}

}  // namespace

TEST_CASE(
    "platform bus: enabled nodes with a compatible become devices, in the tree's order, named as "
    "Linux does") {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.begin("memory@80000000").cells("reg", {0, 0x80000000, 0, 0x1000}).end();
  build.begin("poweroff").text("compatible", "syscon-poweroff").end();
  build.begin("soc").cells("#address-cells", {2}).cells("#size-cells", {2});
  build.texts("compatible", {"vendor,soc", "simple-bus"}).raw("ranges", "");
  build.begin("virtio_mmio@10008000")
      .text("compatible", "virtio,mmio")
      .cells("reg", {0, 0x10008000, 0, 0x1000})
      .end();
  build.begin("virtio_mmio@10007000")
      .text("compatible", "virtio,mmio")
      .cells("reg", {0, 0x10007000, 0, 0x1000});
  build.text("status", "disabled").end();
  build.begin("odd@7").text("compatible", "odd").end();
  build.end();
  build.begin("pci@30000000")
      .text("compatible", "pci")
      .begin("inside@0")
      .text("compatible", "x")
      .end()
      .end();
  Machine machine(build.finish());
  REQUIRE(machine.bus.populate(machine.tree));
  CHECK(names(machine.bus) == std::vector<std::string>{"poweroff", "soc", "10008000.virtio_mmio",
                                                       "7.odd", "30000000.pci"});
  const dev::Device& slot = *machine.bus.find_device("10008000.virtio_mmio");
  CHECK(slot.parent() == machine.bus.find_device("soc"));
  CHECK(slot.mmio_count == 1);
  CHECK(slot.mmio[0].base == PhysAddr(0x10008000));
  CHECK(slot.mmio[0].bytes == 0x1000);
  CHECK(slot.node.name() == "virtio_mmio@10008000");
  CHECK(machine.bus.find_device("poweroff")->parent() == nullptr);
}

TEST_CASE("platform bus: addresses are translated through the ranges of every bus above") {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.begin("outer")
      .text("compatible", "simple-bus")
      .cells("#address-cells", {1})
      .cells("#size-cells", {1});
  build.cells("ranges", {0x0, 0x1, 0x0, 0x1000, 0x10000, 0x2, 0x0, 0x10000});
  build.begin("inner")
      .text("compatible", "simple-bus")
      .cells("#address-cells", {1})
      .cells("#size-cells", {1});
  build.cells("ranges", {0x100, 0x10200, 0x100});
  build.begin("dev@110").text("compatible", "x").cells("reg", {0x110, 0x10}).end();
  build.begin("dev@1f1").text("compatible", "x").cells("reg", {0x1f1, 0x10}).end();
  build.end();
  build.begin("near@8").text("compatible", "x").cells("reg", {0x8, 0x10}).end();
  build.begin("dark")
      .text("compatible", "simple-bus")
      .cells("#address-cells", {1})
      .cells("#size-cells", {1});
  build.begin("dev@0").text("compatible", "x").cells("reg", {0, 0x10}).end();
  build.end().end();
  Machine machine(build.finish());
  LogLines lines;
  REQUIRE(machine.bus.populate(machine.tree));
  REQUIRE(machine.bus.find_device("200000210.dev") != nullptr);
  CHECK(machine.bus.find_device("200000210.dev")->mmio[0].base == PhysAddr(0x200000210));
  REQUIRE(machine.bus.find_device("100000008.near") != nullptr);
  // One that reaches past its bus's window, and one whose bus has no window.
  REQUIRE(machine.bus.find_device("1f1.dev") != nullptr);
  CHECK(machine.bus.find_device("1f1.dev")->mmio_count == 0);
  CHECK(machine.bus.find_device("0.dev")->mmio_count == 0);
  CHECK(lines.has("1f1.dev: registers at 0x1f1, 16 bytes"));
}

TEST_CASE("platform bus: of a list of ranges only the first 64 are tried") {
  for (const u32 before : {63u, 64u}) {
    TreeBuilder build;
    build.cells("#address-cells", {1}).cells("#size-cells", {1});
    build.begin("soc").text("compatible", "simple-bus");
    build.cells("#address-cells", {1}).cells("#size-cells", {1});
    TreeBuilder::Cells ranges(before * 3, 0);
    ranges.insert(ranges.end(), {0x100, 0x5000, 0x100});
    build.cells("ranges", ranges);
    build.begin("x@100").text("compatible", "x").cells("reg", {0x100, 0x10}).end().end();
    Machine machine(build.finish());
    REQUIRE(machine.bus.populate(machine.tree));
    const dev::Device* device = machine.bus.find_device(before == 63 ? "5000.x" : "100.x");
    REQUIRE(device != nullptr);
    CHECK(device->mmio_count == (before == 63 ? 1 : 0));
  }
}

TEST_CASE("platform bus: of a list of interrupts only the first 64 entries are looked at") {
  for (const u32 before : {63u, 64u}) {
    TreeBuilder build = with_controller(1);
    TreeBuilder::Cells entries;
    for (u32 i = 0; i < before; ++i) {
      entries.insert(entries.end(), {3, ~0u});
    }
    entries.insert(entries.end(), {3, 7});
    build.begin("x").text("compatible", "x").cells("interrupts-extended", entries).end();
    Machine machine(build.finish());
    REQUIRE(machine.bus.populate(machine.tree));
    CHECK(machine.bus.find_device("x")->irq_count == (before == 63 ? 1 : 0));
  }
}

TEST_CASE(
    "platform bus: a range that begins before the last address and ends behind it leads nowhere") {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.begin("soc").text("compatible", "simple-bus");
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.cells("ranges", {0, 0, ~0u, 0xffff'f000, 0, 0x10'0000});
  build.begin("x@e00").text("compatible", "x").cells("reg", {0, 0xe00, 0, 0x200}).end();
  build.begin("y@f00").text("compatible", "y").cells("reg", {0, 0xf00, 0, 0x200}).end().end();
  Machine machine(build.finish());
  REQUIRE(machine.bus.populate(machine.tree));
  const dev::Device* last = machine.bus.find_device("fffffffffffffe00.x");
  REQUIRE(last != nullptr);
  CHECK(last->mmio_count == 1);
  const dev::Device* beyond = machine.bus.find_device("f00.y");
  REQUIRE(beyond != nullptr);
  CHECK(beyond->mmio_count == 0);
}

TEST_CASE("platform bus: a reg that cannot be read is told with the cells that it is read by") {
  for (const u32 cells : {0u, 5u}) {
    TreeBuilder build;
    build.cells("#address-cells", {cells}).cells("#size-cells", {2});
    build.begin("x@1").text("compatible", "x").cells("reg", {0, 1, 0, 1}).end();
    const LogLines log;
    Machine machine(build.finish());
    REQUIRE(machine.bus.populate(machine.tree));
    CHECK(machine.bus.find_device("1.x")->mmio_count == 0);
    CHECK(log.has("1.x: its reg makes no sense with " + std::to_string(cells) +
                  " #address-cells and 2 #size-cells"));
  }
}

TEST_CASE("platform bus: a device keeps its first four register ranges, and its first interrupts") {
  TreeBuilder build = with_controller(1);
  build.begin("x@0").text("compatible", "x");
  TreeBuilder::Cells reg;
  for (u32 i = 0; i < 6; ++i) {
    reg.insert(reg.end(), {0, i * 0x1000, 0, 0x100});
  }
  build.cells("reg", reg).cells("interrupts", {1, 2, 3, 4, 5, 6}).end();
  const LogLines log;
  Machine machine(build.finish());
  REQUIRE(machine.bus.populate(machine.tree));
  const dev::Device* device = machine.bus.find_device("0.x");
  REQUIRE(device != nullptr);
  CHECK(device->mmio_count == 4);
  CHECK(device->mmio[3].base == PhysAddr(0x3000));
  CHECK(device->irq_count == 4);
  CHECK(device->irqs[3].source == 4);
  CHECK(log.has("0.x: only its first 4 register ranges are used"));
}

TEST_CASE("platform bus: interrupts are read for controllers of one and of two cells") {
  for (const u32 cells : {1u, 2u}) {
    INFO(cells << " cells");
    TreeBuilder build = with_controller(cells);
    build.begin("a@1").text("compatible", "x").cells("interrupts", {5, 6, 7, 8, 9, 10}).end();
    Machine machine(build.finish());
    REQUIRE(machine.bus.populate(machine.tree));
    const dev::Device& device = *machine.bus.find_device("1.a");
    CHECK(device.irq_count == (cells == 1 ? 4 : 3));
    CHECK(device.irqs[0].controller_phandle == 3);
    CHECK(device.irqs[0].source == 5);
    CHECK(device.irqs[1].source == (cells == 1 ? 6 : 7));
  }
}

TEST_CASE("platform bus: interrupts of no usable controller leave the device without, and say so") {
  TreeBuilder build = with_controller(3);
  build.begin("three@1").text("compatible", "x").cells("interrupts", {5, 6, 7}).end();
  Machine machine(build.finish());
  LogLines lines;
  REQUIRE(machine.bus.populate(machine.tree));
  CHECK(machine.bus.find_device("1.three")->irq_count == 0);
  CHECK(lines.has("1.three: its interrupts are of no usable controller (0x3)"));
}

TEST_CASE("platform bus: a device waits for an interrupt controller that the tree lacks, by name") {
  TreeBuilder build;
  build.begin("lost@2").text("compatible", "x");
  build.cells("interrupt-parent", {99}).cells("interrupts", {5}).end();
  Machine machine(build.finish());
  REQUIRE(machine.bus.populate(machine.tree));
  dev::Device& device = *machine.bus.find_device("2.lost");
  REQUIRE(device.irq_count == 1);
  CHECK(device.irqs[0].controller_phandle == 99);
  const Result<void> asked = device.request_irq(0, [](void*) {}, nullptr);
  REQUIRE_FALSE(asked);
  CHECK(asked.error() == Errc::Defer);
  CHECK(device.reason() == "waits for its interrupt controller, which the device tree lacks");
}

TEST_CASE(
    "platform bus: interrupts-extended names a controller for each, and wins over interrupts") {
  TreeBuilder build = with_controller(2);
  build.begin("intc").cells("phandle", {4}).cells("#interrupt-cells", {1}).end();
  build.begin("a@1")
      .text("compatible", "x")
      .cells("interrupts", {1, 1})
      .cells("interrupts-extended", {4, 9, 3, 8, 4, 4, 7});
  build.end();
  build.begin("b@2")
      .text("compatible", "x")
      .cells("interrupts-extended", {4, ~0u, 4, 9, 5, 1})
      .end();
  Machine machine(build.finish());
  LogLines lines;
  REQUIRE(machine.bus.populate(machine.tree));
  const dev::Device& a = *machine.bus.find_device("1.a");
  REQUIRE(a.irq_count == 3);
  CHECK(a.irqs[0].controller_phandle == 4);
  CHECK(a.irqs[0].source == 9);
  CHECK(a.irqs[1].controller_phandle == 3);
  CHECK(a.irqs[1].source == 8);
  CHECK(a.irqs[2].source == 7);
  REQUIRE(machine.bus.find_device("2.b")->irq_count == 1);
  CHECK(machine.bus.find_device("2.b")->irqs[0].source == 9);
  CHECK(lines.has("2.b"));
}

TEST_CASE("platform bus: any of a node's compatible strings matches a driver") {
  TreeBuilder build;
  build.begin("plic@1").texts("compatible", {"sifive,plic-1.0.0", "riscv,plic0"}).end();
  build.begin("uart@2").text("compatible", "ns16550a").end();
  Machine machine(build.finish());
  NamedDriver plic("plic", {"thead,plic", "riscv,plic0"});
  NamedDriver prefix("prefix", {"ns16550", "sifive,plic"});
  REQUIRE(dev::add_driver(prefix));
  REQUIRE(machine.bus.populate(machine.tree));
  REQUIRE(dev::add_driver(plic));
  CHECK(plic.probed == "1.plic ");
  CHECK(prefix.probed == "");
  machine.bus.remove_driver(plic);
  machine.bus.remove_driver(prefix);
}

TEST_CASE("platform bus: a device without a node matches by its name without trailing digits") {
  Machine machine(TreeBuilder().begin("ram@1").text("compatible", "ram").end().finish());
  NamedDriver ram("ram", {});
  REQUIRE(dev::add_driver(ram));
  REQUIRE(machine.bus.populate(machine.tree));
  dev::Device ram0("ram0", nullptr), ram12("ram12", nullptr), ramdisk("ramdisk0", nullptr),
      digits("0", nullptr);
  for (dev::Device* device : {&ram0, &ram12, &ramdisk, &digits}) {
    REQUIRE(machine.bus.add_device(*device));
  }
  CHECK(ram.probed == "ram0 ram12 ");
  for (dev::Device* device : {&ram0, &ram12, &ramdisk, &digits}) {
    machine.bus.remove_device(*device);
  }
  machine.bus.remove_driver(ram);
}

TEST_CASE("platform bus: two nodes of one name are one device, and the other is named") {
  TreeBuilder build;
  build.begin("reboot").text("compatible", "a").end().begin("reboot").text("compatible", "b").end();
  build.begin("after").text("compatible", "c").end();
  Machine machine(build.finish());
  LogLines lines;
  REQUIRE(machine.bus.populate(machine.tree));
  CHECK(names(machine.bus) == std::vector<std::string>{"reboot", "after"});
  CHECK(lines.has("reboot"));
}

TEST_CASE(
    "platform bus: more devices than it takes, and buses nested too deeply, are bounded and "
    "named") {
  TreeBuilder many;
  for (u32 i = 0; i < dev::PlatformBus::kMaxDevices + 5; ++i) {
    many.begin("dev" + std::to_string(i)).text("compatible", "x").end();
  }
  {
    Machine machine(many.finish());
    LogLines lines;
    CHECK(machine.bus.populate(machine.tree).error() == Errc::OutOfRange);
    CHECK(names(machine.bus).size() == dev::PlatformBus::kMaxDevices);
    CHECK(lines.has("more than 256 devices: dev256"));
  }
  TreeBuilder deep;
  for (u32 i = 0; i < 12; ++i) {
    deep.begin("bus" + std::to_string(i)).text("compatible", "simple-bus");
  }
  for (u32 i = 0; i < 12; ++i) {
    deep.end();
  }
  Machine machine(deep.finish());
  LogLines lines;
  REQUIRE(machine.bus.populate(machine.tree));
  CHECK(names(machine.bus).size() == 9);
  CHECK(lines.has("bus8: buses nested deeper than 8"));
}
