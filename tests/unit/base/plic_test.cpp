// The PLIC's driver beside a PLIC that follows the specification to the letter.
#include "tests/catch.hpp"

#include "tests/unit/base/fake_devices.hpp"
#include "tests/unit/base/log_lines.hpp"
#include "tests/unit/base/machine.hpp"

#include <optional>

#include <sluice/drivers/irqchip/plic.hpp>

using namespace sluice;
using test::FakePlic;
using test::LogLines;
using test::Machine;
using test::TreeBuilder;

namespace {

constexpr u32 kPhandle = 3;
constexpr u32 kAbsent = ~0u;  // a context that does not exist

TreeBuilder::Blob plic_tree(const TreeBuilder::Cells& harts, const TreeBuilder::Cells& contexts,
                            u32 sources = 95, u32 bytes = 0x60'0000, u32 phandle = kPhandle) {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  test::add_cpus(build, harts);
  build.begin("plic@c000000").texts("compatible", {"sifive,plic-1.0.0", "riscv,plic0"});
  build.cells("reg", {0, 0xc000000, 0, bytes}).cells("riscv,ndev", {sources});
  if (phandle != 0) {
    build.cells("phandle", {phandle});
  }
  build.cells("interrupts-extended", contexts)
      .cells("#interrupt-cells", {1})
      .raw("interrupt-controller", "")
      .end();
  return build.finish();
}

struct Setting {
  explicit Setting(TreeBuilder::Blob blob, u64 hart = 0, u64 bytes = 0x60'0000, u32 harts = 1)
      : plic(bytes), machine(std::move(blob), hart, harts) {
    machine.world.add_registers(PhysAddr(0xc000000), plic);
    added = machine.bus.populate(machine.tree) && dev::add_driver(driver);
    device = machine.bus.find_device("c000000.plic");
  }
  ~Setting() {
    held = {};
    machine.bus.release_all();
    machine.bus.remove_driver(driver);
  }
  // Asks for `source`; its handler counts in `handled` and lowers the level, unless `stuck`.
  void request(u32 source) {
    last_source = source;
    auto result = irq::request(kPhandle, source, &handler, this, "test");
    REQUIRE(result);
    held = std::move(*result);
  }
  static void handler(void* context) {
    auto& self = *static_cast<Setting*>(context);
    ++self.handled;
    CHECK(port::this_hart().context == Context::Irq);
    self.handled_at = port::this_hart().index;
    if (self.move_in_handler) {
      CHECK(irq::set_affinity(kPhandle, self.last_source, sluice::hart(1)));
    }
    if (!self.stuck) {
      self.plic.level[self.last_source] = false;
    }
    if (self.silence_in_handler) {
      irq::silence(kPhandle, self.last_source);
    }
    if (self.give_up_in_handler) {
      self.held = {};
    }
  }
  void take_interrupt() { irq::external_interrupts.serve(irq::external_interrupts.first); }

  FakePlic plic;
  Machine machine;
  irqchip::PlicDriver driver;
  bool added = false;
  dev::Device* device = nullptr;
  irq::Registration held;
  u32 last_source = 0;
  u32 handled = 0;
  u32 handled_at = ~0u;
  bool move_in_handler = false;
  bool stuck = false;
  bool give_up_in_handler = false;
  bool silence_in_handler = false;
};

TreeBuilder::Blob one_hart() {
  return plic_tree({0}, {100, 11, 100, 9});
}

}  // namespace

TEST_CASE("plic: an interrupt is claimed, handled and completed") {
  Setting s(one_hart());
  REQUIRE(s.device->state() == dev::State::Bound);
  s.request(10);
  CHECK(s.plic.enabled[1][10]);
  CHECK(s.plic.enabled[1].count() == 1);
  CHECK(s.plic.enabled[0].none());
  CHECK(s.plic.priority[10] == 1);
  CHECK(s.plic.priority[11] == 0);
  CHECK(s.plic.threshold[1] == 0);
  for (u32 round = 1; round <= 3; ++round) {
    s.plic.level[10] = true;
    s.take_interrupt();
    CHECK(s.handled == round);
    CHECK(s.plic.claimed.none());
  }
  CHECK(s.plic.completions == 3);
  CHECK(irq::find_controller(kPhandle)->usage(10)->total() == 3);
}

TEST_CASE("plic: the context is that of this hart's supervisor mode") {
  // Harts 4, 2 and 7, the first without supervisor mode, as on SiFive's boards; the order is that
  // of the contexts.
  const auto blob = plic_tree({4, 2, 7}, {100, 11, 101, kAbsent, 101, 9, 102, 11, 102, 9});
  Setting s(blob, 7);
  REQUIRE(s.device->state() == dev::State::Bound);
  s.request(31);
  CHECK(s.plic.enabled[4][31]);
  CHECK(s.plic.enabled[2].none());
}

TEST_CASE("plic: a hart without a context is refused and named") {
  LogLines lines;
  Setting s(plic_tree({0, 1}, {100, 11, 100, 9, 101, 11}), 1);
  CHECK(s.device->state() == dev::State::Failed);
  CHECK(irq::find_controller(kPhandle) == nullptr);
  CHECK(lines.has("no supervisor entry for hart 1"));
}

TEST_CASE("plic: one without a phandle is refused, because nobody can name it") {
  Setting setting(plic_tree({0}, {100, 9}, 95, 0x60'0000, 0));
  CHECK(setting.device->state() == dev::State::Failed);
  CHECK(setting.device->reason() == "it has no phandle, so that nobody can name it");
}

TEST_CASE("plic: riscv,ndev outside 1 to 1023 is refused and named") {
  for (const u32 sources : {0u, 1024u, ~0u}) {
    LogLines lines;
    Setting s(plic_tree({0}, {100, 9}, sources));
    CHECK(s.device->state() == dev::State::Failed);
    CHECK(lines.has("riscv,ndev is " + std::to_string(sources)));
  }
  CHECK(Setting(plic_tree({0}, {100, 9}, 1023)).device->state() == dev::State::Bound);
  CHECK(Setting(plic_tree({0}, {100, 9}, 1)).device->state() == dev::State::Bound);
}

TEST_CASE("plic: registers that end before the context are refused") {
  LogLines lines;
  CHECK(Setting(plic_tree({0}, {100, 11, 100, 9}, 95, 0x20'1008)).device->state() ==
        dev::State::Bound);
  Setting s(plic_tree({0}, {100, 11, 100, 9}, 95, 0x20'1007), 0, 0x20'1007);
  CHECK(s.device->state() == dev::State::Failed);
  CHECK(lines.has("context 1 needs 0x201008 bytes"));
}

TEST_CASE("plic: sources that do not exist cannot be asked for") {
  Setting s(one_hart());
  CHECK(irq::request(kPhandle, 0, &Setting::handler, &s, "test").error() == Errc::OutOfRange);
  CHECK(irq::request(kPhandle, 96, &Setting::handler, &s, "test").error() == Errc::OutOfRange);
  CHECK(irq::request(kPhandle, 95, &Setting::handler, &s, "test"));
}

TEST_CASE("plic: a spurious interrupt is passed over") {
  Setting s(one_hart());
  s.request(10);
  s.take_interrupt();
  CHECK(s.handled == 0);
  CHECK(s.plic.completions == 0);
}

TEST_CASE("plic: a source that stays up is served once an interrupt, and interrupts again") {
  Setting s(one_hart());
  s.request(10);
  s.stuck = true;
  s.plic.level[10] = true;
  s.take_interrupt();
  CHECK(s.handled == 1);
  CHECK(s.plic.best(1) == 10);
}

TEST_CASE("plic: a source that its handler gives back is completed all the same") {
  Setting s(one_hart());
  s.request(10);
  s.give_up_in_handler = true;
  s.plic.level[10] = true;
  s.take_interrupt();
  CHECK(s.plic.claimed.none());
  CHECK_FALSE(s.plic.enabled[1][10]);
  s.give_up_in_handler = false;
  s.request(10);
  s.plic.level[10] = true;
  s.take_interrupt();
  CHECK(s.handled == 2);
}

TEST_CASE("plic: a source that stays up and is silenced by its handler lets the hart go on") {
  Setting s(one_hart());
  s.request(10);
  s.stuck = true;
  s.silence_in_handler = true;
  s.plic.level[10] = true;
  s.take_interrupt();
  CHECK(s.plic.claimed.none());
  CHECK(s.plic.best(1) == 0);
  CHECK_FALSE(s.plic.enabled[1][10]);
  s.stuck = s.silence_in_handler = false;
  REQUIRE(irq::set_affinity(kPhandle, 10, hart(0)));
  s.take_interrupt();
  CHECK(s.handled == 2);
  CHECK(s.plic.best(1) == 0);
}

TEST_CASE("plic: a source that nobody asked for is completed, disabled and named") {
  Setting s(one_hart());
  s.request(10);
  s.plic.enabled[1][12] = true;  // somebody else's doing
  s.plic.priority[12] = 1;
  s.plic.level[12] = true;
  LogLines lines;
  s.take_interrupt();
  CHECK(s.plic.claimed.none());
  CHECK_FALSE(s.plic.enabled[1][12]);
  CHECK(s.plic.enabled[1][10]);
  CHECK(lines.has("source 12"));
}

TEST_CASE("plic: a claim that no PLIC can answer is logged once and ends the call") {
  Setting s(one_hart());
  LogLines lines;
  s.plic.lie = 96;
  s.take_interrupt();
  CHECK(lines.has("claimed source 96 of 95"));
  lines.mark();
  s.plic.lie = ~0u;
  s.take_interrupt();
  CHECK(lines.text() == "");
}

namespace {

TreeBuilder::Blob two_harts() {
  return plic_tree({0, 1}, {100, 11, 100, 9, 101, 11, 101, 9});
}

}  // namespace

TEST_CASE("plic: an affinity moves a source from one hart's context to another's") {
  Setting s(two_harts(), 0, 0x60'0000, 2);
  s.request(10);
  CHECK(s.plic.enabled[1][10]);
  REQUIRE(irq::set_affinity(kPhandle, 10, hart(1)));
  CHECK(s.plic.enabled[1].none());
  CHECK(s.plic.enabled[3][10]);
  s.plic.level[10] = true;
  s.take_interrupt();  // on hart 0: spurious
  CHECK(s.handled == 0);
  s.machine.world.run_as(1, [&] { s.take_interrupt(); });
  CHECK(s.handled == 1);
  CHECK(s.handled_at == 1);
  CHECK(s.plic.claimed.none());
  s.held = {};
  CHECK(s.plic.enabled[3].none());
  CHECK_FALSE(s.plic.shared);
}

TEST_CASE("plic: an interrupt whose handler moves it is completed where it was claimed") {
  Setting s(two_harts(), 0, 0x60'0000, 2);
  s.request(10);
  s.move_in_handler = true;
  s.plic.level[10] = true;
  s.take_interrupt();
  CHECK(s.handled_at == 0);
  CHECK(s.plic.claimed.none());
  CHECK(s.plic.enabled[1].none());
  CHECK(s.plic.enabled[3][10]);
  CHECK_FALSE(s.plic.shared);
  s.plic.level[10] = true;
  s.machine.world.run_as(1, [&] { s.take_interrupt(); });
  CHECK(s.handled_at == 1);
  CHECK(s.plic.claimed.none());
}

TEST_CASE("plic: a source can be asked for on another hart from the beginning") {
  Setting s(two_harts(), 0, 0x60'0000, 2);
  const auto held = irq::request(kPhandle, 31, &Setting::handler, &s, "test", hart(1));
  REQUIRE(held);
  CHECK(s.plic.enabled[3][31]);
  CHECK(s.plic.enabled[1].none());
}

TEST_CASE("plic: a hart without a context cannot be an affinity, and is named") {
  LogLines lines;
  // Hart 1 has no supervisor mode in the tree, and hart 2's context lies beyond the registers.
  Setting s(plic_tree({0, 1, 2}, {100, 11, 100, 9, 101, 11, 102, 9}, 95, 0x20'3000), 0, 0x20'3000,
            3);
  REQUIRE(s.device->state() == dev::State::Bound);
  CHECK(lines.has("no supervisor entry for hart 1"));
  CHECK(lines.has("context 3 needs 0x203008 bytes"));
  s.request(10);
  lines.mark();
  CHECK(irq::set_affinity(kPhandle, 10, hart(1)).error() == Errc::NotSupported);
  CHECK(lines.has("interrupt source 10 of c000000.plic cannot interrupt hart 1"));
  CHECK(irq::set_affinity(kPhandle, 10, hart(2)).error() == Errc::NotSupported);
  CHECK(irq::request(kPhandle, 11, &Setting::handler, &s, "test", hart(2)).error() ==
        Errc::NotSupported);
  CHECK(s.plic.enabled[1].count() == 1);
}

TEST_CASE("plic: a device that came before its interrupt controller is bound when that comes") {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  test::add_cpus(build, {0});
  build.begin("dev@1")
      .text("compatible", "dev")
      .cells("interrupt-parent", {kPhandle})
      .cells("interrupts", {8})
      .end();
  build.begin("plic@c000000")
      .text("compatible", "riscv,plic0")
      .cells("reg", {0, 0xc000000, 0, 0x60'0000});
  build.cells("phandle", {kPhandle}).cells("riscv,ndev", {95}).cells("#interrupt-cells", {1});
  build.cells("interrupts-extended", {100, 9}).end();

  class IrqDriver final : public dev::PlatformDriver {
   public:
    IrqDriver() : PlatformDriver("dev") {}
    std::span<const std::string_view> compatibles() const override {
      static constexpr std::string_view kNames[] = {"dev"};
      return kNames;
    }
    Result<void> probe(dev::Device& device) override {
      return device.request_irq(0, [](void*) {}, nullptr);
    }
  } driver;

  FakePlic plic;
  Machine machine(build.finish());
  machine.world.add_registers(PhysAddr(0xc000000), plic);
  irqchip::PlicDriver plic_driver;
  REQUIRE(machine.bus.populate(machine.tree));
  REQUIRE(dev::add_driver(driver));
  const dev::Device& device = *machine.bus.find_device("1.dev");
  CHECK(device.state() == dev::State::Deferred);
  REQUIRE(dev::add_driver(plic_driver));
  CHECK(device.state() == dev::State::Bound);
  CHECK(plic.enabled[0][8]);
  CHECK(machine.bus.unbind(*machine.bus.find_device("c000000.plic")).error() == Errc::NotSupported);
  machine.bus.release_all();
  CHECK_FALSE(plic.enabled[0][8]);
  machine.bus.remove_driver(driver);
  machine.bus.remove_driver(plic_driver);
}
