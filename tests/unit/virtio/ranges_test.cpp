// Discarding, writing zeroes and erasing: what the driver makes of a range, and what becomes of the
// disk. Reference: virtio 1.2, 5.2.6.
#include "machine.hpp"

using namespace sluice;
using namespace sluice::test;

namespace {

using Ranges = std::vector<referee::BlockRange>;

// One of the three, on both sides.
struct Command {
  blk::Op op;
  std::uint32_t type;
  std::optional<referee::RangeLimits> referee::BlockOptions::* limits;
  blk::Status (*run)(blk::BlockDevice& device, blk::Sector sector, u64 bytes);
  std::byte leaves;  // what stands in its range afterwards
};

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      {blk::Op::Discard, referee::kBlkDiscardRequest, &referee::BlockOptions::discard, blk::discard,
       std::byte{0xdd}},
      {blk::Op::WriteZeroes, referee::kBlkWriteZeroesRequest, &referee::BlockOptions::write_zeroes,
       blk::write_zeroes, std::byte{0}},
      {blk::Op::SecureErase, referee::kBlkSecureEraseRequest, &referee::BlockOptions::secure_erase,
       blk::secure_erase, std::byte{0xff}}};
  return commands;
}
Command any_command() {
  return GENERATE(from_range(all_commands()));
}

// A disk that does it, and can flush nothing: what is done is done.
referee::BlockOptions disk_with(const Command& command, const referee::RangeLimits& limits) {
  referee::BlockOptions options{.sectors = 2048, .seg_max = 8, .flush = false};
  options.*command.limits = limits;
  return options;
}

// The flag that the driver sets where it may.
std::uint32_t flags_of(const Command& command) {
  return command.op == blk::Op::WriteZeroes ? 1 : 0;
}

// Is the disk changed in [first, first + sectors), all of that, and nowhere else?
bool changed_only(const Machine& machine, const Command& command, u64 first, u64 sectors) {
  for (u64 sector = 0; sector < machine.disk.capacity(); ++sector) {
    const auto bytes = machine.disk.disk.read(sector);
    const bool inside = sector >= first && sector - first < sectors;
    for (u32 i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != (inside ? command.leaves : pattern(sector, i))) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

TEST_CASE("A range is discarded, zeroed or erased on every kind of disk, and nothing beside it") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  Machine machine(disk_with(command, {}), variant.setup());
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(8), 16 * 512) == blk::Status::Ok);
  CHECK(changed_only(machine, command, 8, 16));
  REQUIRE(machine.disk.requests().size() == 1);
  const referee::BlockRequest& request = machine.disk.requests().front();
  CHECK(request.type == command.type);
  CHECK(request.ranges == Ranges{{8, 16, flags_of(command)}});
}

TEST_CASE(
    "A range longer than the device takes is several, in one request as long as it has room") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  Machine machine(disk_with(command, {.max_sectors = 16, .max_ranges = 4}), variant.setup());
  machine.plug();
  const std::uint32_t flags = flags_of(command);
  CHECK(command.run(*machine.vda(), blk::Sector(3), 40 * 512) == blk::Status::Ok);
  REQUIRE(machine.disk.requests().size() == 1);
  CHECK(machine.disk.requests()[0].ranges ==
        Ranges{{3, 16, flags}, {19, 16, flags}, {35, 8, flags}});
  CHECK(changed_only(machine, command, 3, 40));
  // What one request cannot hold goes into a second one.
  CHECK(command.run(*machine.vda(), blk::Sector(3), 100 * 512) == blk::Status::Ok);
  REQUIRE(machine.disk.requests().size() == 3);
  CHECK(machine.disk.requests()[1].ranges.size() == 4);
  CHECK(machine.disk.requests()[2].ranges ==
        Ranges{{67, 16, flags}, {83, 16, flags}, {99, 4, flags}});
  CHECK(changed_only(machine, command, 3, 100));
}

TEST_CASE("A device that takes more ranges than the driver has room for gets what there is") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  Machine machine(disk_with(command, {.max_sectors = 1, .max_ranges = ~0U}), variant.setup());
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(100), 40 * 512) == blk::Status::Ok);
  CHECK(changed_only(machine, command, 100, 40));
  for (const referee::BlockRequest& request : machine.disk.requests()) {
    CHECK(request.ranges.size() <= virtio::BlockQueue::kMaxRanges);
  }
  CHECK(machine.disk.requests().size() == 3);
}

TEST_CASE("A device without bounds gets a whole disk in one range") {
  const Command command = any_command();
  INFO(blk::to_string(command.op));
  Machine machine(disk_with(command, {.max_sectors = ~0U, .max_ranges = ~0U}));
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(0), 2048 * 512) == blk::Status::Ok);
  REQUIRE(machine.disk.requests().size() == 1);
  CHECK(machine.disk.requests()[0].ranges == Ranges{{0, 2048, flags_of(command)}});
}

TEST_CASE("A range is cut at whole blocks, whatever the device's bounds") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  auto options = disk_with(command, {.max_sectors = 13, .max_ranges = 4});
  options.block_bytes = 4096;
  Machine machine(options, variant.setup());
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(16), 10 * 4096) == blk::Status::Ok);
  CHECK(changed_only(machine, command, 16, 80));
}

TEST_CASE("A device whose ranges hold no block is not asked for any") {
  const Command command = any_command();
  INFO(blk::to_string(command.op));
  auto options = disk_with(command, {.max_sectors = 7, .max_ranges = 4});
  options.block_bytes = 4096;
  Machine machine(options);
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(16), 4096) == blk::Status::Unsupported);
  CHECK(machine.disk.requests().empty());
}

