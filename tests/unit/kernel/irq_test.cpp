// Interrupt controllers and the sources that drivers hold of them.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"
#include "tests/unit/base/log_lines.hpp"

#include <optional>

#include <sluice/kernel/irq.hpp>

using namespace sluice;

namespace {

struct Counter {
  static void count(void* context) {
    CHECK(port::this_hart().context == Context::Irq);
    ++static_cast<Counter*>(context)->calls;
  }
  int calls = 0;
};

}  // namespace

TEST_CASE("irq: a held source calls its handler and counts, and a released one does neither") {
  test::World world;
  Counter counter;
  {
    auto held = irq::request(1, 7, &Counter::count, &counter, "disk");
    REQUIRE(held);
    CHECK(world.controller.enabled(7));
    world.controller.raise(7);
    world.deliver();
    world.controller.raise(7);
    world.deliver();
    CHECK(counter.calls == 2);
    CHECK(world.controller.usage(7)->total() == 2);
    CHECK(world.controller.usage(7)->name == "disk");
  }
  CHECK_FALSE(world.controller.enabled(7));
  world.controller.raise(7);
  world.deliver();
  CHECK(counter.calls == 2);
}

TEST_CASE("irq: a registration that is moved is held once") {
  test::World world;
  Counter counter;
  irq::Registration kept;
  {
    auto held = irq::request(1, 7, &Counter::count, &counter, "disk");
    REQUIRE(held);
    kept = std::move(*held);
  }
  CHECK(world.controller.enabled(7));
  irq::Registration moved(std::move(kept));
  kept = irq::Registration();
  CHECK(world.controller.enabled(7));
  moved = irq::Registration();
  CHECK_FALSE(world.controller.enabled(7));
}

TEST_CASE("irq: what cannot be had says why") {
  test::World world;
  Counter counter;
  test::LogLines lines;
  CHECK(irq::request(2, 7, &Counter::count, &counter, "disk").error() == Errc::Defer);
  CHECK(lines.text() == "");
  CHECK(irq::request(1, 0, &Counter::count, &counter, "disk").error() == Errc::OutOfRange);
  CHECK(irq::request(1, 64, &Counter::count, &counter, "disk").error() == Errc::OutOfRange);
  CHECK(lines.has("disk: fake-irqchip has no interrupt source 64"));
  const auto held = irq::request(1, 7, &Counter::count, &counter, "first");
  REQUIRE(held);
  CHECK(irq::request(1, 7, &Counter::count, &counter, "second").error() == Errc::Busy);
  CHECK(lines.has("second: interrupt source 7 is held by first"));
  CHECK(world.controller.enabled(7));
}

TEST_CASE("irq: a source that its handler silences interrupts nobody until it is given a hart") {
  test::World world;
  struct Stuck {
    static void handle(void* context) {
      auto& self = *static_cast<Stuck*>(context);
      self.world.controller.raise(7);  // its line stays up
      if (++self.calls % 100 == 0) {
        irq::silence(1, 7);
      }
    }
    test::World& world;
    int calls = 0;
  } stuck{world};
  {
    const auto held = irq::request(1, 7, &Stuck::handle, &stuck, "disk");
    REQUIRE(held);
    world.controller.raise(7);
    world.deliver();
    CHECK(stuck.calls == 100);
    CHECK_FALSE(world.controller.enabled(7));
    irq::silence(1, 7);  // once more, and what nobody holds: nothing happens
    irq::silence(1, 8);
    irq::silence(1, 64);
    irq::silence(2, 7);
    REQUIRE(irq::set_affinity(1, 7, hart(0)));
    world.deliver();
    CHECK(stuck.calls == 200);
  }
  CHECK_FALSE(world.controller.enabled(7));
  CHECK(irq::request(1, 7, &Stuck::handle, &stuck, "disk"));
}

TEST_CASE("irq: an interrupt that nobody asked for is disabled and named") {
  test::World world;
  test::LogLines lines;
  world.controller.enable(9);
  world.controller.raise(9);
  world.deliver();
  CHECK_FALSE(world.controller.enabled(9));
  CHECK(lines.has("source 9"));
}

namespace {

// A device at its line without end, or for some interrupts.
struct Insistent final : irq::Witness {
  explicit Insistent(test::World& in) : world(in) {}
  static void handle(void* context) {
    auto& self = *static_cast<Insistent*>(context);
    ++self.calls;
    self.world.now_ticks += self.ns_each;
    self.work += self.works ? 1 : 0;
    if (self.calls < self.most) {
      self.world.controller.raise(7);
    }
  }
  u32 work_done() override { return work; }
  void stormed() override { ++storms; }
  void insist() {
    world.controller.raise(7);
    world.deliver();
  }
  test::World& world;
  u64 calls = 0;
  u64 most = 50'000;
  u64 ns_each = 0;
  bool works = false;
  u32 work = 0;
  u32 storms = 0;
};

}  // namespace

