// The RAM disk: pages that appear, images, ranges, and no memory.
#include "allocation_budget.hpp"
#include "ram_fixture.hpp"

namespace sluice::test {
namespace {

TEST_CASE("a RAM disk is 32 MiB of zeroes with four queues of depth 64") {
  World world;
  const auto ram = std::move(*RamDisk::create({}));
  CHECK(ram->disk().name() == "ram0");
  CHECK(blk::find("ram0") == &ram->disk());
  CHECK(ram->disk().sectors() == 65536);
  CHECK(ram->disk().tag_set().shape().hw_queues == 4);
  CHECK(ram->disk().tag_set().shape().depth == 64);
  CHECK(ram->disk().tag_set().shape().merge);
  CHECK(all(bytes_of(ram->disk(), 0, 10000 / 512 * 512), 0));
  CHECK(all(bytes_of(ram->disk(), 65535, 512), 0));
  CHECK(ram->store().pages_present() == 0);
}

TEST_CASE("pages appear at the first write and hold what was written among zeroes") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 1 << 20}));
  fill(ram->disk(), 7, 1024, 0xa5);  // the end of page 0 and the start of page 1
  CHECK(ram->store().pages_present() == 2);
  CHECK(all(bytes_of(ram->disk(), 0, 7 * 512), 0));
  CHECK(all(bytes_of(ram->disk(), 7, 1024), 0xa5));
  CHECK(all(bytes_of(ram->disk(), 9, 7 * 512), 0));
  fill(ram->disk(), 16, 4096, 0x11);
  CHECK(ram->store().pages_present() == 3);
  CHECK(all(bytes_of(ram->disk(), 16, 4096), 0x11));
}

TEST_CASE("a bio of several segments is carried out piece after piece") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 1 << 20}));
  TestBio write(Op::Write, 6, {700, 4000, 420});
  write.fill(5);
  submit_batch(ram->disk(), write);
  CHECK(write.ended(Status::Ok));
  CHECK(bytes_of(ram->disk(), 6, 5120) == write.content());
  TestBio read(Op::Read, 6, {1, 5000, 119});
  submit_batch(ram->disk(), read);
  CHECK(read.ended(Status::Ok));
  CHECK(read.content() == write.content());
}

TEST_CASE("a capacity that is no whole number of sectors is refused") {
  World world;
  CHECK(RamDisk::create({.capacity_bytes = 0}).error() == Errc::Invalid);
  CHECK(RamDisk::create({.capacity_bytes = 1000}).error() == Errc::Invalid);
  std::vector<std::byte> image(1025);
  CHECK(RamDisk::create({.image = image}).error() == Errc::Invalid);
  CHECK(RamDisk::create({.capacity_bytes = 512, .limits = {.logical_block_bytes = 4096}}).error() ==
        Errc::Invalid);
}

TEST_CASE("a last page that the capacity cuts short can be used to its end") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 4096 + 1536}));
  CHECK(ram->disk().sectors() == 11);
  fill(ram->disk(), 8, 1536, 3);
  CHECK(all(bytes_of(ram->disk(), 8, 1536), 3));
  std::vector<std::byte> data(512);
  CHECK(blk::read(ram->disk(), Sector(11), data) == Status::OutOfRange);
}

TEST_CASE("an image is read and written where it lies") {
  World world;
  std::vector<std::byte> image(3 * 512);
  image[512] = std::byte{9};
  const auto ram = std::move(*RamDisk::create({.name = "ram7", .image = image}));
  CHECK(ram->disk().sectors() == 3);
  CHECK(bytes_of(ram->disk(), 1, 512)[0] == std::byte{9});
  fill(ram->disk(), 2, 512, 0x77);
  CHECK(image[1024] == std::byte{0x77});
  CHECK(image[1535] == std::byte{0x77});
  CHECK(blk::write_zeroes(ram->disk(), Sector(1), 1024) == Status::Ok);
  CHECK(all(image, 0));
  CHECK(blk::discard(ram->disk(), Sector(0), 512) == Status::Unsupported);
}

