// Fuzzes the device tree, from its bytes to the devices of the platform bus and their drivers: a
// tree that is taken is the one that libfdt reads, everything that can be asked of it is answered
// within its bytes, and what the bus makes of it is bounded and goes again.
//
// Input: a flattened tree. One that the reader does not take is then a script for a tree that is
// well-formed and makes no sense otherwise (fdt_script.hpp).
#include <array>
#include <list>
#include <vector>

#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/irqchip/aplic.hpp>
#include <sluice/drivers/irqchip/imsic.hpp>
#include <sluice/drivers/irqchip/plic.hpp>
#include <sluice/drivers/power/syscon_power.hpp>
#include <sluice/drivers/serial/ns16550a.hpp>
#include <sluice/kernel/endian.hpp>
#include <sluice/kernel/log.hpp>

#include "fdt_script.hpp"
#include "input.hpp"
#include "require.hpp"
#include "tests/port/world.hpp"
#include "tests/unit/base/fake_aia.hpp"
#include "tests/unit/kernel/libfdt_oracle.hpp"

namespace sluice::fuzz {
namespace {

using Blob = std::vector<std::byte>;

// As many registers as the tree says, whose values are no help.
class Registers final : public MmioRegion {
 public:
  explicit Registers(u64 bytes) : bytes_(bytes) {}
  u64 bytes() const override { return bytes_; }
  u8 read8(u64 offset) override { return at<u8>(offset), u8{0xff}; }
  u16 read16(u64 offset) override { return at<u16>(offset), u16{0xffff}; }
  u32 read32(u64 offset) override { return at<u32>(offset), u32{0}; }
  void write8(u64 offset, u8) override { at<u8>(offset); }
  void write16(u64 offset, u16) override { at<u16>(offset); }
  void write32(u64 offset, u32) override { at<u32>(offset); }

 private:
  template <class T>
  void at(u64 offset) const {
    require(bytes_ >= sizeof(T) && offset <= bytes_ - sizeof(T),
            "a driver goes beyond its registers");
  }
  u64 bytes_;
};

void check_device(const dev::PlatformBus& bus, const dev::Device& device) {
  require(!device.name().empty() && device.node, "a device of no node, or without a name");
  require(bus.find_device(device.name()) == &device, "two devices have one name");
  for (u32 i = 0; i < device.mmio_count; ++i) {
    const dev::MmioResource& range = device.mmio.at(i);
    require(range.bytes > 0 && range.base.value() + (range.bytes - 1) >= range.base.value(),
            "a device's registers are none, or go beyond the last address");
  }
  for (u32 i = 0; i < device.irq_count; ++i) {
    require(device.irqs.at(i).controller_phandle != 0, "an interrupt is of no controller");
  }
}

// What boot does with the tree.
void populate(const fdt::Tree& tree) {
  test::World world(2);
  std::array<test::FakeFile, 2> files{test::FakeFile(2047), test::FakeFile(2047)};
  world.interrupt_files = {&files[0], &files[1]};
  std::list<Registers> registers;
  irqchip::PlicDriver plic;
  irqchip::ImsicDriver imsic;
  irqchip::AplicDriver aplic;
  serial::Ns16550aDriver uart;
  power::SysconDriver power;
  dev::PlatformBus bus;
  dev::add_bus(bus);
  require(bus.populate(tree) || !bus.devices().empty(), "no device, and an error");
  u32 count = 0;
  for (const dev::Device& device : bus.devices()) {
    ++count;
    check_device(bus, device);
    for (u32 i = 0; i < device.mmio_count; ++i) {
      const auto [base, size] = device.mmio.at(i);
      world.add_registers(base, registers.emplace_back(size));
    }
  }
  require(count <= dev::PlatformBus::kMaxDevices, "more devices than are meant to be");
  const std::array<dev::Driver*, 5> drivers{&uart, &plic, &imsic, &aplic, &power};
  for (dev::Driver* driver : drivers) {
    require(dev::add_driver(*driver).has_value(), "a driver finds no bus");
  }
  bus.release_all();
  for (dev::Driver* driver : drivers) {
    bus.remove_driver(*driver);
  }
  dev::remove_bus(bus);
}

// What is read stays in its block: in the bytes that follow it a value would look sound.
void require_bounds(const fdt::Tree& tree, std::span<const std::byte> blob) {
  const auto block = [&](usize offset_at, usize size_at) {
    const auto word = [&](usize at) { return u32{*read_object<Be<u32>>(blob, at)}; };
    return blob.subspan(word(offset_at), word(size_at));
  };
  const auto holds = [](std::span<const std::byte> outer, const void* data, usize bytes) {
    const auto* first = static_cast<const std::byte*>(data);
    return first >= outer.data() && first + bytes <= outer.data() + outer.size();
  };
  const auto structure = block(8, 36);
  const auto strings = block(12, 32);
  for (fdt::Node node = tree.root(); node; node = tree.next(node)) {
    require(holds(structure, node.name().data(), node.name().size() + 1), "a name leaves the tree");
    for (u32 i = 0; const auto property = node.property_at(i); ++i) {
      require(holds(structure, property->value.data(), property->value.size()),
              "a value leaves the structure block");
      require(holds(strings, property->name.data(), property->name.size() + 1),
              "a property's name leaves the strings block");
    }
  }
}

void try_tree(const fdt::Tree& tree, std::span<const std::byte> blob) {
  if (test::libfdt_takes(blob)) {
    const test::Comparison whole = test::compare(tree, blob);
    require(whole.differences == 0, whole.first.c_str());
    const test::Comparison searches = test::compare_searches(tree, blob);
    require(searches.differences == 0, searches.first.c_str());
  }
  require_bounds(tree, blob);
  (void)test::interrogate(tree);
  populate(tree);
}

void run(std::span<const std::uint8_t> bytes) {
  fdt::Tree tree;
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  const Blob blob(first, first + bytes.size());
  if (tree.parse(blob)) {
    try_tree(tree, blob);
    return;
  }
  require(!tree.root() && tree.bytes() == 0 && !tree.reserved(0), "a refused tree is not empty");
  const Blob made = tree_of_script(Input(bytes));
  if (tree.parse(made)) {
    require(test::libfdt_takes(made), "libfdt does not take a tree that was made to be taken");
    try_tree(tree, made);
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  sluice::log::set_show(nullptr);
  sluice::fuzz::run({data, bytes});
  return 0;
}
