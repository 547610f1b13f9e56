// Device links: who waits for whom, who goes first, cycles, and links from the device tree.
#include "tests/catch.hpp"

#include <sluice/drivers/base/pm.hpp>
#include <sluice/drivers/base/probe.hpp>

#include "tests/unit/base/fake_bus.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/machine.hpp"

#include <memory>

using namespace sluice;
using test::FakeBus;
using test::FakeDriver;
using test::Journal;
using test::LogLines;
using test::Setting;
using test::TestDevice;

namespace {

// A supplier and two consumers, the second of which consumes the first too.
struct Linked : Setting {
  TestDevice disk{"disk0"}, phy{"phy0"}, clock{"clock0"};
  FakeDriver clocks{"clock", journal}, phys{"phy", journal}, disks{"disk", journal};
  Linked() {
    REQUIRE(disk.add_supplier(phy));
    REQUIRE(disk.add_supplier(clock, "its clock"));
    REQUIRE(phy.add_supplier(clock, "its clock"));
    for (TestDevice* device : {&disk, &phy, &clock}) {
      REQUIRE(bus.add_device(*device));
    }
  }
  ~Linked() {
    for (FakeDriver* one : {&disks, &phys, &clocks}) {
      if (one->linked()) {
        bus.remove_driver(*one);
      }
    }
  }
  void bind_all() {
    for (FakeDriver* one : {&disks, &phys, &clocks}) {
      bus.add_driver(*one);
    }
  }
};

}  // namespace

TEST_CASE("a consumer is not probed before its supplier is bound, and says which it waits for") {
  Linked s;
  s.bus.add_driver(s.disks);
  CHECK(s.disk.state() == dev::State::Deferred);
  CHECK(s.disk.reason() == "waits for its supplier phy0");
  s.bus.add_driver(s.phys);
  CHECK(s.phy.reason() == "waits for its clock clock0");
  CHECK(s.journal.empty());
  s.bus.add_driver(s.clocks);
  CHECK(s.journal == Journal{"probe clock0", "probe phy0", "probe disk0"});
  CHECK(s.disk.state() == dev::State::Bound);
}

TEST_CASE("a driver of best effort is probed without its suppliers") {
  Linked s;
  s.disks.waits = false;
  s.bus.add_driver(s.disks);
  CHECK(s.disk.state() == dev::State::Bound);
}

TEST_CASE("unbinding a supplier unbinds its consumers first, which wait until it is back") {
  Linked s;
  s.bind_all();
  s.journal.clear();
  REQUIRE(s.bus.unbind(s.clock));
  CHECK(s.journal == Journal{"remove disk0", "remove phy0", "remove clock0"});
  CHECK(s.clock.state() == dev::State::Unbound);
  CHECK(s.disk.state() == dev::State::Deferred);
  CHECK(s.disk.reason() == "waits for its clock clock0");
  CHECK(s.phy.reason() == "waits for its clock clock0");
  s.journal.clear();
  REQUIRE(s.bus.bind(s.clock));
  CHECK(s.journal == Journal{"probe clock0", "probe phy0", "probe disk0"});
}

TEST_CASE("a supplier's driver that goes takes the consumers out of service first") {
  Linked s;
  s.bind_all();
  s.journal.clear();
  s.bus.remove_driver(s.phys);
  CHECK(s.journal == Journal{"remove disk0", "remove phy0"});
  CHECK(s.clock.state() == dev::State::Bound);
}

TEST_CASE("a supplier that goes for good ends its links, and nobody waits for it any more") {
  Linked s;
  s.bind_all();
  s.bus.remove_device(s.clock);
  CHECK(s.phy.suppliers().empty());
  CHECK(s.phy.state() == dev::State::Deferred);
  dev::retry_deferred();
  CHECK(s.disk.state() == dev::State::Bound);
}

TEST_CASE("consumers are suspended and shut down before suppliers that were bound later") {
  Linked s;
  s.disks.waits = false;
  s.phys.waits = false;
  s.bind_all();
  s.journal.clear();
  REQUIRE(dev::suspend_all());
  CHECK(s.journal == Journal{"suspend disk0", "suspend phy0", "suspend clock0"});
  s.journal.clear();
  REQUIRE(dev::resume_all());
  CHECK(s.journal == Journal{"resume clock0", "resume phy0", "resume disk0"});
  s.journal.clear();
  dev::shutdown_all();
  CHECK(s.journal == Journal{"shutdown disk0", "shutdown phy0", "shutdown clock0"});
}

TEST_CASE("what an asleep or awake device needs or is needed by refuses the contrary by hand") {
  Linked s;
  s.bind_all();
  CHECK(s.bus.suspend(s.clock).error() == Errc::Busy);
  REQUIRE(s.bus.suspend(s.disk));
  REQUIRE(s.bus.suspend(s.phy));
  CHECK(s.bus.resume(s.disk).error() == Errc::Busy);
  REQUIRE(s.bus.suspend(s.clock));
  CHECK(s.bus.resume(s.phy).error() == Errc::Busy);
}

