// Asynchronous probes: on other harts and on one, in the same order, and in the way of nobody.
#include "tests/catch.hpp"

#include <sluice/drivers/base/pm.hpp>
#include <sluice/drivers/base/probe.hpp>
#include <sluice/drivers/base/uevent.hpp>

#include "tests/unit/base/fake_bus.hpp"

#include <algorithm>

using namespace sluice;
using test::FakeDriver;
using test::Journal;
using test::Setting;
using test::TestDevice;

namespace {

struct Async : Setting {
  explicit Async(u32 harts) : Setting(harts) { driver.type = dev::ProbeType::PreferAsynchronous; }
  ~Async() {
    if (driver.linked()) {
      bus.remove_driver(driver);
    }
  }
};

Result<void> fails(dev::Device& device) {
  return device.reject(Errc::Io, "it does not answer");
}

}  // namespace

TEST_CASE("an asynchronous probe is not in the way of registration, and over when waited for") {
  const u32 harts = GENERATE(1u, 2u, 4u);
  Async s(harts);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  u32 probed_by = ~0u;
  s.driver.on_probe = [&](dev::Device&) -> Result<void> {
    probed_by = port::this_hart().index;
    return {};
  };
  s.bus.add_driver(s.driver);
  CHECK(device.state() == dev::State::Probing);
  CHECK(s.journal.empty());
  dev::wait_for_device_probe();
  CHECK(device.state() == dev::State::Bound);
  CHECK((probed_by == 0) == (harts == 1));
}

TEST_CASE("several harts probe beside one another, and may wait in it") {
  Async s(3);
  TestDevice one("uart1"), two("uart2");
  Completion of_two;
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    if (&device == &one) {
      of_two.wait();
    } else {
      of_two.complete();
    }
    return {};
  };
  s.bus.add_driver(s.driver);
  REQUIRE(s.bus.add_device(one));
  REQUIRE(s.bus.add_device(two));
  dev::wait_for_device_probe();
  CHECK(one.state() == dev::State::Bound);
  CHECK(two.state() == dev::State::Bound);
}

TEST_CASE("devices are bound in the order in which they came, whoever is ready first") {
  struct Listener final : dev::UeventListener {
    void on_uevent(const dev::Device& device, dev::Action action, const dev::Uevent&) override {
      if (action == dev::Action::Bind) {
        order.emplace_back(device.name());
      }
    }
    Journal order;
  } listener;
  Async s(4);
  dev::add_listener(listener);
  TestDevice one("uart1"), two("uart2"), three("uart3");
  s.bus.add_driver(s.driver);
  for (TestDevice* device : {&one, &two, &three}) {
    REQUIRE(s.bus.add_device(*device));
  }
  for (const u32 hart : {3u, 2u, 1u}) {  // the last is ready first
    s.world.run_as(hart, [] { run_next_job(); });
  }
  CHECK(s.journal == Journal{"probe uart3", "probe uart2", "probe uart1"});
  CHECK(one.state() == dev::State::Probing);
  dev::wait_for_device_probe();
  CHECK(listener.order == Journal{"uart1", "uart2", "uart3"});
  s.journal.clear();
  dev::shutdown_all();
  CHECK(s.journal == Journal{"shutdown uart3", "shutdown uart2", "shutdown uart1"});
  dev::remove_listener(listener);
}

TEST_CASE(
    "an asynchronous probe that fails gives back what it took, and the next driver is tried") {
  const u32 harts = GENERATE(1u, 2u);
  Async s(harts);
  FakeDriver generic("ua", s.journal);
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    TRY(device.add_release([](void* journal) { static_cast<Journal*>(journal)->push_back("back"); },
                           &s.journal));
    return fails(device);
  };
  s.bus.add_driver(s.driver);
  s.bus.add_driver(generic);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  dev::wait_for_device_probe();
  CHECK(s.journal == Journal{"probe uart0", "back", "probe uart0"});
  CHECK(device.driver() == &generic);
  s.bus.remove_driver(generic);
}

