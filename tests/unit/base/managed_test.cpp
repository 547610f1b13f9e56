// Managed resources of every kind: given back in reverse, and nothing lost where memory runs out.
#include "tests/catch.hpp"

#include "tests/unit/base/fake_bus.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/machine.hpp"
#include "tests/unit/block/allocation_budget.hpp"

using namespace sluice;
using test::AllocationBudget;
using test::FakeBus;
using test::FakeDriver;
using test::Journal;
using test::Setting;
using test::TestDevice;

namespace {

struct Registers final : MmioRegion {
  u64 bytes() const override { return 0x100; }
  u8 read8(u64) override { return 0; }
  u16 read16(u64) override { return 0; }
  u32 read32(u64) override { return 0; }
  void write8(u64, u8) override {}
  void write16(u64, u16) override {}
  void write32(u64, u32) override {}
};

struct Note {
  Journal& journal;
  ~Note() { journal.push_back("memory"); }
};

// A device whose probe takes one of each.
struct Taker : Setting {
  Registers registers;
  FakeBus inner{"inner"};
  FakeDriver disks{"disk", journal, "inner"};
  TestDevice device{"uart0"}, child{"disk0", &device};
  Taker() {
    world.add_registers(PhysAddr(0x1000), registers);
    device.mmio[0] = {PhysAddr(0x1000), 0x100};
    device.mmio_count = 1;
    device.irqs[0] = {1, 5};
    device.irq_count = 1;
    inner.add_driver(disks);
    driver.on_probe = [this](dev::Device& d) -> Result<void> {
      TRY(d.make<Note>(journal));
      TRY(d.map_mmio(0));
      const DmaBuffer* const buffer = TRY(d.make_dma_buffer(64, 64, ~u64{0}));
      CHECK(buffer->bytes().size() >= 64);
      TRY(d.request_irq(0, [](void*) {}, nullptr));
      TRY(d.add_child(inner, child));
      return {};
    };
    REQUIRE(bus.add_device(device));
  }
  ~Taker() {
    bus.remove_driver(driver);
    inner.remove_driver(disks);
  }
};

}  // namespace

TEST_CASE(
    "memory, registers, DMA memory, an interrupt and a child go in reverse with the binding") {
  Taker s;
  s.bus.add_driver(s.driver);
  REQUIRE(s.device.state() == dev::State::Bound);
  CHECK(s.child.state() == dev::State::Bound);
  CHECK(s.world.controller.enabled(5));
  CHECK(s.world.arena.live() == 1);
  REQUIRE(s.bus.unbind(s.device));
  CHECK(s.journal ==
        Journal{"probe uart0", "probe disk0", "remove uart0", "remove disk0", "memory"});
  CHECK(s.child.bus() == nullptr);
  CHECK_FALSE(s.world.controller.enabled(5));
  CHECK(s.world.arena.live() == 0);
}

TEST_CASE("a probe that fails after it added a child takes the child away again") {
  Taker s;
  s.driver.on_probe = [&, all = s.driver.on_probe](dev::Device& d) -> Result<void> {
    TRY(all(d));
    return d.reject(Errc::Io, "it does not answer");
  };
  s.bus.add_driver(s.driver);
  CHECK(s.journal == Journal{"probe uart0", "probe disk0", "remove disk0", "memory"});
  CHECK(s.child.bus() == nullptr);
  CHECK(s.device.state() == dev::State::Failed);
}

TEST_CASE("a child whose name is taken ends the probe, and stays away") {
  Taker s;
  TestDevice other("disk0");
  REQUIRE(s.inner.add_device(other));
  s.bus.add_driver(s.driver);
  CHECK(s.device.state() == dev::State::Failed);
  CHECK(s.child.bus() == nullptr);
  CHECK(s.inner.find_device("disk0") == &other);
}

TEST_CASE("a child that left by itself is not taken away twice") {
  Taker s;
  s.bus.add_driver(s.driver);
  s.inner.remove_device(s.child);
  REQUIRE(s.bus.unbind(s.device));
  CHECK(s.device.state() == dev::State::Unbound);
}

TEST_CASE("whichever allocation of a probe fails, it says so, and all is given back") {
  Taker s;
  s.bus.add_driver(s.driver);
  REQUIRE(s.bus.unbind(s.device));
  for (u32 allowed = 0;; ++allowed) {
    REQUIRE(allowed < 100);
    Result<void> result;
    bool refused = false;
    {
      const AllocationBudget budget(allowed);
      result = s.bus.bind(s.device);
      refused = budget.exhausted();
    }
    if (result) {
      CHECK_FALSE(refused);
      CHECK(allowed >= 7);  // two for each of three, one for each of the others
      break;
    }
    CHECK(result.error() == Errc::NoMemory);
    CHECK(s.device.reason() == "out of memory");
    CHECK(s.child.bus() == nullptr);
    CHECK(s.world.arena.live() == 0);
    CHECK_FALSE(s.world.controller.enabled(5));
  }
}

TEST_CASE("a probe that runs out of DMA memory says so, and all is given back") {
  Taker s;
  s.world.arena.allocations_left = 0;
  s.bus.add_driver(s.driver);
  CHECK(s.device.reason() == "out of memory");
  CHECK(s.journal == Journal{"probe uart0", "memory"});
}

TEST_CASE("a link for which there is no memory is an error and leaves nothing") {
  Setting s;
  TestDevice consumer("uart0"), supplier("uart1");
  {
    const AllocationBudget budget(0);
    CHECK(consumer.add_supplier(supplier).error() == Errc::NoMemory);
  }
  CHECK(consumer.suppliers().empty());
  CHECK(supplier.consumers().empty());
}

TEST_CASE("platform bus: whichever allocation of populate() fails, it says so") {
  test::TreeBuilder build;
  build.begin("a@1").text("compatible", "x").cells("phandle", {1}).cells("#interrupt-cells", {1});
  build.end();
  build.begin("b@2").text("compatible", "x").cells("interrupts-extended", {1, 5}).end();
  const test::TreeBuilder::Blob blob = build.finish();
  for (u32 allowed = 0; allowed < 4; ++allowed) {
    test::Machine machine(blob);
    const AllocationBudget budget(allowed);
    const Result<void> populated = machine.bus.populate(machine.tree);
    CHECK(populated.has_value() == (allowed == 3));
    CHECK((populated || populated.error() == Errc::NoMemory));
  }
}

TEST_CASE("a device is of its driver's class while it is bound") {
  Setting s;
  s.driver.of_class = "tty";
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(device.class_name().empty());
  s.bus.add_driver(s.driver);
  CHECK(device.class_name() == "tty");
  REQUIRE(s.bus.unbind(device));
  CHECK(device.class_name().empty());
  s.bus.remove_driver(s.driver);
}
