// The device model: arrivals, probes, deferral, managed resources, binding by hand, the end.
#include "tests/catch.hpp"

#include <sluice/drivers/base/pm.hpp>
#include <sluice/drivers/base/probe.hpp>

#include "tests/unit/base/fake_bus.hpp"
#include "tests/unit/base/log_lines.hpp"

#include <algorithm>
#include <memory>

using namespace sluice;
using test::FakeBus;
using test::FakeDriver;
using test::Journal;
using test::Setting;
using test::TestDevice;

TEST_CASE("a driver that comes after the device is bound to it") {
  Setting s;
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(device.state() == dev::State::Unbound);
  REQUIRE(dev::add_driver(s.driver));
  CHECK(device.state() == dev::State::Bound);
  CHECK(device.driver() == &s.driver);
  CHECK(device.bus() == &s.bus);
  s.bus.remove_driver(s.driver);
  CHECK(s.journal == Journal{"probe uart0", "remove uart0"});
  CHECK(device.state() == dev::State::Unbound);
  CHECK(device.driver() == nullptr);
}

TEST_CASE("a device that comes after the driver is bound to it") {
  Setting s;
  s.bus.add_driver(s.driver);
  {
    TestDevice device("uart0");
    TestDevice other("disk0");
    REQUIRE(s.bus.add_device(device));
    REQUIRE(s.bus.add_device(other));
    CHECK(device.state() == dev::State::Bound);
    CHECK(other.state() == dev::State::Unbound);
  }
  CHECK(s.journal == Journal{"probe uart0", "remove uart0"});
  CHECK(s.bus.devices().empty());
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a second device of a name is refused and named") {
  Setting s;
  TestDevice first("uart0");
  TestDevice second("uart0");
  REQUIRE(s.bus.add_device(first));
  test::LogLines lines;
  CHECK(s.bus.add_device(second).error() == Errc::Exists);
  CHECK(second.bus() == nullptr);
  CHECK(lines.has("uart0"));
  CHECK(s.bus.find_device("uart0") == &first);
}

TEST_CASE("a driver for a bus that is not there is an error") {
  Setting s;
  FakeDriver lost("uart", s.journal, "pci");
  CHECK(dev::add_driver(lost).error() == Errc::NotFound);
  CHECK(dev::find_bus("fake") == &s.bus);
  CHECK(dev::find_bus("pci") == nullptr);
}

TEST_CASE("a name longer than a device has room for is cut") {
  const TestDevice device(std::string(40, 'n'));
  CHECK(device.name() == std::string(31, 'n'));
}

TEST_CASE("managed resources are released in reverse order when a probe fails") {
  Setting s;
  static Journal released;
  released.clear();
  s.driver.on_probe = [](dev::Device& device) -> Result<void> {
    device.driver_data = &device;
    TRY(device.add_release([](void*) { released.push_back("first"); }, nullptr));
    TRY(device.add_release([](void*) { released.push_back("second"); }, nullptr));
    return device.reject(Errc::Io, "it does not answer");
  };
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  test::LogLines lines;
  s.bus.add_driver(s.driver);
  CHECK(released == Journal{"second", "first"});
  CHECK(device.state() == dev::State::Failed);
  CHECK(device.reason() == "it does not answer");
  CHECK(device.driver() == nullptr);
  CHECK(device.driver_data == nullptr);
  CHECK(lines.has("uart0"));
  CHECK(lines.has("it does not answer"));
  s.bus.remove_driver(s.driver);
}

TEST_CASE("managed resources are released in reverse order, after remove, when the device goes") {
  Setting s;
  struct Note {
    Journal& journal;
    const char* text;
    ~Note() { journal.push_back(text); }
  };
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    device.driver_data = TRY(device.make<Note>(s.journal, "first"));
    TRY(device.make<Note>(s.journal, "second"));
    return {};
  };
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  s.bus.remove_device(device);
  CHECK(s.journal == Journal{"probe uart0", "remove uart0", "second", "first"});
  CHECK(device.driver_data == nullptr);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a probe that fails without a reason has its error as the reason") {
  Setting s;
  s.driver.on_probe = [](dev::Device&) -> Result<void> { return fail(Errc::NoMemory); };
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(device.reason() == "out of memory");
  s.bus.remove_driver(s.driver);
}