TEST_CASE("a flush writes nothing") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 8192}));
  fill(ram->disk(), 0, 512, 0x42);
  CHECK(blk::flush(ram->disk()) == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 0x42));
  CHECK(ram->store().pages_present() == 1);
}

TEST_CASE("a discard gives back whole pages and leaves the edges") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 1 << 20}));
  fill(ram->disk(), 0, 4 * 4096, 0x33);
  CHECK(ram->store().pages_present() == 4);
  CHECK(blk::discard(ram->disk(), Sector(7), 512) == Status::Ok);
  CHECK(ram->store().pages_present() == 4);
  CHECK(blk::discard(ram->disk(), Sector(7), 512 + 4096 + 512) == Status::Ok);
  CHECK(ram->store().pages_present() == 3);
  CHECK(all(bytes_of(ram->disk(), 7, 512), 0x33));
  CHECK(all(bytes_of(ram->disk(), 8, 4096), 0));
  CHECK(all(bytes_of(ram->disk(), 16, 512), 0x33));
  CHECK(blk::discard(ram->disk(), Sector(0), 1 << 20) == Status::Ok);
  CHECK(ram->store().pages_present() == 0);
  CHECK(all(bytes_of(ram->disk(), 0, 4 * 4096), 0));
}

TEST_CASE("zeroes reach every byte of the range and no other") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 1 << 20}));
  fill(ram->disk(), 0, 4 * 4096, 0x33);
  CHECK(blk::write_zeroes(ram->disk(), Sector(7), 512 + 4096 + 1024) == Status::Ok);
  CHECK(ram->store().pages_present() == 3);
  CHECK(all(bytes_of(ram->disk(), 0, 7 * 512), 0x33));
  CHECK(all(bytes_of(ram->disk(), 7, 512 + 4096 + 1024), 0));
  CHECK(all(bytes_of(ram->disk(), 18, 14 * 512), 0x33));
  CHECK(blk::write_zeroes(ram->disk(), Sector(1000), 8192) == Status::Ok);
  CHECK(ram->store().pages_present() == 3);
}

TEST_CASE("without memory for a page a write fails and the disk goes on") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 1 << 20}));
  fill(ram->disk(), 0, 4096, 1);
  world.arena.allocations_left = 1;
  const std::vector<std::byte> data(3 * 4096, std::byte{2});
  CHECK(blk::write(ram->disk(), Sector(0), data) == Status::NoSpace);
  CHECK(all(bytes_of(ram->disk(), 0, 2 * 4096), 2));
  CHECK(all(bytes_of(ram->disk(), 16, 4096), 0));
  fill(ram->disk(), 3, 512, 4);  // a page that is there needs no memory
  world.arena.allocations_left = ~usize{0};
  CHECK(blk::write(ram->disk(), Sector(0), data) == Status::Ok);
}

TEST_CASE("the driver checks the bounds of a request against its own capacity") {
  World world;
  const auto ram = std::move(*RamDisk::create({.capacity_bytes = 64 * 512}));
  // A disk that claims to be larger than the memory beneath it.
  Disk::Options options{.sectors = 128};
  options.limits.max_discard_bytes = 65536;
  options.limits.max_write_zeroes_bytes = 65536;
  Disk liar(ram->disk().tag_set(), "liar", options);
  std::array<std::byte, 1024> data{};
  CHECK(blk::read(liar, Sector(62), data) == Status::Ok);
  CHECK(blk::read(liar, Sector(63), data) == Status::OutOfRange);
  CHECK(blk::write(liar, Sector(64), data) == Status::OutOfRange);
  CHECK(blk::write(liar, Sector(120), data) == Status::OutOfRange);
  CHECK(blk::discard(liar, Sector(60), 4096) == Status::OutOfRange);
  CHECK(blk::write_zeroes(liar, Sector(60), 4096) == Status::OutOfRange);
  CHECK(ram->store().pages_present() == 0);
}

