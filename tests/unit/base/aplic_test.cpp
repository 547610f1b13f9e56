// The APLIC's driver in direct delivery mode, beside an APLIC that follows the specification.
#include "tests/unit/base/aia.hpp"

using namespace sluice;
using test::Aia;
using test::AiaMachine;

namespace {

Aia two_harts() {
  return {.harts = {0, 1}, .running = 2, .entries = {100, 9, 101, 9}};
}

// Lines of the log that are errors.
u32 errors() {
  u32 count = 0;
  log::for_each([](const log::Line& line,
                   void* to) { *static_cast<u32*>(to) += line.level <= log::Level::Error ? 1 : 0; },
                &count);
  return count;
}

}  // namespace

TEST_CASE("aplic: an interrupt is claimed and handled, and counted for its hart") {
  AiaMachine s({});
  s.start();
  REQUIRE(s.bound());
  CHECK(s.aplic.enabled.none());
  CHECK(s.aplic.idcs[0].threshold == 0);
  CHECK(s.aplic.idcs[0].force == 0);
  REQUIRE(s.request(10));
  CHECK(s.aplic.sourcecfg[10] == test::FakeAplic::Level1);
  for (u32 round = 1; round <= 3; ++round) {
    s.aplic.set_wire(10, true);
    s.take_interrupt();
    CHECK(s.handled == round);
    CHECK(s.aplic.best(0) == 0);
  }
  CHECK(s.count(0) == 3);
  s.held = {};
  CHECK(s.aplic.enabled.none());
}

TEST_CASE("aplic: a level that stays up interrupts again, an edge does not") {
  AiaMachine s({});
  s.start();
  s.stuck = true;
  const auto [trigger, again] =
      GENERATE(std::pair(irq::Trigger::High, 1u), std::pair(irq::Trigger::Low, 1u),
               std::pair(irq::Trigger::Rising, 0u), std::pair(irq::Trigger::Falling, 0u));
  const bool high = trigger == irq::Trigger::High || trigger == irq::Trigger::Rising;
  s.aplic.set_wire(10, !high);
  REQUIRE(s.request(10, trigger));
  s.take_interrupt();
  CHECK(s.handled == 0);
  s.aplic.set_wire(10, high);
  s.take_interrupt();
  CHECK(s.handled == 1);
  CHECK(s.aplic.best(0) == again * 10);
  s.take_interrupt();
  CHECK(s.handled == 1 + again);
}

TEST_CASE("aplic: the trigger is what the device's node says") {
  test::TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  build.begin("intc").cells("phandle", {3}).cells("#interrupt-cells", {2}).end();
  build.begin("one").text("compatible", "dev").cells("interrupt-parent", {3});
  build.cells("interrupts", {8, 4, 9, 1}).end();
  build.begin("two").text("compatible", "dev").cells("interrupts-extended", {3, 7, 2}).end();
  test::Machine machine(build.finish());
  REQUIRE(machine.bus.populate(machine.tree));
  const dev::Device& one = *machine.bus.find_device("one");
  REQUIRE(one.irq_count == 2);
  CHECK(one.irqs[0].source == 8);
  CHECK(one.irqs[0].trigger == irq::Trigger::High);
  CHECK(one.irqs[1].source == 9);
  CHECK(one.irqs[1].trigger == irq::Trigger::Rising);
  const dev::Device& two = *machine.bus.find_device("two");
  CHECK(two.irqs[0].source == 7);
  CHECK(two.irqs[0].trigger == irq::Trigger::Falling);
}

TEST_CASE("aplic: a trigger that makes no sense, or that the source does not take, is refused") {
  AiaMachine s({});
  s.start();
  CHECK(s.request(10, static_cast<irq::Trigger>(3)).error() == Errc::NotSupported);
  CHECK(s.lines.has("source 10 does not take trigger 3"));
  s.aplic.undelegated[11] = true;
  CHECK(s.request(11).error() == Errc::NotSupported);
  CHECK(s.lines.has("source 11 does not take trigger 4"));
  CHECK(s.aplic.enabled.none());
  CHECK(s.request(10));
}

TEST_CASE("aplic: sources that do not exist cannot be asked for") {
  AiaMachine s({});
  s.start();
  CHECK(s.request(0).error() == Errc::OutOfRange);
  CHECK(s.request(96).error() == Errc::OutOfRange);
  CHECK(s.request(95));
}