TEST_CASE("what waits for a device is probed when that device's asynchronous probe is over") {
  const u32 harts = GENERATE(1u, 2u);
  Async s(harts);
  FakeDriver disks("disk", s.journal);
  TestDevice disk("disk0"), uart("uart0");
  REQUIRE(disk.add_supplier(uart));
  s.bus.add_driver(disks);
  s.bus.add_driver(s.driver);
  REQUIRE(s.bus.add_device(disk));
  REQUIRE(s.bus.add_device(uart));
  CHECK(disk.state() == dev::State::Deferred);
  dev::wait_for_device_probe();
  CHECK(disk.state() == dev::State::Bound);
  CHECK(s.journal == Journal{"probe uart0", "probe disk0"});
  s.bus.remove_driver(disks);
}

TEST_CASE("an asynchronous probe that waits for another device is begun again with it") {
  const u32 harts = GENERATE(1u, 2u);
  Async s(harts);
  bool there = false;
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    return there ? Result<void>{} : device.defer("its clock");
  };
  FakeDriver clocks("clock", s.journal);
  clocks.on_probe = [&](dev::Device&) -> Result<void> {
    there = true;
    return {};
  };
  s.bus.add_driver(s.driver);
  s.bus.add_driver(clocks);
  TestDevice uart("uart0"), clock("clock0");
  REQUIRE(s.bus.add_device(uart));
  dev::wait_for_device_probe();
  CHECK(uart.state() == dev::State::Deferred);
  CHECK(uart.reason() == "waits for its clock");
  REQUIRE(s.bus.add_device(clock));
  dev::wait_for_device_probe();
  CHECK(uart.state() == dev::State::Bound);
  s.bus.remove_driver(clocks);
}

TEST_CASE("unbinding, removing and suspending wait for an asynchronous probe under way") {
  const u32 harts = GENERATE(1u, 2u);
  Async s(harts);
  s.bus.add_driver(s.driver);
  const auto probing = [&](TestDevice& device) {
    REQUIRE(s.bus.add_device(device));
    REQUIRE(device.state() == dev::State::Probing);
  };
  TestDevice one("uart1"), two("uart2"), three("uart3"), four("uart4");
  probing(one);
  REQUIRE(s.bus.unbind(one));
  probing(two);
  s.bus.remove_device(two);
  probing(three);
  REQUIRE(s.bus.suspend(three));
  probing(four);
  CHECK(s.bus.bind(four).error() == Errc::Busy);
  CHECK(s.journal == Journal{"probe uart1", "remove uart1", "probe uart2", "remove uart2",
                             "probe uart3", "suspend uart3", "probe uart4"});
}

TEST_CASE("a driver that goes while it probes is waited for") {
  const u32 harts = GENERATE(1u, 2u);
  Async s(harts);
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  s.bus.remove_driver(s.driver);
  CHECK(s.journal == Journal{"probe uart0", "remove uart0"});
  CHECK(device.state() == dev::State::Unbound);
}

TEST_CASE("binding by hand probes there and then") {
  Async s(2);
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  REQUIRE(s.bus.unbind(device));
  s.driver.on_probe = [](dev::Device& d) -> Result<void> {
    CHECK(port::this_hart().index == 0);
    return fails(d);
  };
  CHECK(s.bus.bind(device).error() == Errc::Io);
}

TEST_CASE("a probe that wants its own device unbound or bound is told that it is busy") {
  Setting s;
  s.driver.on_probe = [&](dev::Device& device) -> Result<void> {
    CHECK(device.state() == dev::State::Probing);
    CHECK(s.bus.unbind(device).error() == Errc::Busy);
    CHECK(s.bus.bind(device).error() == Errc::Busy);
    CHECK_THROWS_AS(s.bus.release(device), test::Panic);
    return {};
  };
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  CHECK(device.state() == dev::State::Bound);
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a device that comes on another hart is a crash") {
  Async s(2);
  TestDevice device("uart0"), child("child", &device);
  s.driver.on_probe = [&](dev::Device& parent) -> Result<void> {
    CHECK_THROWS_AS(parent.add_child(s.bus, child), test::Panic);
    return {};
  };
  s.bus.add_driver(s.driver);
  REQUIRE(s.bus.add_device(device));
  s.world.run_as(1, [] { run_next_job(); });
  CHECK(child.bus() == nullptr);
  s.bus.remove_driver(s.driver);
}