TEST_CASE("A list of ranges keeps to size_max") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  auto options = disk_with(command, {.max_sectors = 2, .max_ranges = 16});
  options.size_max = 72;  // four ranges and a half
  Machine machine(options, variant.setup());
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(16), 20 * 512) == blk::Status::Ok);
  CHECK(changed_only(machine, command, 16, 20));
  REQUIRE_FALSE(machine.disk.requests().empty());
  CHECK(machine.disk.requests().front().ranges.size() == 4);
}

TEST_CASE("What a device does not do, or says that it does none of, is Unsupported and not sent") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  auto options = disk_with(command, {});
  SECTION("not offered") {
    (options.*command.limits).reset();
  }
  SECTION("ranges of no sectors") {
    (options.*command.limits)->max_sectors = 0;
  }
  SECTION("no ranges") {
    (options.*command.limits)->max_ranges = 0;
  }
  Machine machine(options, variant.setup());
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(8), 512) == blk::Status::Unsupported);
  CHECK(machine.disk.requests().empty());
}

TEST_CASE("A read-only disk is not discarded, zeroed or erased") {
  const Command command = any_command();
  INFO(blk::to_string(command.op));
  auto options = disk_with(command, {});
  options.read_only = true;
  Machine machine(options);
  machine.plug();
  CHECK(command.run(*machine.vda(), blk::Sector(8), 512) == blk::Status::ReadOnly);
  CHECK(machine.disk.requests().empty());
}

TEST_CASE("A range that the device fails is an error, and one beyond the end is not sent") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  Machine machine(disk_with(command, {.max_sectors = 16}), variant.setup());
  machine.plug();
  machine.disk.bad_sectors = {50};
  CHECK(command.run(*machine.vda(), blk::Sector(8), 64 * 512) == blk::Status::IoError);
  CHECK(machine.log.has("of sector 8 answered with status 1"));
  const std::size_t sent = machine.disk.requests().size();
  CHECK(command.run(*machine.vda(), blk::Sector(2040), 9 * 512) == blk::Status::OutOfRange);
  CHECK(machine.disk.requests().size() == sent);
}

TEST_CASE("Zeroes unmap where the device may and the submitter does not mind") {
  const Variant variant = any_variant();
  const bool may_unmap = GENERATE(true, false);
  INFO(name_of(variant) << ", may unmap: " << may_unmap);
  Machine machine({.flush = false, .write_zeroes = referee::RangeLimits{}, .may_unmap = may_unmap},
                  variant.setup());
  machine.plug();
  // Neighbours, which become one request only where they want the same.
  Ios ios;
  for (u64 i = 0; i < 4; ++i) {
    ios.push_back(std::make_unique<Io>(blk::Op::WriteZeroes, 8 * i, 0, 0));
    ios.back()->bio.range_bytes = 4096;
    ios.back()->bio.flags = i < 2 ? 0 : blk::bio_flag::kNoUnmap;
  }
  machine.submit(ios);
  machine.wait(ios);
  CHECK(all_ok(ios));
  for (const referee::BlockRequest& request : machine.disk.requests()) {
    for (const referee::BlockRange& range : request.ranges) {
      INFO("sector " << range.sector);
      CHECK(range.flags == (may_unmap && range.sector < 16 ? 1 : 0));
    }
  }
}

TEST_CASE("Ranges of many requests in flight are not mixed up, in whatever order they end") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  Ios ios;  // outlive the machine
  Machine machine(disk_with(command, {.max_sectors = 2, .max_ranges = 4}), variant.setup(16));
  machine.plug();
  machine.device().knobs.order = referee::Knobs::Order::Lifo;
  for (u64 i = 0; i < 40; ++i) {  // more than there are tags, and reads between them
    const bool reads = i % 4 == 3;
    ios.push_back(std::make_unique<Io>(reads ? blk::Op::Read : command.op, 32 * i, reads ? 4096 : 0,
                                       reads ? 1 : 0));
    ios.back()->bio.range_bytes = reads ? 0 : 512 * (1 + i % 8);
  }
  machine.submit(ios);
  machine.wait(ios);
  for (u64 i = 0; i < ios.size(); ++i) {
    CHECK(ios[i]->ok());
    const bool reads = i % 4 == 3;
    CHECK((!reads || ios[i]->holds_pattern()));
    for (u64 sector = 32 * i; sector < 32 * i + 16; ++sector) {
      const bool inside = !reads && sector - 32 * i <= i % 8;
      CHECK(machine.disk.disk.read(sector)[100] ==
            (inside ? command.leaves : pattern(sector, 100)));
    }
  }
}

TEST_CASE("A range that the device keeps is asked for once more after its reset") {
  const Variant variant = any_variant();
  const Command command = any_command();
  INFO(name_of(variant) << ", " << blk::to_string(command.op));
  Io io(command.op, 8, 0, 0);
  io.bio.range_bytes = 16 * 512;
  Machine machine(disk_with(command, {.max_sectors = 6}), variant.setup());
  machine.plug();
  machine.device().knobs.hold = true;
  machine.submit(io);
  machine.world.settle();
  machine.device().knobs.hold = false;
  machine.world.advance_ns(blk::Disk::kDefaultTimeoutNs);
  machine.world.settle();
  CHECK(io.ok());
  CHECK(machine.log.has("in service again"));
  REQUIRE(machine.disk.requests().size() == 1);
  CHECK(machine.disk.requests()[0].ranges.size() == 3);
  CHECK(changed_only(machine, command, 8, 16));
}