TEST_CASE("an empty place is left unbound with its reason, and is no error") {
  Setting s;
  s.driver.on_probe = [](dev::Device& device) -> Result<void> {
    return device.reject(Errc::NotFound, "an empty slot");
  };
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(device.state() == dev::State::Unbound);
  CHECK(device.reason() == "an empty slot");
  CHECK(device.driver() == nullptr);
  CHECK(s.bus.bind(device).error() == Errc::NotFound);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("after a driver that fails, the next one that matches is tried") {
  Setting s;
  s.driver.on_probe = [](dev::Device& device) -> Result<void> {
    return device.reject(Errc::Io, "no");
  };
  FakeDriver generic("ua", s.journal);
  s.bus.add_driver(s.driver);
  s.bus.add_driver(generic);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(device.driver() == &generic);
  CHECK(device.reason() == "");
  s.bus.remove_driver(generic);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a deferred device keeps its reason and is probed again when another is bound") {
  Setting s;
  bool clock_is_there = false;
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    return clock_is_there ? Result<void>{} : device.defer("its clock");
  };
  FakeDriver clock("clock", s.journal);
  clock.on_probe = [&](dev::Device&) -> Result<void> {
    clock_is_there = true;
    return {};
  };
  s.bus.add_driver(s.driver);
  s.bus.add_driver(clock);
  TestDevice uart("uart0");
  TestDevice other("clock0");
  REQUIRE(s.bus.add_device(uart));
  CHECK(uart.state() == dev::State::Deferred);
  CHECK(uart.reason() == "waits for its clock");
  CHECK(uart.driver() == nullptr);
  REQUIRE(s.bus.add_device(other));
  CHECK(uart.state() == dev::State::Bound);
  CHECK(uart.reason() == "");
  CHECK(s.journal == Journal{"probe uart0", "probe clock0", "probe uart0"});
  s.bus.remove_driver(clock);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a chain of deferrals is resolved, across buses, by the arrival of its end") {
  Setting s;
  FakeBus other_bus("other");
  u32 there = 0;
  const auto needs = [&](u32 before) {
    return [&, before](dev::Device& device) -> Result<void> {
      if (there < before) {
        return device.defer("the one before");
      }
      there = before + 1;
      return {};
    };
  };
  FakeDriver a("a", s.journal), b("b", s.journal, "other"), c("c", s.journal);
  a.on_probe = needs(2);
  b.on_probe = needs(1);
  c.on_probe = needs(0);
  TestDevice device_a("a"), device_b("b"), device_c("c");
  REQUIRE(s.bus.add_device(device_a));
  REQUIRE(other_bus.add_device(device_b));
  REQUIRE(s.bus.add_device(device_c));
  s.bus.add_driver(a);
  other_bus.add_driver(b);
  CHECK(device_b.state() == dev::State::Deferred);
  s.bus.add_driver(c);
  CHECK(device_a.state() == dev::State::Bound);
  CHECK(device_b.state() == dev::State::Bound);
  s.bus.remove_driver(a);
  other_bus.remove_driver(b);
  s.bus.remove_driver(c);
}

TEST_CASE("what waits for ever is asked once more after each success, not for ever") {
  Setting s;
  s.driver.on_probe = [](dev::Device& device) -> Result<void> {
    return device.defer("nothing that comes");
  };
  FakeDriver good("good", s.journal);
  s.bus.add_driver(s.driver);
  s.bus.add_driver(good);
  TestDevice waiting("uart0"), one("good1"), two("good2");
  REQUIRE(s.bus.add_device(waiting));
  REQUIRE(s.bus.add_device(one));
  REQUIRE(s.bus.add_device(two));
  CHECK(std::count(s.journal.begin(), s.journal.end(), "probe uart0") == 3);
  dev::retry_deferred();
  CHECK(std::count(s.journal.begin(), s.journal.end(), "probe uart0") == 4);
  CHECK(waiting.state() == dev::State::Deferred);
  s.bus.remove_driver(s.driver);
  s.bus.remove_driver(good);
}

TEST_CASE("a success inside a probe retries what waits only when the outer probe is over") {
  Setting s;
  FakeBus inner_bus("inner");
  bool controller_ready = false;
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    return controller_ready ? Result<void>{} : device.defer("the controller");
  };
  FakeDriver inner("disk", s.journal, "inner");
  inner_bus.add_driver(inner);
  FakeDriver outer("controller", s.journal);
  TestDevice disk("disk0");
  outer.on_probe = [&](dev::Device&) -> Result<void> {
    TRY(inner_bus.add_device(disk));
    controller_ready = true;
    return {};
  };
  s.bus.add_driver(s.driver);
  s.bus.add_driver(outer);
  TestDevice uart("uart0"), controller("controller0");
  REQUIRE(s.bus.add_device(uart));
  REQUIRE(s.bus.add_device(controller));
  CHECK(s.journal == Journal{"probe uart0", "probe controller0", "probe disk0", "probe uart0"});
  s.bus.remove_driver(s.driver);
  s.bus.remove_driver(outer);
  inner_bus.remove_driver(inner);
}

