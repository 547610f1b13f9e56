// What a disk says of itself: limits, block size, cache, and what makes no sense.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("Requests keep to seg_max") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Ios ios;
  Machine machine({.sectors = 8192, .seg_max = 2}, variant.setup());
  machine.plug();
  CHECK(machine.vda()->limits().max_segments == 2);
  for (u64 i = 0; i < 8; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::Read, i * 100, 16 * 512, 16));
  }
  machine.submit(ios);
  machine.wait(ios);
  CHECK(all_hold_pattern(ios));
  CHECK(machine.disk.requests().front().segments == 2);
}

TEST_CASE("A device without SEG_MAX gets one segment, and one that says 0 means 1") {
  const bool offered = GENERATE(true, false);
  Machine machine({.sectors = 8192, .seg_max = offered ? std::optional(0u) : std::nullopt});
  if (offered) {
    machine.device().judge.tolerate("blk.seg_max");
  }
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(machine.vda()->limits().max_segments == 1);
  Io io(blk::Op::Read, 0, 4096, 4);
  CHECK(machine.run(io) == blk::Status::Ok);
  CHECK(io.holds_pattern());
}

TEST_CASE("A large seg_max is bounded by the ring and by the driver's tables") {
  Machine machine({.seg_max = 0xffff'ffff}, {.queue_num_max = 16});
  machine.plug();
  CHECK(machine.vda()->limits().max_segments == 14);
}

TEST_CASE("Segments keep to size_max") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.sectors = 8192, .seg_max = 8, .size_max = 1000}, variant.setup());
  machine.plug();
  CHECK(machine.vda()->limits().max_segment_bytes == 1000);
  Io io(blk::Op::Read, 8, 16 * 1024);
  CHECK(machine.run(io) == blk::Status::Ok);
  CHECK(io.holds_pattern());
}

// V9: sectors are 512 bytes whatever the block size.
TEST_CASE("A block size of 4096 leaves sectors at 512 bytes") {
  Machine machine({.sectors = 1024, .block_bytes = 4096});
  machine.plug();
  CHECK(machine.vda()->limits().logical_block_bytes == 4096);
  CHECK(machine.vda()->sectors() == 1024);
  Io block(blk::Op::Read, 16, 8192);
  CHECK(machine.run(block) == blk::Status::Ok);
  CHECK(block.holds_pattern());
  Io part(blk::Op::Read, 16, 512);
  CHECK(machine.run(part) == blk::Status::Misaligned);
}

TEST_CASE("A configuration that makes no sense is refused with its value") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  referee::BlockOptions options{};
  options.sectors = 1024;
  std::string said;
  SECTION("block size 0") {
    options.block_bytes = 0;
    said = "blk_size is 0";
  }
  SECTION("block size no power of two") {
    options.block_bytes = 520;
    said = "blk_size is 520";
  }
  SECTION("block size too large") {
    options.block_bytes = 131072;
    said = "blk_size is 131072";
  }
  SECTION("block size too small") {
    options.block_bytes = 256;
    said = "blk_size is 256";
  }
  SECTION("size_max 0") {
    options.size_max = 0;
    said = "size_max is 0";
  }
  SECTION("segments that hold no block") {
    options.size_max = 100;
    options.seg_max = 5;
    said = "5 segments of size_max 100 do not hold a block of 512";
  }
  SECTION("a capacity beyond all bytes") {
    options.sectors = ~std::uint64_t{0};
    said = "capacity is 18446744073709551615 sectors";
  }
  Machine machine(options, {.version = version});
  machine.plug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.virtio_device()->state() == dev::State::Failed);
  CHECK(machine.log.has(said));
}

