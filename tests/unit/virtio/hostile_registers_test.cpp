// Registers that lie: limits, sizes, features, status and interrupts. A probe ends with the value
// in the log or with a disk that works; a disk that works goes on or is taken out of service; and
// the disk beside it never notices.
#include "hostile.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u64 kTimeoutNs = blk::Disk::kDefaultTimeoutNs;

// All that has limits.
referee::BlockOptions all_fields() {
  return {.sectors = 8192,
          .block_bytes = 512,
          .seg_max = 8,
          .size_max = 65536,
          .config_wce = true,
          .topology = true,
          .num_queues = 1,
          .discard = referee::RangeLimits{2048, 4},
          .write_zeroes = referee::RangeLimits{2048, 4},
          .secure_erase = referee::RangeLimits{2048, 4}};
}

void check_refused(HostileMachine& machine, std::string_view said) {
  INFO(LogText::text());
  CHECK(machine.virtio_device()->state() == dev::State::Failed);
  CHECK(machine.log.count(said) == 1);
  machine.neighbour.check();
}

void check_reads(HostileMachine& machine) {
  INFO(LogText::text());
  REQUIRE(machine.virtio_device()->state() == dev::State::Bound);
  Io io(blk::Op::Read, 8, 8192, 2);
  CHECK(machine.run(io) == blk::Status::Ok);
  CHECK(io.holds_pattern());
  machine.neighbour.check();
}

std::function<u32(u64, u32)> always(u64 offset, u32 value) {
  return [=](u64 at, u32 said) { return at == offset ? value : said; };
}

}  // namespace

TEST_CASE("Every limit may be 0 or as large as can be, and is refused by name or kept to (V9)") {
  struct Field {
    std::string_view name;
    u32 offset;
    u32 largest;
    std::string_view refused_at_0;
    std::string_view refused_at_largest;
  };
  constexpr u32 kAll = ~u32{0};
  const auto field = GENERATE(values<Field>({
      {"size_max", 8, kAll, "size_max is 0", ""},
      {"seg_max", 12, kAll, "", ""},
      {"blk_size", 20, kAll, "blk_size is 0", "blk_size is 4294967295"},
      {"physical_block_exp", 24, 0xff, "", ""},
      {"alignment_offset", 25, 0xff, "", ""},
      {"min_io_size", 26, 0xffff, "", ""},
      {"opt_io_size", 28, kAll, "", ""},
      {"num_queues", 34, 0xffff, "num_queues is 0", ""},
      {"max_discard_sectors", 36, kAll, "", ""},
      {"max_discard_seg", 40, kAll, "", ""},
      {"discard_sector_alignment", 44, kAll, "", ""},
      {"max_write_zeroes_sectors", 48, kAll, "", ""},
      {"max_write_zeroes_seg", 52, kAll, "", ""},
      {"max_secure_erase_sectors", 60, kAll, "", ""},
      {"max_secure_erase_seg", 64, kAll, "", ""},
      {"secure_erase_sector_alignment", 68, kAll, "", ""},
  }));
  const bool largest = GENERATE(false, true);
  INFO(field.name << (largest ? ", largest" : ", 0"));
  HostileMachine machine(all_fields());
  machine.lie(always(referee::kConfig + field.offset, largest ? field.largest : 0));
  machine.plug();
  const std::string_view said = largest ? field.refused_at_largest : field.refused_at_0;
  if (!said.empty()) {
    check_refused(machine, said);
    return;
  }
  check_reads(machine);
  // What there is no room for is no such command; a large one is cut to what can be asked for.
  const blk::Limits& limits = machine.vda()->limits();
  CHECK((limits.max_discard_bytes == 0) == (!largest && field.name.starts_with("max_discard")));
  CHECK((limits.max_write_zeroes_bytes == 0) ==
        (!largest && field.name.starts_with("max_write_zeroes")));
  CHECK(limits.physical_block_bytes == 512);
}

