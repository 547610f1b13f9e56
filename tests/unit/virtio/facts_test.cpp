// What a disk says of itself when it is asked (its lifetime), what it hints at (its physical
// blocks), and what it lets its driver choose (its cache mode).
// Reference: virtio 1.2, 5.2.4, 5.2.6.1.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

// --- Lifetime ------------------------------------------------------------------------------------

TEST_CASE("A disk tells its lifetime, as often as it is asked") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.lifetime = referee::Lifetime{.pre_eol_info = 2, .typ_a = 7, .typ_b = 0x0b}},
                  variant.setup());
  machine.plug();
  for (int i = 0; i < 2; ++i) {
    const auto life = virtio::BlockDriver::read_lifetime(*machine.virtio_device());
    REQUIRE(life.has_value());
    CHECK(life->pre_eol_info == 2);
    CHECK(life->used_a == 7);
    CHECK(life->used_b == 0x0b);
    CHECK(virtio::BlockDriver::read_id(*machine.virtio_device()).has_value());  // in between
  }
  CHECK(machine.disk.requests().front().type == referee::kBlkGetLifetime);
}

TEST_CASE("A disk that does not offer its lifetime is not asked for it") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({}, variant.setup());
  machine.plug();
  const auto life = virtio::BlockDriver::read_lifetime(*machine.virtio_device());
  CHECK(life.error() == Errc::NotSupported);
  CHECK(machine.disk.requests().empty());
}

TEST_CASE("A disk that fails to tell its lifetime, or does not answer, is an error") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.lifetime = referee::Lifetime{}}, variant.setup());
  machine.plug();
  const auto ask = [&] { return virtio::BlockDriver::read_lifetime(*machine.virtio_device()); };
  machine.disk.status_byte = referee::kBlkIoError;
  CHECK(ask().error() == Errc::Io);
  machine.disk.status_byte = referee::kBlkUnsupported;
  CHECK(ask().error() == Errc::NotSupported);
  machine.disk.status_byte.reset();
  machine.device().knobs.hold = true;
  CHECK(ask().error() == Errc::Timeout);
  CHECK(machine.log.has("no answer to GET_LIFETIME"));
  CHECK(ask().error() == Errc::Busy);  // its slot is still the device's
  machine.device().knobs.hold = false;
  machine.world.settle();
  CHECK(ask().has_value());
}

// --- Physical blocks -----------------------------------------------------------------------------

TEST_CASE("A disk's physical blocks are as many logical ones as it says, if that makes sense") {
  const Variant variant = any_variant();
  const std::uint32_t block = GENERATE(as<std::uint32_t>{}, 512, 4096);
  INFO(name_of(variant) << ", blocks of " << block);
  const auto physical_bytes = [&](bool topology, std::uint8_t exponent) {
    Machine machine({.block_bytes = block, .topology = topology, .physical_block_exp = exponent},
                    variant.setup());
    machine.plug();
    REQUIRE(machine.vda() != nullptr);
    CHECK(machine.vda()->limits().logical_block_bytes == block);
    return machine.vda()->limits().physical_block_bytes;
  };
  CHECK(physical_bytes(false, 3) == block);
  CHECK(physical_bytes(true, 0) == block);
  CHECK(physical_bytes(true, 3) == block * 8);
  CHECK(physical_bytes(true, 200) == block);
  CHECK(physical_bytes(true, 255) == block);
}

// --- Cache mode ----------------------------------------------------------------------------------

namespace {

bool survives_power_cut(Machine& machine, u64 sector) {
  Io io(blk::Op::Write, sector, 512);
  std::fill(io.data.begin(), io.data.end(), std::byte{0x5a});
  CHECK(machine.run(io) == blk::Status::Ok);
  machine.disk.disk.lose_cache();
  return machine.disk.disk.read(sector)[0] == std::byte{0x5a};
}

}  // namespace

TEST_CASE("A disk's write cache is switched off and on, and what was in it is durable first") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.config_wce = true}, variant.setup());
  machine.plug();
  const auto set = [&](bool on) {
    return virtio::BlockDriver::set_write_cache(*machine.virtio_device(), on).has_value();
  };
  CHECK(machine.vda()->has_write_cache());
  CHECK_FALSE(survives_power_cut(machine, 0));
  Io before(blk::Op::Write, 8, 512);
  CHECK(machine.run(before) == blk::Status::Ok);
  CHECK(machine.disk.disk.cached() == 1);
  CHECK(set(false));
  CHECK(machine.disk.disk.cached() == 0);
  CHECK_FALSE(machine.disk.writeback());
  CHECK_FALSE(machine.vda()->has_write_cache());
  CHECK(survives_power_cut(machine, 16));
  CHECK(set(true));
  CHECK(machine.disk.writeback());
  CHECK(machine.vda()->has_write_cache());
  CHECK_FALSE(survives_power_cut(machine, 24));
}

TEST_CASE("A write in flight while the cache is switched off is durable afterwards") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.config_wce = true}, variant.setup());
  machine.plug();
  Io io(blk::Op::Write, 8, 512);
  std::fill(io.data.begin(), io.data.end(), std::byte{0x5a});
  machine.device().knobs.hold = true;
  machine.submit(io);
  machine.world.settle();
  machine.world.steps.emplace_back(
      [&] { return std::exchange(machine.device().knobs.hold, false); });
  CHECK(virtio::BlockDriver::set_write_cache(*machine.virtio_device(), false).has_value());
  CHECK(io.ok());
  machine.disk.disk.lose_cache();
  CHECK(machine.disk.disk.read(8)[0] == std::byte{0x5a});
}

TEST_CASE("A disk without CONFIG_WCE keeps its cache mode") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({}, variant.setup());
  machine.plug();
  const auto set = virtio::BlockDriver::set_write_cache(*machine.virtio_device(), false);
  CHECK(set.error() == Errc::NotSupported);
  CHECK(machine.vda()->has_write_cache());
  CHECK(machine.disk.requests().empty());
}

TEST_CASE("A cache that was switched off stays off when the device was reset") {
  const Variant variant = any_variant();
  INFO(name_of(variant));
  Machine machine({.config_wce = true}, variant.setup());
  machine.plug();
  REQUIRE(virtio::BlockDriver::set_write_cache(*machine.virtio_device(), false).has_value());
  machine.device().break_down();
  machine.world.settle();
  CHECK(machine.log.has("in service again"));
  CHECK_FALSE(machine.disk.writeback());
  CHECK(survives_power_cut(machine, 16));
}
