// The whole tree asleep, awake and at its end: orders, and failures in the middle.
#include "tests/catch.hpp"

#include <sluice/drivers/base/pm.hpp>

#include "tests/unit/base/fake_bus.hpp"
#include "tests/unit/base/log_lines.hpp"

using namespace sluice;
using test::FakeBus;
using test::FakeDriver;
using test::Journal;
using test::LogLines;
using test::Setting;
using test::TestDevice;

namespace {

// Two controllers with a child each; the second's child was bound before its parent, and the first
// stands behind a bus that nobody drives.
struct Tree : Setting {
  TestDevice soc{"soc"}, one{"uart1", &soc}, two{"uart2"}, child1{"disk1", &one},
      child2{"disk2", &two};
  FakeBus inner{"inner"};
  FakeDriver disks{"disk", journal, "inner"};
  Tree() {
    inner.add_driver(disks);
    REQUIRE(inner.add_device(child2));
    for (TestDevice* device : {&soc, &one, &two}) {
      REQUIRE(bus.add_device(*device));
    }
    REQUIRE(inner.add_device(child1));
    bus.add_driver(driver);
    journal.clear();
  }
  ~Tree() {
    inner.remove_device(child1);
    inner.remove_device(child2);
    inner.remove_driver(disks);
    bus.remove_driver(driver);
  }
  FakeDriver::Answer refuses(const TestDevice& which) {
    return [&which](dev::Device& device) -> Result<void> {
      return &device == &which ? fail(Errc::Io) : Result<void>{};
    };
  }
};

}  // namespace

TEST_CASE("the tree is suspended children first, and resumed the other way") {
  Tree s;
  REQUIRE(dev::suspend_all());
  CHECK(s.journal == Journal{"suspend disk2", "suspend uart2", "suspend disk1", "suspend uart1"});
  CHECK(s.one.suspended());
  CHECK_FALSE(s.soc.suspended());
  s.journal.clear();
  REQUIRE(dev::suspend_all());
  CHECK(s.journal.empty());
  REQUIRE(dev::resume_all());
  CHECK(s.journal == Journal{"resume uart1", "resume disk1", "resume uart2", "resume disk2"});
  CHECK_FALSE(s.child1.suspended());
}

TEST_CASE("a suspend that fails in the middle resumes what was suspended, and names who failed") {
  Tree s;
  s.disks.on_suspend = s.refuses(s.child1);
  dev::Device* failed = nullptr;
  CHECK(dev::suspend_all(&failed).error() == Errc::Io);
  CHECK(failed == &s.child1);
  CHECK(s.journal ==
        Journal{"suspend disk2", "suspend uart2", "suspend disk1", "resume uart2", "resume disk2"});
  CHECK_FALSE(s.two.suspended());
  CHECK_FALSE(s.child2.suspended());
}

TEST_CASE("what was suspended by hand before a suspend that fails stays suspended") {
  Tree s;
  REQUIRE(s.inner.suspend(s.child2));
  s.driver.on_suspend = s.refuses(s.one);
  CHECK(dev::suspend_all().error() == Errc::Io);
  CHECK(s.child2.suspended());
  CHECK_FALSE(s.two.suspended());
  CHECK_FALSE(s.child1.suspended());
}

TEST_CASE("a device that does not wake keeps those that need it asleep, and no others") {
  Tree s;
  REQUIRE(dev::suspend_all());
  s.journal.clear();
  s.driver.on_resume = s.refuses(s.one);
  LogLines lines;
  dev::Device* failed = nullptr;
  CHECK(dev::resume_all(&failed).error() == Errc::Io);
  CHECK(failed == &s.one);
  CHECK(lines.has("uart1: stays suspended: I/O error"));
  CHECK(lines.has("disk1: stays suspended: what it needs is"));
  CHECK(s.journal == Journal{"resume uart1", "resume uart2", "resume disk2"});
  CHECK(s.child1.suspended());
  s.driver.on_resume = {};
  REQUIRE(dev::resume_all());
  CHECK_FALSE(s.child1.suspended());
}

TEST_CASE("shutdown reaches children before a parent that was bound after them") {
  Tree s;
  dev::shutdown_all();
  CHECK(s.journal ==
        Journal{"shutdown disk2", "shutdown uart2", "shutdown disk1", "shutdown uart1"});
}

TEST_CASE("a suspended device that is unbound and bound again is awake") {
  Tree s;
  REQUIRE(s.inner.suspend(s.child1));
  REQUIRE(s.inner.unbind(s.child1));
  REQUIRE(s.inner.bind(s.child1));
  CHECK_FALSE(s.child1.suspended());
  CHECK(s.inner.resume(s.child1).error() == Errc::Invalid);
}
