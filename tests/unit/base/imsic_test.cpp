// The drivers of IMSIC and APLIC together: sources become messages to the interrupt files of harts.
#include "tests/unit/base/aia.hpp"

using namespace sluice;
using test::Aia;
using test::AiaMachine;

namespace {

using Sent = std::vector<std::pair<u32, u32>>;

Aia one_hart() {
  return {.msi = true};
}
Aia two_harts() {
  return {.harts = {0, 1}, .running = 2, .msi = true, .entries = {100, 9, 101, 9}};
}
constexpr std::string_view kImsic = "28000000.imsics";

}  // namespace

TEST_CASE("imsic: a source becomes a message, which is claimed, handled and counted") {
  AiaMachine s(one_hart());
  s.start();
  REQUIRE(s.bound(kImsic));
  REQUIRE(s.bound());
  CHECK(s.files[0].delivery == 1);
  CHECK(s.files[0].threshold == 0);
  CHECK(s.files[0].enabled.count() == 255);
  REQUIRE(s.request(10));
  for (u32 round = 1; round <= 3; ++round) {
    s.aplic.set_wire(10, true);
    CHECK(s.sent == Sent(round, {0, 10}));
    s.take_interrupt();
    CHECK(s.handled == round);
    CHECK(s.files[0].pending.none());
  }
  CHECK(s.count(0) == 3);
}

TEST_CASE("imsic: a level that is up still after its handler is sent again, and an edge is not") {
  const auto [trigger, again] =
      GENERATE(std::pair(irq::Trigger::High, 1u), std::pair(irq::Trigger::Rising, 0u));
  AiaMachine s(one_hart());
  s.start();
  s.aplic.eager = GENERATE(false, true);
  REQUIRE(s.request(10, trigger));
  s.stuck = true;
  s.aplic.set_wire(10, true);
  s.take_interrupt();
  CHECK(s.sent.size() == 1 + again);
  s.stuck = false;
  s.take_interrupt();
  CHECK(s.handled == 1 + again);
  CHECK(s.sent.size() == 1 + again);
  s.take_interrupt();
  CHECK(s.handled == 1 + again);
}

TEST_CASE("imsic: a level that was up before its source was asked for is not lost") {
  AiaMachine s(one_hart());
  s.start();
  s.aplic.set_wire(10, true);
  REQUIRE(s.request(10));
  s.take_interrupt();
  CHECK(s.handled == 1);
}

TEST_CASE("imsic: an affinity sends messages to another hart, and late ones are handled") {
  AiaMachine s(two_harts());
  s.start();
  CHECK(s.files[1].delivery == 1);
  REQUIRE(s.request(10));
  s.aplic.set_wire(10, true);  // on its way to hart 0
  REQUIRE(irq::set_affinity(Aia::kAplic, 10, hart(1)));
  s.stuck = true;
  s.take_interrupt();
  CHECK(s.handled_at == 0);
  CHECK(s.count(0) == 1);
  CHECK(s.count(1) == 0);
  s.stuck = false;
  CHECK(s.sent.back() == std::pair(1u, 10u));
  s.machine.world.run_as(1, [&] { s.take_interrupt(); });
  CHECK(s.handled_at == 1);
  CHECK(s.count(0) == 1);
  CHECK(s.count(1) == 1);
  CHECK(s.files[0].pending.none());
  CHECK(s.files[1].pending.none());
}

TEST_CASE("imsic: a message that arrives after its source was given back is no error") {
  AiaMachine s(one_hart());
  s.start();
  REQUIRE(s.request(10));
  s.aplic.set_wire(10, true);
  s.held = {};
  s.lines.mark();
  s.take_interrupt();
  CHECK(s.handled == 0);
  bool error = false;
  log::for_each(
      [](const log::Line& line, void* to) {
        *static_cast<bool*>(to) |= line.level <= log::Level::Error &&
                                   line.text.find("nobody asked for") != std::string_view::npos;
      },
      &error);
  CHECK_FALSE(error);
}

TEST_CASE("imsic: a message that stands for no source is logged once and ends the call") {
  AiaMachine s(one_hart());
  s.start();
  s.files[0].message(200);
  s.take_interrupt();
  CHECK(s.lines.has("claimed source 200 of 95"));
  s.take_interrupt();
  CHECK(s.files[0].pending.none());
}