TEST_CASE("irq: a source that interrupts in vain is silenced, named, and its holder told") {
  test::World world;
  test::LogLines lines;
  Insistent device(world);
  device.ns_each = 1'000'000;
  const auto held =
      irq::request(1, 7, &Insistent::handle, &device, "disk", hart(0), {.witness = &device});
  REQUIRE(held);
  device.insist();
  CHECK(device.calls == irq::kLookEvery);
  CHECK(device.storms == 1);
  CHECK_FALSE(world.controller.enabled(7));
  CHECK(
      lines.has("disk: 8192 interrupts within 8191 ms and none had a reason: source 7 of "
                "fake-irqchip is silenced; unbind and bind the device to try again"));
  const irq::Usage usage = world.controller.usage(7).value();
  CHECK(usage.stormed);
  CHECK(usage.affinity == nullptr);
  CHECK(usage.counts[0] == irq::kLookEvery);
  device.works = true;
  REQUIRE(irq::set_affinity(1, 7, hart(0)));  // its line is up still
  CHECK(device.calls == device.most);
  CHECK_FALSE(world.controller.usage(7)->stormed);
  CHECK(device.storms == 1);
}

TEST_CASE("irq: interrupts that have a reason, or are rare, are no storm") {
  const auto [works, ns_each, witness] =
      GENERATE(std::tuple(true, 0u, true), std::tuple(false, 2'000'000u, true),
               std::tuple(false, 20'000u, false));
  test::World world;
  Insistent device(world);
  device.works = works;
  device.ns_each = ns_each;
  const auto held = irq::request(1, 7, &Insistent::handle, &device, "disk", hart(0),
                                 {.witness = witness ? &device : nullptr});
  REQUIRE(held);
  device.insist();
  CHECK(device.calls == device.most);
  CHECK(device.storms == 0);
  CHECK(world.controller.usage(7)->total() == device.most);
}

TEST_CASE("irq: a source without a witness that interrupts without end is silenced") {
  test::World world;
  Insistent device(world);
  device.ns_each = 1'000;
  const auto held = irq::request(1, 7, &Insistent::handle, &device, "line");
  REQUIRE(held);
  device.insist();
  CHECK(device.calls == irq::kLookEvery);
  CHECK(world.controller.usage(7)->stormed);
}

TEST_CASE("irq: interrupts are counted for the hart that served them") {
  test::World world(3);
  Counter counter;
  CHECK_FALSE(world.controller.usage(7));
  CHECK_FALSE(world.controller.usage(64));
  {
    const auto held = irq::request(1, 7, &Counter::count, &counter, "disk");
    REQUIRE(held);
    for (const u32 target : {0u, 2u, 2u, 1u, 2u}) {
      REQUIRE(irq::set_affinity(1, 7, hart(target)));
      world.controller.raise(7);
      world.deliver();
    }
    const irq::Usage usage = world.controller.usage(7).value();
    CHECK(usage.counts == std::array<u64, kMaxHarts>{1, 1, 3});
    CHECK(usage.affinity == &hart(2));
    CHECK(usage.name == "disk");
  }
  CHECK_FALSE(world.controller.usage(7));
  const auto again = irq::request(1, 7, &Counter::count, &counter, "disk");
  REQUIRE(again);
  CHECK(world.controller.usage(7)->total() == 0);
}

TEST_CASE("irq: interrupts wait while they are off, and every controller is asked") {
  test::World world;
  Counter first, second;
  test::FakeController other(2);
  irq::add_controller(other);
  CHECK(irq::find_controller(2) == &other);
  {
    const auto one = irq::request(1, 7, &Counter::count, &first, "one");
    const auto two = irq::request(2, 8, &Counter::count, &second, "two");
    REQUIRE(one);
    REQUIRE(two);
    {
      const IrqGuard outer;
      const IrqGuard inner;
      world.controller.raise(7);
      other.raise(8);
      world.deliver();
      CHECK(first.calls == 0);
    }
    CHECK(first.calls == 1);
    CHECK(second.calls == 1);
  }
  irq::remove_controller(other);
  CHECK(irq::find_controller(2) == nullptr);
}
