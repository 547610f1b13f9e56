// The RAM disk's driver on a bus of the test's own.
#include <sluice/drivers/block/ram_disk_driver.hpp>

#include <sluice/drivers/block/ram_disk.hpp>
#include <sluice/kernel/command_line.hpp>

#include <optional>

#include "allocation_budget.hpp"
#include "test_device.hpp"

namespace sluice::test {
namespace {

// A bus on which every driver matches every device.
class AnyBus final : public dev::Bus {
 public:
  AnyBus() : Bus("platform") {}
  bool match(const dev::Device&, const dev::Driver&) const override { return true; }
};

struct Machine {
  Machine() { bus.add_driver(driver); }
  ~Machine() {
    if (device.bus() != nullptr) {
      bus.remove_device(device);
    }
    bus.remove_driver(driver);
  }
  World world;
  AnyBus bus;
  blk::RamDiskDriver driver;
  dev::Device device{"ram0", nullptr};
};

TEST_CASE("a platform device without an image becomes a disk of 32 MiB under its name") {
  Machine machine;
  REQUIRE(machine.bus.add_device(machine.device));
  CHECK(machine.device.state() == dev::State::Bound);
  blk::OpenDevice open;
  REQUIRE(open.open("ram0"));
  CHECK(open.sectors() == 65536);
  std::array<std::byte, 512> data{};
  CHECK(blk::write(open, Sector(5), data) == Status::Ok);
}

TEST_CASE("the command line says what the RAM disk is like") {
  Machine machine;
  command_line::set("ram0.size=1M ram0.queues=2 ram0.depth=oops ram0.ro=1");
  REQUIRE(machine.bus.add_device(machine.device));
  command_line::set("");
  const blk::Disk* const disk = blk::find("ram0");
  REQUIRE(disk != nullptr);
  CHECK(disk->sectors() == 2048);
  CHECK(disk->tag_set().shape().hw_queues == 2);
  CHECK(disk->tag_set().shape().depth == 64);
  CHECK(disk->read_only());
}

TEST_CASE("the RAM disk goes when its driver is unbound, and comes back empty") {
  Machine machine;
  REQUIRE(machine.bus.add_device(machine.device));
  blk::OpenDevice open;
  REQUIRE(open.open("ram0"));
  std::array<std::byte, 512> data{};
  data.fill(std::byte{1});
  REQUIRE(blk::write(open, Sector(0), data) == Status::Ok);
  REQUIRE(machine.bus.unbind(machine.device));
  CHECK(open.removed());
  CHECK(blk::find("ram0") == nullptr);
  REQUIRE(machine.bus.bind(machine.device));
  REQUIRE(open.open("ram0"));
  REQUIRE(blk::read(open, Sector(0), data) == Status::Ok);
  CHECK(data[0] == std::byte{0});
}

// A read, with its status once it has ended.
struct Reading {
  explicit Reading(blk::OpenDevice& from) { from.submit(bio); }
  std::array<std::byte, 512> data{};
  std::array<blk::Segment, 1> segments{{{data.data(), blk::kSectorBytes}}};
  std::optional<Status> status;
  blk::Bio bio{
      blk::Op::Read, Sector(0), segments,
      [](blk::Bio& ended) { *static_cast<std::optional<Status>*>(ended.context) = ended.status; },
      &status};
};

TEST_CASE("what is asked of a RAM disk that is suspended waits until it is resumed, or gone") {
  for (const bool goes : {false, true}) {
    Machine machine;
    REQUIRE(machine.bus.add_device(machine.device));
    blk::OpenDevice open;
    REQUIRE(open.open("ram0"));
    REQUIRE(machine.bus.suspend(machine.device));
    Reading reading(open);
    machine.world.settle();
    CHECK_FALSE(reading.status.has_value());
    const auto then = goes ? &dev::Bus::unbind : &dev::Bus::resume;
    REQUIRE((machine.bus.*then)(machine.device));
    machine.world.settle();
    CHECK(reading.status == (goes ? Status::Removed : Status::Ok));
  }
}

TEST_CASE("an image becomes the disk") {
  std::vector<std::byte> image(2048);
  image[513] = std::byte{0xab};
  Machine machine;
  machine.device.platform_data = image;
  REQUIRE(machine.bus.add_device(machine.device));
  REQUIRE(blk::find("ram0") != nullptr);
  CHECK(blk::find("ram0")->sectors() == 4);
  std::array<std::byte, 512> data{};
  REQUIRE(blk::read(*blk::find("ram0"), Sector(1), data) == Status::Ok);
  CHECK(data[1] == std::byte{0xab});
}

TEST_CASE("an image with a ragged tail is refused and the message names its length") {
  std::vector<std::byte> image(2049);
  Machine machine;
  machine.device.platform_data = image;
  REQUIRE(machine.bus.add_device(machine.device));
  CHECK(machine.device.state() == dev::State::Failed);
  CHECK(std::string(machine.device.reason()).find("2049") != std::string::npos);
  CHECK(blk::find("ram0") == nullptr);
}

TEST_CASE("a disk that there is no memory for is refused and the message says how large it is") {
  Machine machine;
  {
    const AllocationBudget budget(2);
    REQUIRE(machine.bus.add_device(machine.device));
  }
  CHECK(machine.device.state() == dev::State::Failed);
  CHECK(std::string(machine.device.reason()) ==
        "no RAM disk could be made of 4 queues of 64 requests, and 33554432 bytes");
}

TEST_CASE("where memory runs out during probe the device fails and nothing is left") {
  for (std::size_t allocations = 0;; ++allocations) {
    REQUIRE(allocations < 100);
    Machine machine;
    {
      const AllocationBudget budget(allocations);
      REQUIRE(machine.bus.add_device(machine.device));
    }
    if (machine.device.state() == dev::State::Bound) {
      break;
    }
    CHECK(machine.device.state() == dev::State::Failed);
    CHECK(blk::find("ram0") == nullptr);
  }
}

}  // namespace
}  // namespace sluice::test