TEST_CASE("a link that would close a cycle is refused by name, and changes nothing") {
  Linked s;
  LogLines lines;
  CHECK(s.clock.add_supplier(s.disk).error() == Errc::Invalid);
  CHECK(lines.has("clock0: its supplier cannot be disk0, which needs it in turn"));
  CHECK(s.clock.add_supplier(s.clock).error() == Errc::Invalid);
  CHECK(s.clock.suppliers().empty());
  TestDevice child("child", &s.disk);
  CHECK(s.clock.add_supplier(child).error() == Errc::Invalid);
  CHECK(child.add_supplier(s.disk));
  CHECK(s.disk.add_supplier(child).error() == Errc::Invalid);
}

TEST_CASE("a link that is made twice is there once, and goes with either device") {
  Setting s;
  TestDevice supplier("clock0");
  {
    TestDevice consumer("disk0");
    REQUIRE(consumer.add_supplier(supplier));
    REQUIRE(consumer.add_supplier(supplier));
    CHECK(++supplier.consumers().begin() == supplier.consumers().end());
  }
  CHECK(supplier.consumers().empty());
}

TEST_CASE("a ladder of links with more ways than can be walked is walked at once") {
  Setting s;
  constexpr u32 kRungs = 100;  // 2^100 ways
  std::vector<std::unique_ptr<TestDevice>> devices;
  for (u32 i = 0; i < 2 * kRungs; ++i) {
    devices.push_back(std::make_unique<TestDevice>("uart" + std::to_string(i)));
    REQUIRE(s.bus.add_device(*devices.back()));
    for (u32 below = i / 2 * 2; i >= 2 && below < i / 2 * 2 + 2; ++below) {
      REQUIRE(devices[i]->add_supplier(*devices[below - 2]));
    }
  }
  CHECK(devices[0]->add_supplier(*devices.back()).error() == Errc::Invalid);
  s.bus.add_driver(s.driver);
  CHECK(s.journal.size() == 2 * kRungs);
  s.journal.clear();
  dev::shutdown_all();
  CHECK(s.journal.size() == 2 * kRungs);
  CHECK(s.journal.back() == "shutdown uart0");
  s.journal.clear();
  REQUIRE(s.bus.unbind(*devices[0]));
  CHECK(s.journal.size() == 2 * kRungs - 1);
  CHECK(s.journal.back() == "remove uart0");
  s.bus.remove_driver(s.driver);
}

namespace {

// A controller with phandle `own` whose interrupts, where `parent` is not 0, go to another.
void add_controller(test::TreeBuilder& build, const std::string& name, u32 own, u32 parent) {
  build.begin(name).text("compatible", "chip").cells("phandle", {own});
  build.cells("#interrupt-cells", {1});
  if (parent != 0) {
    build.cells("interrupts-extended", {parent, 9});
  }
  build.end();
}

struct ChipDriver final : dev::PlatformDriver {
  using PlatformDriver::PlatformDriver;
  std::span<const std::string_view> compatibles() const override {
    static constexpr std::array<std::string_view, 1> kCompatibles{"chip"};
    return kCompatibles;
  }
  Result<void> probe(dev::Device& device) override {
    order.emplace_back(device.name());
    return {};
  }
  Journal order;
};

}  // namespace

TEST_CASE("platform bus: an interrupt controller is its devices' supplier, wherever it stands") {
  test::TreeBuilder build;
  add_controller(build, "leaf@3", 3, 2);
  add_controller(build, "middle@2", 2, 1);
  add_controller(build, "root@1", 1, 0);
  test::Machine machine(build.finish());
  REQUIRE(machine.bus.populate(machine.tree));
  const dev::Device& leaf = *machine.bus.find_device("3.leaf");
  REQUIRE_FALSE(leaf.suppliers().empty());
  CHECK(leaf.suppliers().front().supplier.name() == "2.middle");
  ChipDriver driver("chip");
  machine.bus.add_driver(driver);
  CHECK(driver.order == Journal{"1.root", "2.middle", "3.leaf"});
  machine.bus.remove_driver(driver);
}

TEST_CASE("platform bus: controllers that interrupt each other in a ring are named and go on") {
  test::TreeBuilder build;
  add_controller(build, "a@1", 1, 3);
  add_controller(build, "b@2", 2, 1);
  add_controller(build, "c@3", 3, 2);
  add_controller(build, "self@4", 4, 4);
  test::Machine machine(build.finish());
  LogLines lines;
  REQUIRE(machine.bus.populate(machine.tree));
  CHECK(lines.has("its interrupt controller cannot be 4.self, which needs it in turn"));
  CHECK(lines.has("which needs it in turn"));
  ChipDriver driver("chip");
  machine.bus.add_driver(driver);
  CHECK(driver.order.size() == 4);
  machine.bus.remove_driver(driver);
}