TEST_CASE("bind and unbind by hand do what they say, and refuse what makes no sense") {
  Setting s;
  TestDevice device("uart0"), orphan("orphan"), elsewhere("uart9");
  REQUIRE(s.bus.add_device(device));
  REQUIRE(s.bus.add_device(orphan));
  s.bus.add_driver(s.driver);
  CHECK(s.bus.bind(device).error() == Errc::Busy);
  REQUIRE(s.bus.unbind(device));
  CHECK(device.state() == dev::State::Unbound);
  CHECK(s.bus.unbind(device).error() == Errc::Invalid);
  REQUIRE(s.bus.bind(device));
  CHECK(device.state() == dev::State::Bound);
  CHECK(s.bus.bind(orphan).error() == Errc::NotFound);
  CHECK(s.bus.bind(elsewhere).error() == Errc::Invalid);
  CHECK(s.bus.unbind(elsewhere).error() == Errc::Invalid);
  REQUIRE(s.bus.unbind(device));
  s.driver.on_probe = [](dev::Device& d) -> Result<void> { return d.reject(Errc::Io, "dead"); };
  CHECK(s.bus.bind(device).error() == Errc::Io);
  CHECK(device.state() == dev::State::Failed);
  s.bus.remove_driver(s.driver);
  CHECK(s.bus.bind(device).error() == Errc::NotFound);
  CHECK(device.state() == dev::State::Unbound);
}