TEST_CASE("Queues of odd sizes are used as far as they go, or refused with their size (V13)") {
  struct Case {
    u32 size;
    bool packed;
    u32 used;  // 0: refused
    std::string_view said;
  };
  const auto given = GENERATE(values<Case>({
      {0, false, 0, "has no queue 0 (QueueNumMax is 0)"},
      {0, true, 0, "has no queue 0 (QueueNumMax is 0)"},
      {1, false, 0, "a ring of 1 has no room"},
      {1, true, 0, "a ring of 1 has no room"},
      {2, false, 2, ""},
      {2, true, 2, ""},
      {3, false, 2, ""},
      {3, true, 3, ""},
      {100, false, 64, ""},
      {100, true, 100, ""},
      {32768, false, 256, ""},
      {32769, true, 256, ""},
      {0xffff'ffff, false, 256, ""},
      {0xffff'ffff, true, 256, ""},
  }));
  INFO(given.size << (given.packed ? ", packed" : ", split"));
  HostileMachine machine({.sectors = 8192, .seg_max = 8},
                         Variant{2, true, true, given.packed}.setup(1024));
  machine.lie(always(referee::kQueueNumMax, given.size));
  machine.plug();
  if (given.used == 0) {
    check_refused(machine, given.said);
    return;
  }
  CHECK(machine.queue().size() == given.used);
  check_reads(machine);
}

TEST_CASE("A second queue that is promised and not there ends the probe (V15)") {
  HostileMachine machine({.sectors = 8192, .num_queues = 4}, {}, {}, 2);
  machine.plug();
  check_refused(machine, "the device has no queue 1 (QueueNumMax is 0)");
}

TEST_CASE("Each register may lie for ever, and the probe ends") {
  const Variant variant{GENERATE(as<std::uint32_t>{}, 1, 2), true, true};
  const auto offset = GENERATE(as<u64>{}, referee::kMagicValue, referee::kVersion,
                               referee::kDeviceId, referee::kDeviceFeatures, referee::kQueueNumMax,
                               referee::kQueuePfn, referee::kQueueReady, referee::kInterruptStatus,
                               referee::kStatus, referee::kConfigGeneration, referee::kConfig + 4);
  const auto value = GENERATE(0u, 1u, 0x7fff'ffffu, ~0u);
  INFO(std::hex << offset << " says " << value);
  HostileMachine machine(all_fields(), variant.setup());
  machine.lie(always(offset, value));
  machine.plug();
  machine.neighbour.check();
  if (auto* const device = machine.virtio_device();
      device != nullptr && device->parent() == &machine.node && device->live()) {
    Io io(blk::Op::Read, 0, 512);
    machine.vda()->submit(io.bio);
    wait_until([&] { return io.done(); });
    machine.neighbour.check();
  }
}

TEST_CASE("A reset that never ends, for who is probed, names the status (V10)") {
  HostileMachine machine;
  machine.lie(always(referee::kStatus, 0x4f));
  machine.plug();
  check_refused(machine, "not reset after 100000 reads: Status is 0x4f, not 0");
}

TEST_CASE("A disk that is to be suspended, and whose reset never ends, keeps nobody waiting") {
  HostileMachine machine;
  machine.plug();
  machine.world.settle();
  machine.lie(always(referee::kStatus, 0x4f));
  CHECK_FALSE(machine.bus.suspend(*machine.virtio_device()).has_value());
  CHECK(machine.log.has("vda: out of service"));
  Io io(blk::Op::Read, 0, 512);
  machine.vda()->submit(io.bio);
  wait_until([&] { return io.done(); });
  CHECK(io.bio.status == blk::Status::IoError);
  machine.neighbour.check();
}

TEST_CASE("Features that are withdrawn end the probe or the recovery, by name (V7)") {
  HostileMachine machine(all_fields());
  bool withdrawn = false;
  u32 selected_reads = 0;
  machine.lie([&](u64 offset, u32 said) {
    if (offset == referee::kDeviceFeatures && withdrawn) {
      return selected_reads++ % 2 == 0 ? said & ~u32{referee::kBlkFlush} : said;
    }
    return offset == referee::kStatus && selected_reads == ~0u ? said & ~referee::kFeaturesOk
                                                               : said;
  });
  SECTION("at the probe: FEATURES_OK does not stick") {
    selected_reads = ~0u;
    machine.plug();
    check_refused(machine, "refuses the features 0x");
  }
  SECTION("after a reset") {
    machine.plug();
    const Ios ios = machine.hold_reads(4);
    withdrawn = true;
    machine.device().break_down();
    machine.world.settle();
    CHECK(machine.log.has("after a reset, without 0x200 that it offered before"));
    check_out_of_service(machine, ios, "was reset, and cannot be used again");
  }
}

TEST_CASE("Limits and ring sizes that are others after a reset take the device out of service") {
  HostileMachine machine(all_fields());
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  std::string_view said;
  SECTION("a limit") {
    machine.lie(always(referee::kConfig + 12, 3));
    said = "the device has other limits after a reset";
  }
  SECTION("a limit that makes no sense") {
    machine.lie(always(referee::kConfig + 20, 7));
    said = "blk_size is 7";
  }
  SECTION("a smaller ring") {
    machine.lie(always(referee::kQueueNumMax, 4));
    said = "queue 0 has 4 elements at most after a reset, and 256 are in use";
  }
  SECTION("no ring") {
    machine.lie(always(referee::kQueueNumMax, 0));
    said = "has no queue 0 (QueueNumMax is 0)";
  }
  SECTION("a configuration that is never twice the same") {
    machine.lie([generation = 0u](u64 offset, u32 was) mutable {
      return offset == referee::kConfigGeneration ? ++generation : was;
    });
    said = "changed during each of 32 reads";
  }
  machine.device().break_down();
  machine.world.settle();
  check_out_of_service(machine, ios, said);
}

TEST_CASE(
    "A capacity that changes between any two reads is bounded, and what there is is read (V8)") {
  HostileMachine machine;
  machine.plug();
  u32 reads = 0;
  machine.lie([&](u64 offset, u32 said) {
    return offset == referee::kConfig ? said + 8 * (++reads % 5) : said;
  });
  for (u32 round = 0; round < 50; ++round) {
    machine.device().config_changed();
    machine.world.settle();
  }
  CHECK(machine.vda()->sectors() >= 8192);
  CHECK(machine.vda()->sectors() < 8192 + 40);
  machine.registers.lie = always(referee::kConfig + 4, ~0u);
  machine.device().config_changed();
  machine.world.settle();
  CHECK(machine.log.has("more than the 18014398509481984 that can be counted in bytes"));
  check_reads(machine);
}

TEST_CASE("A status that is another at each read ends every bio") {
  const u64 seed = GENERATE(1, 2, 3, 4, 5, 6, 7, 8);
  HostileMachine machine;
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  machine.lie([random = seed](u64 offset, u32 said) mutable {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const u32 dice = static_cast<u32>(random >> 33);
    return offset != referee::kStatus ? said : dice % 3 == 0 ? 0 : dice % 256;
  });
  machine.device().config_changed();
  machine.wait(ios);
  machine.neighbour.check();
  CHECK(std::ranges::all_of(ios, [](const auto& io) { return io->ends == 1; }));
}

TEST_CASE("Interrupts that tell of nothing are borne, and the requests go on") {
  HostileMachine machine;
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  for (u32 i = 0; i < 9'000; ++i) {
    machine.interrupt();
  }
  machine.device().knobs.hold = false;
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
  machine.neighbour.check();
}

namespace {

// The line stays up from now on: whenever the driver has looked, it interrupts again.
void hold_line(HostileMachine& machine, u32 causes) {
  machine.lie([&machine, causes](u64 offset, u32 said) {
    if (offset == referee::kInterruptStatus) {
      machine.world.controller.raise(machine.slot.irq_source());
      return causes;
    }
    return said;
  });
  machine.registers.written = [&machine](u64) {
    machine.world.controller.raise(machine.slot.irq_source());
  };
  machine.world.controller.raise(machine.slot.irq_source());
  machine.world.deliver();
}

constexpr std::string_view kStorm = "8192 interrupts within 0 ms and none had a reason";

}  // namespace

TEST_CASE("A line that never goes down is disabled, and its device taken out of service (V3)") {
  const u32 causes = GENERATE(0u, 1u, 2u, 3u, ~0u);
  INFO(causes);
  HostileMachine machine;
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  hold_line(machine, causes);
  CHECK_FALSE(machine.world.controller.enabled(machine.slot.irq_source()));
  check_out_of_service(machine, ios, kStorm);
  // Bound anew it gets another chance: one that has come to its senses takes it.
  machine.tell_the_truth();
  machine.device().knobs.hold = false;
  REQUIRE(machine.bus.unbind(*machine.virtio_device()).has_value());
  REQUIRE(machine.bus.bind(*machine.virtio_device()).has_value());
  CHECK(machine.world.controller.enabled(machine.slot.irq_source()));
  Io io(blk::Op::Read, 8, 4096);
  CHECK(machine.run(io) == blk::Status::Ok);
}

TEST_CASE("A line that never goes down, of a device that is out of service, is disabled too") {
  HostileMachine machine;
  machine.plug();
  const Ios ios = machine.hold_reads(1);
  machine.virtio_device()->break_down();
  machine.world.settle();
  hold_line(machine, 1);
  CHECK_FALSE(machine.world.controller.enabled(machine.slot.irq_source()));
  check_out_of_service(machine, ios, kStorm);
}

TEST_CASE("A line that never goes down while its device is being reset ends the recovery") {
  HostileMachine machine;
  machine.plug();
  const Ios ios = machine.hold_reads(4);
  machine.device().knobs.reset_reads = 5;
  machine.pass(kTimeoutNs);
  hold_line(machine, 1);
  machine.pass(100'000'000);
  for (u32 look = 0; look < 10; ++look) {
    machine.pass(10'000'000);
  }
  check_out_of_service(machine, ios, kStorm);
}

TEST_CASE("Many interrupts over a long time are no storm") {
  HostileMachine machine;
  machine.plug();
  for (u32 i = 0; i < 25'000; ++i) {
    machine.world.advance_ns(2'000'000);
    machine.interrupt();
  }
  CHECK_FALSE(machine.log.has("is silenced"));
  check_reads(machine);
}
