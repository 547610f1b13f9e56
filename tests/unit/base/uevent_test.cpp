// Uevents: what is told, to whom, and listeners that come and go while they are told.
#include "tests/catch.hpp"

#include <sluice/drivers/base/uevent.hpp>

#include "tests/unit/base/fake_bus.hpp"
#include "tests/unit/base/machine.hpp"

#include <functional>
#include <memory>
#include <vector>

using namespace sluice;
using test::FakeBus;
using test::FakeDriver;
using test::Journal;
using test::Setting;
using test::TestDevice;

namespace {

// Keeps "ACTION DEVPATH" of each event, and the text of the last.
struct Listener final : dev::UeventListener {
  Listener() { dev::add_listener(*this); }
  ~Listener() override {
    if (linked()) {
      dev::remove_listener(*this);
    }
  }
  void on_uevent(const dev::Device& device, dev::Action action, const dev::Uevent& event) override {
    CHECK(event.value("ACTION") == dev::to_string(action));
    heard.push_back(std::string(event.value("ACTION")) + " " + std::string(event.value("DEVPATH")));
    last = event.text();
    numbers.push_back(std::stoull(std::string(event.value("SEQNUM"))));
    if (then) {
      then(device);
    }
  }
  Journal heard;
  std::string last;
  std::vector<u64> numbers;
  std::function<void(const dev::Device&)> then;
};

std::string variables(std::string text) {
  for (char& c : text) {
    c = c == '\0' ? '|' : c;
  }
  return text.substr(0, text.find("SEQNUM="));
}

}  // namespace

TEST_CASE("a device's life is told: add, bind, unbind, remove, in this order, and numbered") {
  Setting s;
  Listener listener;
  s.bus.add_driver(s.driver);
  {
    TestDevice device("uart0");
    REQUIRE(s.bus.add_device(device));
    CHECK(variables(listener.last) ==
          "ACTION=bind|DEVPATH=/devices/fake/uart0|SUBSYSTEM=fake|DRIVER=uart|");
    REQUIRE(s.bus.unbind(device));
    CHECK(variables(listener.last) == "ACTION=unbind|DEVPATH=/devices/fake/uart0|SUBSYSTEM=fake|");
    dev::send_uevent(device, dev::Action::Change, "RESIZE", "1");
    CHECK(variables(listener.last) ==
          "ACTION=change|DEVPATH=/devices/fake/uart0|SUBSYSTEM=fake|RESIZE=1|");
  }
  CHECK(listener.heard == Journal{"add /devices/fake/uart0", "bind /devices/fake/uart0",
                                  "unbind /devices/fake/uart0", "change /devices/fake/uart0",
                                  "remove /devices/fake/uart0"});
  for (usize i = 1; i < listener.numbers.size(); ++i) {
    CHECK(listener.numbers[i] == listener.numbers[i - 1] + 1);
  }
  s.bus.remove_driver(s.driver);
}

TEST_CASE("a probe that fails or waits is no bind, and its end no unbind") {
  Setting s;
  Listener listener;
  s.driver.on_probe = [](dev::Device& device) -> Result<void> { return device.defer("a clock"); };
  s.bus.add_driver(s.driver);
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  s.bus.remove_device(device);
  CHECK(listener.heard == Journal{"add /devices/fake/uart0", "remove /devices/fake/uart0"});
  s.bus.remove_driver(s.driver);
}

TEST_CASE("the path of a device goes through its parents, on whatever bus they are") {
  Setting s;
  FakeBus inner("inner");
  Listener listener;
  TestDevice soc("soc"), slot("slot", &soc), disk("disk", &slot);
  REQUIRE(s.bus.add_device(soc));
  REQUIRE(s.bus.add_device(slot));
  REQUIRE(inner.add_device(disk));
  CHECK(listener.heard.back() == "add /devices/fake/soc/slot/disk");
  CHECK(listener.last.find("SUBSYSTEM=inner") != std::string::npos);
}

TEST_CASE("a listener that ends itself from its callback is told once, and the others all") {
  Setting s;
  Listener before, once, after;
  once.then = [&](const dev::Device&) { dev::remove_listener(once); };
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  s.bus.remove_device(device);
  CHECK(once.heard.size() == 1);
  CHECK(before.heard.size() == 2);
  CHECK(after.heard.size() == 2);
}