TEST_CASE("a driver that suppresses binding by hand keeps its device until the end") {
  Setting s;
  s.driver.suppressed = true;
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(s.bus.unbind(device).error() == Errc::NotSupported);
  CHECK(device.state() == dev::State::Bound);
  s.bus.release(device);
  CHECK(device.state() == dev::State::Unbound);
  CHECK(s.bus.bind(device).error() == Errc::NotSupported);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("suspend and resume reach the driver of a bound device, and no other") {
  Setting s;
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(s.bus.suspend(device).error() == Errc::Invalid);
  CHECK(s.bus.resume(device).error() == Errc::Invalid);
  s.bus.add_driver(s.driver);
  s.driver.on_resume = [](dev::Device&) -> Result<void> { return fail(Errc::Io); };
  CHECK(s.bus.suspend(device));
  CHECK(s.bus.resume(device).error() == Errc::Io);
  CHECK(s.journal == Journal{"probe uart0", "suspend uart0", "resume uart0"});
  s.bus.remove_driver(s.driver);
}

TEST_CASE("shutdown goes through every bus, last bound first, children before their parents") {
  Setting s;
  FakeBus inner_bus("inner");
  FakeDriver inner("disk", s.journal, "inner");
  inner_bus.add_driver(inner);
  TestDevice disk("disk0");
  FakeDriver outer("controller", s.journal);
  outer.on_probe = [&](dev::Device&) -> Result<void> { return inner_bus.add_device(disk); };
  s.bus.add_driver(outer);
  s.bus.add_driver(s.driver);
  TestDevice controller("controller0"), uart("uart0"), unbound("x");
  REQUIRE(s.bus.add_device(uart));
  REQUIRE(s.bus.add_device(controller));
  REQUIRE(s.bus.add_device(unbound));
  s.journal.clear();
  dev::shutdown_all();
  CHECK(s.journal == Journal{"shutdown disk0", "shutdown controller0", "shutdown uart0"});
  s.bus.remove_driver(s.driver);
  s.bus.remove_driver(outer);
  inner_bus.remove_driver(inner);
}

TEST_CASE("a bus releases its devices last bound first") {
  Setting s;
  s.bus.add_driver(s.driver);
  TestDevice one("uart1"), two("uart2"), three("uart3");
  REQUIRE(s.bus.add_device(one));
  REQUIRE(s.bus.add_device(two));
  REQUIRE(s.bus.add_device(three));
  REQUIRE(s.bus.unbind(one));
  REQUIRE(s.bus.bind(one));
  s.journal.clear();
  s.bus.release_all();
  CHECK(s.journal == Journal{"remove uart1", "remove uart3", "remove uart2"});
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a device that asks for an interrupt when bound is released before its controller") {
  Setting s;
  s.bus.add_driver(s.driver);
  TestDevice line("uart-line"), controller("uart-controller");
  line.irqs[0] = {1, 5};
  line.irq_count = 1;
  REQUIRE(s.bus.add_device(line));
  REQUIRE(s.bus.add_device(controller));
  REQUIRE(line.request_irq(0, [](void*) {}, nullptr));
  CHECK(line.request_irq(1, [](void*) {}, nullptr).error() == Errc::OutOfRange);
  CHECK(line.reason() == "");
  s.journal.clear();
  s.bus.release_all();
  CHECK(s.journal == Journal{"remove uart-line", "remove uart-controller"});
  CHECK_FALSE(s.world.controller.enabled(5));
  s.bus.remove_driver(s.driver);
}

TEST_CASE("registers are mapped from the device's resources, and what is not there is refused") {
  Setting s;
  struct Registers final : MmioRegion {
    u64 bytes() const override { return 0x100; }
    u8 read8(u64) override { return 0; }
    u16 read16(u64) override { return 0; }
    u32 read32(u64) override { return 0x74726976; }
    void write8(u64, u8) override {}
    void write16(u64, u16) override {}
    void write32(u64, u32) override {}
  } registers;
  s.world.add_registers(PhysAddr(0x1000), registers);
  s.world.add_registers(PhysAddr(0x2002), registers);
  test::LogLines lines;
  TestDevice device("uart0");
  device.mmio[0] = {PhysAddr(0x1000), 0x100};
  device.mmio[1] = {PhysAddr(0x9000), 0x100};
  device.mmio[2] = {PhysAddr(0x1000), 0};
  device.mmio[3] = {PhysAddr(0x2002), 0x100};
  device.mmio_count = 4;
  s.driver.on_probe = [&](dev::Device& d) -> Result<void> {
    MmioRegion* mapped = TRY(d.map_mmio(0));
    CHECK(mapped->read32(0) == 0x74726976);
    CHECK(d.map_mmio(1).error() == Errc::OutOfRange);
    CHECK(d.map_mmio(2).error() == Errc::OutOfRange);
    CHECK(lines.has("uart0: its registers at 0x9000 (0x100 bytes) cannot be mapped"));
    CHECK(d.map_mmio(3).error() == Errc::Malformed);
    CHECK(lines.has("uart0: its registers at 0x2002 (0x100 bytes) cannot be mapped"));
    CHECK(d.map_mmio(4).error() == Errc::OutOfRange);
    return {};
  };
  s.bus.add_driver(s.driver);
  REQUIRE(s.bus.add_device(device));
  CHECK(device.state() == dev::State::Bound);
  CHECK(device.reason() == "");
  s.bus.remove_driver(s.driver);
}

TEST_CASE("an interrupt is delivered while the device is bound, and given back when it is not") {
  Setting s;
  static int delivered;
  delivered = 0;
  TestDevice device("uart0");
  device.irqs[0] = {1, 5};
  device.irq_count = 1;
  s.driver.on_probe = [](dev::Device& d) {
    return d.request_irq(0, [](void* to) { ++*static_cast<int*>(to); }, &delivered);
  };
  s.bus.add_driver(s.driver);
  REQUIRE(s.bus.add_device(device));
  REQUIRE(s.world.controller.enabled(5));
  s.world.controller.raise(5);
  s.world.deliver();
  CHECK(delivered == 1);
  CHECK(s.world.controller.usage(5)->name == "uart0");
  REQUIRE(s.bus.unbind(device));
  CHECK_FALSE(s.world.controller.enabled(5));
  s.bus.remove_driver(s.driver);
}

TEST_CASE(
    "an interrupt of a controller that has not come defers, and one that cannot be had fails") {
  Setting s;
  TestDevice waits("uart0"), beyond("uart1"), none("uart2"), first("uart3"), second("uart4");
  waits.irqs[0] = {77, 5};
  beyond.irqs[0] = {1, 5000};
  first.irqs[0] = second.irqs[0] = {1, 6};
  waits.irq_count = beyond.irq_count = first.irq_count = second.irq_count = 1;
  s.driver.on_probe = [](dev::Device& d) { return d.request_irq(0, [](void*) {}, nullptr); };
  s.bus.add_driver(s.driver);
  for (TestDevice* device : {&waits, &beyond, &none, &first, &second}) {
    REQUIRE(s.bus.add_device(*device));
  }
  CHECK(waits.state() == dev::State::Deferred);
  CHECK(waits.reason() == "waits for its interrupt controller");
  CHECK(beyond.state() == dev::State::Failed);
  CHECK(none.reason() == "it has no such interrupt");
  CHECK(first.state() == dev::State::Bound);
  CHECK(second.state() == dev::State::Failed);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("states have names") {
  CHECK(dev::to_string(dev::State::Unbound) == "unbound");
  CHECK(dev::to_string(dev::State::Probing) == "probing");
  CHECK(dev::to_string(dev::State::Deferred) == "deferred");
  CHECK(dev::to_string(dev::State::Bound) == "bound");
  CHECK(dev::to_string(dev::State::Failed) == "failed");
}