TEST_CASE("the shape, limits and access that were asked for are the disk's") {
  World world;
  const auto ram = make_ram({.capacity_bytes = 1 << 20,
                             .shape = {.hw_queues = 3, .depth = 5, .merge = false},
                             .limits = {.logical_block_bytes = 4096,
                                        .max_segments = 7,
                                        .max_bytes = 16384,
                                        .max_write_zeroes_bytes = 8192},
                             .read_only = true,
                             .write_cache = true,
                             .fua = true,
                             .timeout_ns = 5'000'000});
  const Disk& disk = ram->disk();
  CHECK(disk.tag_set().shape().hw_queues == 3);
  CHECK(disk.tag_set().shape().depth == 5);
  CHECK_FALSE(disk.tag_set().shape().merge);
  CHECK(disk.limits().logical_block_bytes == 4096);
  CHECK(disk.limits().max_segments == 7);
  CHECK(disk.limits().max_bytes == 16384);
  CHECK(disk.limits().max_discard_bytes == 0);
  CHECK(disk.limits().max_write_zeroes_bytes == 8192);
  CHECK(disk.read_only());
  CHECK(disk.has_write_cache());
  CHECK(disk.has_fua());
  CHECK(disk.timeout_ns() == 5'000'000);
  CHECK(try_fill(ram->disk(), 0, 4096, 1) == Status::ReadOnly);
}

TEST_CASE("without discard a discard is unsupported") {
  World world;
  const auto ram = make_ram({.limits = {.max_write_zeroes_bytes = ~u64{0}}});
  CHECK(blk::discard(ram->disk(), Sector(0), 4096) == Status::Unsupported);
  CHECK(blk::write_zeroes(ram->disk(), Sector(0), 4096) == Status::Ok);
}

TEST_CASE("what the request layer refuses no RAM disk is made with") {
  World world;
  CHECK(RamDisk::create({.shape = {.hw_queues = 0}}).error() == Errc::Invalid);
  CHECK(RamDisk::create({.shape = {.depth = 0}}).error() == Errc::Invalid);
  CHECK(RamDisk::create({.limits = {.logical_block_bytes = 513}}).error() == Errc::Invalid);
  blk::FaultOptions faults;
  faults.rules[7] = {.when = blk::FaultRule::When::Every, .number = 0};
  CHECK(RamDisk::create({.faults = faults}).error() == Errc::Invalid);
}

TEST_CASE("a second RAM disk of the same name is refused and the first stays") {
  World world;
  const auto ram = std::move(*RamDisk::create({}));
  CHECK(RamDisk::create({}).error() == Errc::Exists);
  CHECK(blk::find("ram0") == &ram->disk());
}

TEST_CASE("the memory of a RAM disk goes after the disk") {
  World world;
  blk::OpenDevice open;
  {
    const auto ram = std::move(*RamDisk::create({}));
    fill(ram->disk(), 0, 512, 1);
    REQUIRE(open.open("ram0"));
    CHECK(all(bytes_of(open, 0, 512), 1));
  }
  CHECK(open.removed());
  std::array<std::byte, 512> data{};
  CHECK(blk::read(open, Sector(0), data) == Status::Removed);
}

TEST_CASE("a RAM disk that runs out of memory at any step leaves nothing behind") {
  World world;
  for (std::size_t allocations = 0;; ++allocations) {
    REQUIRE(allocations < 100);
    const AllocationBudget budget(allocations);
    const auto made = RamDisk::create({.write_cache = true});
    if (made) {
      break;
    }
    CHECK(made.error() == Errc::NoMemory);
    CHECK(blk::find("ram0") == nullptr);
  }
}

}  // namespace
}  // namespace sluice::test