TEST_CASE("imsic: a source that storms is silenced, and lets the hart go on") {
  AiaMachine s(one_hart());
  s.start();
  REQUIRE(s.request(10));
  s.stuck = true;
  s.aplic.set_wire(10, true);
  for (u32 turns = 0; s.files[0].best() != 0 && turns < 100'000; ++turns) {
    s.take_interrupt();
  }
  CHECK(s.handled == irq::kLookEvery);
  CHECK(s.lines.has("source 10 of d000000.aplic is silenced"));
  REQUIRE(irq::set_affinity(Aia::kAplic, 10, hart(0)));
  CHECK(s.files[0].best() == 10);
}

TEST_CASE("imsic: an APLIC waits for the interrupt files of its msi-parent") {
  AiaMachine s(one_hart());
  s.start(false);
  CHECK(s.device().state() == dev::State::Deferred);
  CHECK(s.device().reason() == "waits for the interrupt files of its msi-parent");
  s.add_imsic_driver();
  CHECK(s.bound());
}

TEST_CASE("imsic: an APLIC whose msi-parent does not exist is refused") {
  Aia aia = one_hart();
  aia.msi_parent = 77;
  AiaMachine s(aia);
  s.start();
  CHECK(s.device().state() == dev::State::Failed);
  CHECK(s.lines.has("msi-parent 0x4d names no node"));
}

