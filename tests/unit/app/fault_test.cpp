// fault and pt, as far as they go without a machine to break.
#include "test_machine.hpp"
#include "tests/catch.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("fault lists its kinds, and takes one of them") {
  Machine machine;
  CHECK(machine.run("fault") == 0);
  CHECK(machine.out.find("null-store   a store through a null pointer\n") != std::string::npos);
  CHECK(machine.run("fault of-nature") == 2);
  CHECK(machine.error.starts_with(
      "fault: one kind is taken, of those that `fault` alone lists: of-nature\n"));
  CHECK(machine.run("fault text rodata") == 2);
  CHECK_THROWS_WITH(machine.run("fault assertion"),
                    Catch::Matchers::ContainsSubstring("assertion failed: kConstant"));
}

TEST_CASE("pt shows each level of a walk, and where it ended") {
  Machine machine;
  CHECK(machine.run("pt 0x1000") == 1);
  CHECK(machine.error == "pt: 0x1000: translation is off\n");
  CHECK(machine.run("pt") == 2);
  CHECK(machine.run("pt here") == 2);
  CHECK(machine.run("pt 1 2") == 2);

  PageWalk& walk = machine.world.page_walk;
  walk.levels = 3;
  walk.count = 2;
  walk.steps[0] = {0x8000'1000, 2, 0x2000'0801};
  walk.steps[1] = {0x8000'2000, 1, 0x2008'00cf};
  CHECK(machine.run("pt 0x80201234") == 0);
  CHECK(machine.out ==
        "0x80201234 by Sv39\n"
        "level 2: table 0x80001000, entry 2: 0x20000801 next table 0x80002000\n"
        "level 1: table 0x80002000, entry 1: 0x200800cf RWX--AD\n"
        "physical address 0x80201234, in a page of 2048 KiB\n");
  walk.steps[1].entry = 0;
  CHECK(machine.run("pt 0x80201234") == 0);
  CHECK(machine.out.find("level 1: table 0x80002000, entry 1: 0x0 not valid\n"
                         "not mapped, nor is anything in these 2048 KiB\n") != std::string::npos);
}

TEST_CASE("pt says of an address that the mode of paging does not have which bits are wrong") {
  Machine machine;
  machine.world.page_walk.levels = 3;
  CHECK(machine.run("pt 0x8080200000") == 0);
  CHECK(machine.out ==
        "0x8080200000 by Sv39\n"
        "no address: bits 63 to 38 are not all the same\n");
}
