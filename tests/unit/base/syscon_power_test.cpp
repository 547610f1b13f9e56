// The test finisher: what is written for which status.
#include "tests/catch.hpp"

#include "tests/unit/base/fake_devices.hpp"
#include "tests/unit/base/machine.hpp"

#include <sluice/drivers/power/syscon_power.hpp>
#include <sluice/kernel/power.hpp>

using namespace sluice;
using test::FakeFinisher;
using test::Machine;
using test::TreeBuilder;

namespace {

TreeBuilder::Blob finisher_tree(u32 bytes = 0x1000) {
  TreeBuilder build;
  build.cells("#address-cells", {2}).cells("#size-cells", {2});
  for (const u32 base : {0x100000u, 0x200000u}) {
    build.begin("test@" + std::to_string(base / 0x10000) + "0000");
    build.texts("compatible", {"sifive,test1", "sifive,test0", "syscon"})
        .cells("reg", {0, base, 0, bytes})
        .end();
  }
  return build.finish();
}

struct Setting {
  explicit Setting(u32 bytes = 0x1000)
      : finisher(bytes), second(bytes), machine(finisher_tree(bytes)) {
    machine.world.add_registers(PhysAddr(0x100000), finisher);
    machine.world.add_registers(PhysAddr(0x200000), second);
    added = machine.bus.populate(machine.tree) && dev::add_driver(driver);
  }
  ~Setting() { machine.bus.remove_driver(driver); }
  FakeFinisher finisher;
  FakeFinisher second;
  Machine machine;
  power::SysconDriver driver;
  bool added = false;
};

using Writes = std::vector<std::pair<u64, u32>>;

}  // namespace

TEST_CASE("power: success, a status and a reset are told to the finisher") {
  Setting s;
  REQUIRE(power::device() != nullptr);
  power::device()->off(0);
  power::device()->off(101);
  power::device()->reboot();
  CHECK(s.finisher.writes == Writes{{0, 0x5555}, {0, 101u << 16 | 0x3333}, {0, 0x7777}});
}

TEST_CASE("power: a status beyond a process's own never looks like success") {
  Setting s;
  power::device()->off(256);
  power::device()->off(~0u);
  CHECK(s.finisher.writes == Writes{{0, 255u << 16 | 0x3333}, {0, 255u << 16 | 0x3333}});
}

TEST_CASE("power: the first finisher serves, and nobody after it has gone") {
  {
    Setting s;
    CHECK(s.machine.bus.find_device("100000.test")->state() == dev::State::Bound);
    CHECK(s.machine.bus.find_device("200000.test")->state() == dev::State::Failed);
    power::device()->off(0);
    CHECK(s.second.writes.empty());
  }
  CHECK(power::device() == nullptr);
}

TEST_CASE("power: a finisher without room for its register is refused") {
  Setting s(3);
  CHECK(s.machine.bus.find_device("100000.test")->state() == dev::State::Failed);
  CHECK(power::device() == nullptr);
}