TEST_CASE("Registers that end before the configuration does are refused") {
  Machine machine({.block_bytes = 512});
  machine.node.mmio[0].bytes = 0x104;
  struct Short final : MmioRegion {
    explicit Short(MmioRegion& whole) : whole_(whole) {}
    u64 bytes() const override { return 0x104; }
    u8 read8(u64 offset) override { return whole_.read8(offset); }
    u16 read16(u64 offset) override { return whole_.read16(offset); }
    u32 read32(u64 offset) override { return whole_.read32(offset); }
    void write8(u64 offset, u8 value) override { whole_.write8(offset, value); }
    void write16(u64 offset, u16 value) override { whole_.write16(offset, value); }
    void write32(u64 offset, u32 value) override { whole_.write32(offset, value); }
    MmioRegion& whole_;
  } registers(machine.slot.registers);
  machine.world.add_registers(machine.slot.base(), registers);
  machine.plug();
  CHECK(machine.vda() == nullptr);
  CHECK(machine.log.has("the configuration space has 4 bytes"));
  machine.unplug();
}

TEST_CASE("A read-only disk is not written") {
  Machine machine({.sectors = 1024, .read_only = true});
  machine.plug();
  CHECK(machine.vda()->read_only());
  Io write(blk::Op::Write, 0, 512);
  CHECK(machine.run(write) == blk::Status::ReadOnly);
  Io read(blk::Op::Read, 0, 512);
  CHECK(machine.run(read) == blk::Status::Ok);
}

TEST_CASE("A flush goes to the device where there is a write cache") {
  struct Case {
    bool flush, config_wce, cache;
  };
  const auto given =
      GENERATE(values<Case>({{true, false, true}, {false, false, false}, {true, true, true}}));
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.flush = given.flush, .config_wce = given.config_wce}, {.version = version});
  machine.plug();
  CHECK(machine.vda()->has_write_cache() == given.cache);
  Io flush(blk::Op::Flush, 0, 0, 0);
  CHECK(machine.run(flush) == blk::Status::Ok);
  CHECK(machine.disk.requests().size() == (given.cache ? 1 : 0));
}

TEST_CASE("A device in writethrough mode has no write cache") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.config_wce = true}, {.version = version});
  machine.device().before_access = [&](std::uint64_t offset, bool) {
    for (const referee::ConfigField& field : machine.disk.config_fields()) {
      if (field.name == "writeback" && offset == referee::kConfig + field.offset) {
        machine.disk.config_written(field, 0, machine.device().judge);
      }
    }
  };
  machine.plug();
  machine.device().before_access = nullptr;
  REQUIRE(!machine.disk.writeback());
  CHECK(!machine.vda()->has_write_cache());
}

TEST_CASE("A configuration change is acknowledged and told") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.sectors = 1024}, {.version = version});
  machine.plug();
  machine.disk.set_capacity(2048);
  machine.device().config_changed();
  machine.world.settle();
  CHECK(!machine.device().interrupt_pending());
  CHECK(machine.log.count("vda: 2048 sectors now, 1024 before") == 1);
  Io io(blk::Op::Read, 0, 512);
  CHECK(machine.run(io) == blk::Status::Ok);
}

// V8: the order in which the configuration and its generation are read.
TEST_CASE("A capacity that changes between its halves is read again") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.sectors = 0x1'ffff'ffff}, {.version = version});
  bool changed = false;
  machine.device().before_access = [&](std::uint64_t offset, bool) {
    if (offset == referee::kConfig + 4 && !std::exchange(changed, true)) {
      machine.disk.set_capacity(0x2'0000'0000);
      machine.device().config_changed();
    }
  };
  machine.plug();
  REQUIRE(machine.vda() != nullptr);
  CHECK(changed);
  CHECK(machine.vda()->sectors() == 0x2'0000'0000);
}

TEST_CASE("A configuration that keeps changing ends the probe") {
  const auto version = GENERATE(as<std::uint32_t>{}, 1, 2);
  Machine machine({.sectors = 1}, {.version = version});
  std::uint64_t sectors = 1;
  machine.device().before_access = [&](std::uint64_t offset, bool) {
    if (offset == referee::kConfig) {
      machine.disk.set_capacity(++sectors);
      machine.device().config_changed();
    }
  };
  machine.plug();
  machine.device().before_access = nullptr;
  CHECK(machine.vda() == nullptr);
  CHECK(machine.log.has("changed during each of 32 reads"));
}