TEST_CASE("aplic: an affinity moves a source from one hart to another, also from its handler") {
  AiaMachine s(two_harts());
  s.start();
  REQUIRE(s.request(10));
  REQUIRE(irq::set_affinity(Aia::kAplic, 10, hart(1)));
  s.aplic.set_wire(10, true);
  CHECK(s.aplic.best(0) == 0);
  s.take_interrupt();  // on hart 0: spurious
  CHECK(s.handled == 0);
  s.moves_to = &hart(0);
  s.machine.world.run_as(1, [&] { s.take_interrupt(); });
  CHECK(s.handled_at == 1);
  CHECK(s.count(0) == 0);
  CHECK(s.count(1) == 1);
  s.moves_to = nullptr;
  s.aplic.set_wire(10, true);
  CHECK(s.aplic.best(1) == 0);
  s.take_interrupt();
  CHECK(s.handled_at == 0);
  CHECK(s.count(0) == 1);
  CHECK(s.count(1) == 1);
}

TEST_CASE("aplic: a hart without an IDC cannot be an affinity, and is named") {
  // Hart 1 has no supervisor entry in the tree, and hart 2's IDC lies beyond the registers.
  AiaMachine s({.harts = {0, 1, 2}, .running = 3, .bytes = 0x4020, .entries = {100, 9, 102, 9}});
  s.start();
  REQUIRE(s.bound());
  CHECK(s.lines.has("there is no supervisor entry for hart 1"));
  CHECK(s.lines.has("IDC 1 needs 0x4040 bytes of registers and there are 0x4020"));
  REQUIRE(s.request(10));
  CHECK(irq::set_affinity(Aia::kAplic, 10, hart(1)).error() == Errc::NotSupported);
  CHECK(s.lines.has("interrupt source 10 of d000000.aplic cannot interrupt hart 1"));
  CHECK(irq::set_affinity(Aia::kAplic, 10, hart(2)).error() == Errc::NotSupported);
  s.machine.world.run_as(1, [&] { s.take_interrupt(); });  // it has nothing to claim at
}

TEST_CASE("aplic: a domain without a way to the hart that booted is refused") {
  const auto aia = GENERATE(Aia{.entries = {}}, Aia{.entries = {99, 9}}, Aia{.entries = {100}},
                            Aia{.bytes = 0x401c}, Aia{.bytes = 0x4000}, Aia{.parents = false});
  AiaMachine s(aia);
  s.start();
  CHECK(s.device().state() == dev::State::Failed);
  CHECK(s.device().reason() == "it has no IDC for the hart that booted");
  CHECK(irq::find_controller(Aia::kAplic) == nullptr);
}

TEST_CASE("aplic: riscv,num-sources outside 1 to 1023 is refused and named") {
  for (const u32 sources : {0u, 1024u, ~0u}) {
    AiaMachine s({.sources = sources});
    s.start();
    CHECK(s.device().state() == dev::State::Failed);
    CHECK(s.lines.has("riscv,num-sources is " + std::to_string(sources)));
  }
  CHECK(AiaMachine({.sources = 1}).start().bound());
  AiaMachine most({.sources = 1023});
  most.start();
  REQUIRE(most.request(1023));
  most.aplic.set_wire(1023, true);
  most.take_interrupt();
  CHECK(most.handled == 1);
}

TEST_CASE("aplic: machine mode's domain is left to the firmware, which is no error") {
  const u32 before = errors();
  AiaMachine s({.entries = {100, 11}});
  s.start();
  CHECK(s.device().state() == dev::State::Unbound);
  CHECK(s.device().reason() == "its interrupts are machine mode's: the firmware's");
  CHECK(s.lines.has("machine mode's: the firmware's"));
  CHECK(errors() == before);
  CHECK(s.aplic.enabled.count() == 95);  // nobody touched it
}

TEST_CASE("aplic: a domain that does not take its delivery mode is refused with what it says") {
  AiaMachine s({});
  s.aplic.domaincfg_mask = 0;
  s.start();
  CHECK(s.device().state() == dev::State::Failed);
  CHECK(s.lines.has("domaincfg is 0x80000000 after 0x100"));
}

TEST_CASE("aplic: a claim that no APLIC can answer is logged once and ends the call") {
  AiaMachine s({});
  s.start();
  s.aplic.lie = 96;
  s.take_interrupt();
  CHECK(s.lines.has("claimed source 96 of 95"));
  s.lines.mark();
  s.aplic.lie = 0xffff;
  s.take_interrupt();
  CHECK(s.lines.text() == "");
}

TEST_CASE("aplic: a source that storms is silenced, and lets the hart go on") {
  AiaMachine s({});
  s.start();
  REQUIRE(s.request(10));
  s.stuck = true;
  s.aplic.set_wire(10, true);
  for (u32 turns = 0; s.aplic.best(0) != 0 && turns < 100'000; ++turns) {
    s.take_interrupt();
  }
  CHECK(s.handled == irq::kLookEvery);
  CHECK(s.lines.has("source 10 of d000000.aplic is silenced"));
  CHECK(irq::find_controller(Aia::kAplic)->usage(10)->stormed);
}
