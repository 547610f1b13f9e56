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
    CHECK(world.controller.actions()[7].count == 2);
    CHECK(world.controller.actions()[7].name == "disk");
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