TEST_CASE("imsic: machine mode's files, and the APLIC before them, are left to the firmware") {
  Aia aia = one_hart();
  aia.entries = {100, 11};
  AiaMachine s(aia);
  s.start();
  for (const std::string_view name : {kImsic, std::string_view("d000000.aplic")}) {
    CHECK(s.device(name).state() == dev::State::Unbound);
    CHECK(s.device(name).reason() == "its interrupts are machine mode's: the firmware's");
  }
  CHECK(s.files[0].delivery == 0x4000'0000);
}

TEST_CASE("imsic: riscv,num-ids that cannot be is refused and named") {
  for (const u32 identities : {0u, 62u, 64u, 100u, 2111u, ~0u}) {
    Aia aia = one_hart();
    aia.identities = identities;
    AiaMachine s(aia);
    s.start();
    CHECK(s.device(kImsic).state() == dev::State::Failed);
    CHECK(s.lines.has("riscv,num-ids is " + std::to_string(identities)));
    CHECK(s.device().state() == dev::State::Deferred);
  }
  for (const u32 identities : {63u, 2047u}) {
    Aia aia = one_hart();
    aia.identities = identities;
    AiaMachine s(aia);
    s.start();
    CHECK(s.bound(kImsic));
    CHECK(s.files[0].enabled.count() == identities);
  }
}

TEST_CASE("imsic: sources beyond the identities cannot be asked for") {
  Aia aia = one_hart();
  aia.identities = 63;
  AiaMachine s(aia);
  s.start();
  CHECK(s.lines.has("only its first 63 of 95 sources have an identity"));
  CHECK(s.request(64).error() == Errc::OutOfRange);
  CHECK(s.request(63));
}

TEST_CASE("imsic: a hart that booted without an interrupt file makes the IMSIC useless") {
  const auto [aia, why] = GENERATE(
      std::pair(Aia{.isa = "rv64imac_ssaiax", .msi = true}, "does not have the extension Ssaia"),
      std::pair(Aia{.msi = true, .entries = {}}, "no supervisor entry for hart 0"),
      std::pair(Aia{.msi = true, .entries = {99, 9}}, "no supervisor entry for hart 0"),
      std::pair(Aia{.msi = true, .file_bytes = 0xfff}, "lies beyond the registers"),
      std::pair(Aia{.msi = true, .entries = {99, 9, 100, 9}, .file_bytes = 0x1000},
                "file of entry 1 lies beyond the registers"));
  AiaMachine s(aia);
  s.start();
  CHECK(s.device(kImsic).state() == dev::State::Failed);
  CHECK(s.lines.has(why));
}

TEST_CASE("imsic: a file that does not deliver is found out") {
  AiaMachine s(two_harts());
  s.files[1].refuses_delivery = true;
  s.start();
  CHECK(s.lines.has("the interrupt file of hart 1 does not deliver"));
  REQUIRE(s.request(10));
  CHECK(irq::set_affinity(Aia::kAplic, 10, hart(1)).error() == Errc::NotSupported);
}

TEST_CASE("imsic: address bits that make no sense are refused") {
  const auto bits =
      GENERATE(std::pair("riscv,guest-index-bits", 8u), std::pair("riscv,hart-index-bits", 15u),
               std::pair("riscv,group-index-bits", 8u), std::pair("riscv,group-index-bits", ~0u),
               std::pair("riscv,group-index-shift", 56u));
  Aia aia = one_hart();
  aia.bits = {bits};
  AiaMachine s(aia);
  s.start();
  CHECK(s.device(kImsic).state() == dev::State::Failed);
  CHECK(s.lines.has("from bit"));
}

TEST_CASE("imsic: groups that overlap the harts' bits are refused") {
  Aia aia = one_hart();
  aia.bits = {
      {"riscv,hart-index-bits", 3}, {"riscv,group-index-bits", 1}, {"riscv,group-index-shift", 14}};
  AiaMachine s(aia);
  s.start();
  CHECK(s.device(kImsic).state() == dev::State::Failed);
}

TEST_CASE("imsic: guests' files lie between those of the harts") {
  Aia aia = two_harts();
  aia.bits = {{"riscv,guest-index-bits", 2}};
  AiaMachine s(aia);
  s.start();
  CHECK(s.lines.has("interrupt file at 0x28004000 for hart 1"));
  REQUIRE(s.request(10));
  REQUIRE(irq::set_affinity(Aia::kAplic, 10, hart(1)));
  s.aplic.set_wire(10, true);
  CHECK(s.sent == Sent{{1, 10}});
}

TEST_CASE("imsic: a file whose address has other bits than the first is out of reach") {
  Aia aia = two_harts();
  aia.bits = {{"riscv,hart-index-bits", 0}};
  AiaMachine s(aia);
  s.start();
  CHECK(s.bound(kImsic));
  CHECK(s.lines.has("no message reaches an interrupt file at 0x28001000"));
}

TEST_CASE("imsic: one APLIC has all the identities, and another is told so") {
  Aia aia = one_hart();
  aia.aplics = 2;
  AiaMachine s(aia);
  s.start();
  CHECK(s.bound("d000000.aplic"));
  CHECK(s.device("e000000.aplic").state() == dev::State::Failed);
  CHECK(s.device("e000000.aplic").reason() == "its msi-parent serves another APLIC");
}

TEST_CASE("imsic: a domain without MSI delivery is refused, and its identities are free again") {
  Aia aia = one_hart();
  aia.aplics = 2;
  AiaMachine s(aia);
  s.aplic.domaincfg_mask = 0x100;
  s.start();
  CHECK(s.device("d000000.aplic").state() == dev::State::Failed);
  CHECK(s.lines.has("domaincfg is 0x80000100 after 0x104"));
  CHECK(s.bound("e000000.aplic"));
}

TEST_CASE("imsic: registers that end before the targets are refused") {
  Aia aia = one_hart();
  aia.bytes = 0x3fff;
  AiaMachine s(aia);
  s.start();
  CHECK(s.device().state() == dev::State::Failed);
  CHECK(s.lines.has("0x3fff bytes of registers, and 0x4000 are needed"));
}

TEST_CASE("imsic: harts with any ids are reached, also one that is not the first") {
  const Aia aia{
      .harts = {5, 2}, .running = 2, .msi = true, .entries = {99, 9, 101, 9, 100, 9, 99, 9}};
  AiaMachine s(aia);
  s.machine.world.interrupt_files[0] = &s.files[2];  // where the tree says that hart 5's is
  s.start();
  REQUIRE(s.request(10));
  s.aplic.set_wire(10, true);
  CHECK(s.sent == Sent{{2, 10}});
  s.take_interrupt();
  CHECK(s.handled == 1);
  s.held = {};
  REQUIRE(s.request(10));
  REQUIRE(irq::set_affinity(Aia::kAplic, 10, hart(1)));
  s.aplic.set_wire(10, true);
  CHECK(s.sent.back() == std::pair(1u, 10u));
}