TEST_CASE(
    "a listener may end the one that would be told next, and a new one hears the next event") {
  Setting s;
  Listener first, second;
  std::unique_ptr<Listener> third;
  first.then = [&](const dev::Device&) {
    if (second.linked()) {
      dev::remove_listener(second);
      third = std::make_unique<Listener>();
    }
  };
  TestDevice device("uart0");
  REQUIRE(s.bus.add_device(device));
  s.bus.remove_device(device);
  CHECK(second.heard.empty());
  CHECK(third->heard.back() == "remove /devices/fake/uart0");
}

TEST_CASE("an event in an event is told to all, and a listener that ends in the inner is gone") {
  Setting s;
  Listener sender, going;
  TestDevice device("uart0");
  sender.then = [&](const dev::Device& about) {
    if (sender.heard.size() == 1) {
      dev::send_uevent(about, dev::Action::Change);
    } else if (going.linked()) {
      dev::remove_listener(going);
    }
  };
  REQUIRE(s.bus.add_device(device));
  CHECK(sender.heard == Journal{"add /devices/fake/uart0", "change /devices/fake/uart0"});
  CHECK(going.heard.empty());
}

TEST_CASE("a listener that changes a device is a crash") {
  Setting s;
  Listener listener;
  TestDevice device("uart0"), other("uart1");
  listener.then = [&](const dev::Device&) {
    CHECK_THROWS_AS(s.bus.add_device(other), test::Panic);
  };
  REQUIRE(s.bus.add_device(device));
  CHECK(listener.heard.size() == 1);
}

TEST_CASE("a variable that has no room is left out whole, and the event says so") {
  dev::Uevent event;
  REQUIRE(event.add("FIRST", "1"));
  CHECK_FALSE(event.add("LARGE", std::string(dev::Uevent::kMaxBytes, 'x')));
  CHECK_FALSE(event.complete());
  REQUIRE(event.add("FIRSTER", "2"));
  CHECK(event.value("FIRST") == "1");
  CHECK(event.value("FIRSTER") == "2");
  CHECK(event.value("LARGE").data() == nullptr);
  CHECK(event.value("IRST").data() == nullptr);
  const usize left = dev::Uevent::kMaxBytes - event.text().size();
  CHECK_FALSE(event.add("K", std::string(left - 2, 'x')));
  CHECK(event.add("K", std::string(left - 3, 'x')));
  CHECK(event.text().size() == dev::Uevent::kMaxBytes);
}

TEST_CASE("the path of an event begins at the bus, however many parents its device has") {
  Setting s;
  Listener listener;
  std::vector<std::unique_ptr<dev::Device>> chain;
  std::string path = "/devices/fake";
  for (u32 depth = 0; depth < dev::PlatformBus::kMaxDepth + 2; ++depth) {
    const std::string name = std::to_string(depth) + std::string(30, 'x');
    chain.push_back(
        std::make_unique<dev::Device>(name, chain.empty() ? nullptr : chain.back().get()));
    path += "/" + name;
    REQUIRE(s.bus.add_device(*chain.back()));
  }
  CHECK(listener.heard.back() == "add " + path);
  for (; !chain.empty(); chain.pop_back()) {
    s.bus.remove_device(*chain.back());
  }
}

TEST_CASE("the platform bus adds the MODALIAS of a node or of a name") {
  test::TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.begin("rtc@101000").texts("compatible", {"google,goldfish-rtc", "rtc"});
  build.cells("reg", {0, 0x101000, 0, 0x1000}).end();
  test::Machine machine(build.finish());
  Listener listener;
  REQUIRE(machine.bus.populate(machine.tree));
  CHECK(variables(listener.last) ==
        "ACTION=add|DEVPATH=/devices/platform/101000.rtc|SUBSYSTEM=platform|"
        "MODALIAS=of:NrtcT(null)Cgoogle,goldfish-rtcCrtc|");
  TestDevice ram("ram0");
  REQUIRE(machine.bus.add_device(ram));
  CHECK(listener.last.find("MODALIAS=platform:ram0") != std::string::npos);
}
