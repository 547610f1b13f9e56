// The volatile cache: what flushes, FUA and power cuts make of the content.
#include "ram_fixture.hpp"

namespace sluice::test {
namespace {

using blk::ByteRange;
using blk::RamCache;
using blk::RamStore;

RamDisk::Options cached(bool fua = false) {
  return {.capacity_bytes = 1 << 20, .write_cache = true, .fua = fua};
}

TEST_CASE("whole pages inside a range") {
  CHECK(blk::whole_pages({0, 4096}) == ByteRange{0, 4096});
  CHECK(blk::whole_pages({1, 4096}).bytes == 0);
  CHECK(blk::whole_pages({1, 8190}).bytes == 0);
  CHECK(blk::whole_pages({1, 8191}) == ByteRange{4096, 4096});
  CHECK(blk::whole_pages({512, 512}).bytes == 0);
  CHECK(blk::whole_pages({4096, 12288}) == ByteRange{4096, 12288});
}

TEST_CASE("a write in the cache is read, and a power cut takes it back") {
  World world;
  const auto ram = make_ram(cached());
  fill(ram->disk(), 3, 512, 0x11);
  CHECK(all(bytes_of(ram->disk(), 3, 512), 0x11));
  CHECK(ram->cache()->dirty_pages() == 1);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 8192), 0));
  CHECK(ram->cache()->dirty_pages() == 0);
  CHECK(ram->store().pages_present() == 0);
}

TEST_CASE("what was flushed survives and what came after does not") {
  World world;
  const auto ram = make_ram(cached());
  fill(ram->disk(), 0, 1024, 1);
  CHECK(blk::flush(ram->disk()) == Status::Ok);
  CHECK(ram->cache()->dirty_pages() == 0);
  fill(ram->disk(), 1, 1024, 2);
  fill(ram->disk(), 1, 512, 3);  // the page is saved once
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 1024), 1));
  CHECK(all(bytes_of(ram->disk(), 2, 512), 0));
}

TEST_CASE("a disk without a cache loses nothing") {
  World world;
  const auto ram = make_ram({.capacity_bytes = 1 << 20});
  CHECK(ram->cache() == nullptr);
  CHECK_FALSE(ram->disk().has_write_cache());
  fill(ram->disk(), 0, 512, 1);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 1));
}

TEST_CASE("zeroes and discards are in the cache too") {
  World world;
  const auto ram = make_ram(cached());
  fill(ram->disk(), 0, 3 * 4096, 7);
  REQUIRE(blk::flush(ram->disk()) == Status::Ok);
  REQUIRE(blk::write_zeroes(ram->disk(), Sector(1), 512) == Status::Ok);
  REQUIRE(blk::discard(ram->disk(), Sector(8), 8192) == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 1, 512), 0));
  CHECK(all(bytes_of(ram->disk(), 8, 8192), 0));
  SECTION("lost with the power") {
    CHECK(ram->power_cut() == Status::Ok);
    CHECK(all(bytes_of(ram->disk(), 0, 3 * 4096), 7));
  }
  SECTION("durable with a flush") {
    REQUIRE(blk::flush(ram->disk()) == Status::Ok);
    CHECK(ram->power_cut() == Status::Ok);
    CHECK(all(bytes_of(ram->disk(), 0, 512), 7));
    CHECK(all(bytes_of(ram->disk(), 1, 512), 0));
    CHECK(all(bytes_of(ram->disk(), 8, 8192), 0));
  }
}

TEST_CASE("a durable write survives and takes nothing else along") {
  World world;
  const auto ram = make_ram(cached(true));
  fill(ram->disk(), 0, 1024, 1);  // cached; the page was not there
  CHECK(durable_fill(ram->disk(), 1, 1024, 2) == Status::Ok);
  CHECK(durable_fill(ram->disk(), 16, 512, 3) == Status::Ok);  // on a clean page
  CHECK(all(bytes_of(ram->disk(), 0, 512), 1));
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 0));
  CHECK(all(bytes_of(ram->disk(), 1, 1024), 2));
  CHECK(all(bytes_of(ram->disk(), 3, 512), 0));
  CHECK(all(bytes_of(ram->disk(), 16, 512), 3));
}

TEST_CASE("without FUA of its own a durable write flushes everything before it") {
  World world;
  const auto ram = make_ram(cached());
  CHECK_FALSE(ram->disk().has_fua());
  fill(ram->disk(), 0, 512, 1);
  CHECK(durable_fill(ram->disk(), 1, 512, 2) == Status::Ok);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 1));
  CHECK(all(bytes_of(ram->disk(), 1, 512), 2));
}

TEST_CASE("a power cut keeps the writes that the caller names, in their order") {
  World world;
  const auto ram = make_ram(cached());
  fill(ram->disk(), 0, 2048, 1);
  const std::vector<std::byte> first(1024, std::byte{8}), second(512, std::byte{9});
  const std::array<blk::KeptWrite, 2> kept{{{512, first}, {1024, second}}};
  CHECK(ram->power_cut(kept) == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 0));
  CHECK(all(bytes_of(ram->disk(), 1, 512), 8));
  CHECK(all(bytes_of(ram->disk(), 2, 512), 9));
  CHECK(all(bytes_of(ram->disk(), 3, 512), 0));
  CHECK(ram->power_cut() == Status::Ok);  // they are durable now
  CHECK(all(bytes_of(ram->disk(), 2, 512), 9));
}

TEST_CASE("an image with a cache goes back to what was flushed") {
  World world;
  std::vector<std::byte> image(4096 + 1536, std::byte{5});
  const auto ram = make_ram({.image = image, .write_cache = true});
  fill(ram->disk(), 7, 2048, 6);  // to the end, which lies within a page
  CHECK(image[4096 + 1535] == std::byte{6});
  CHECK(ram->cache()->dirty_pages() == 2);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(image, 5));
}

TEST_CASE("a last page that the capacity cuts short is saved and put back") {
  World world;
  const auto ram = make_ram({.capacity_bytes = 4096 + 512, .write_cache = true});
  fill(ram->disk(), 8, 512, 1);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(ram->store().pages_present() == 0);
  fill(ram->disk(), 8, 512, 1);
  REQUIRE(blk::flush(ram->disk()) == Status::Ok);
  fill(ram->disk(), 8, 512, 2);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 8, 512), 1));
}

TEST_CASE("without memory to save a page the write fails and changes nothing") {
  World world;
  const auto ram = make_ram(cached(true));
  fill(ram->disk(), 0, 4096, 1);
  REQUIRE(blk::flush(ram->disk()) == Status::Ok);
  world.arena.allocations_left = 0;
  CHECK(try_fill(ram->disk(), 0, 512, 2) == Status::NoSpace);
  CHECK(blk::write_zeroes(ram->disk(), Sector(0), 512) == Status::NoSpace);
  CHECK(blk::discard(ram->disk(), Sector(0), 4096) == Status::NoSpace);
  CHECK(all(bytes_of(ram->disk(), 0, 4096), 1));
  CHECK(durable_fill(ram->disk(), 0, 512, 3) == Status::Ok);  // needs none on a clean page
  world.arena.allocations_left = ~usize{0};
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 3));
  CHECK(all(bytes_of(ram->disk(), 1, 512), 1));
}

TEST_CASE("without memory a durable write over a cached page fails") {
  World world;
  const auto ram = make_ram(cached(true));
  fill(ram->disk(), 0, 512, 1);
  world.arena.allocations_left = 0;
  CHECK(durable_fill(ram->disk(), 1, 512, 2) == Status::NoSpace);
  world.arena.allocations_left = ~usize{0};
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 1024), 0));
}

TEST_CASE("a power cut that has no memory to restore a page says so") {
  World world;
  const auto ram = make_ram(cached());
  fill(ram->disk(), 0, 4096, 1);
  REQUIRE(blk::flush(ram->disk()) == Status::Ok);
  REQUIRE(blk::discard(ram->disk(), Sector(0), 4096) == Status::Ok);
  world.arena.allocations_left = 0;
  CHECK(ram->power_cut() == Status::NoSpace);
  world.arena.allocations_left = ~usize{0};
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 4096), 1));
}

TEST_CASE("a power cut ends what is on its way with an error") {
  World world;
  RamDisk::Options options = cached();
  options.mode = RamDisk::Mode::Timer;
  const auto ram = make_ram(options);
  const auto write = start(ram->disk(), Op::Write, 0);
  CHECK(ram->power_cut() == Status::Ok);
  CHECK(write->ended(Status::IoError));
  world.advance_ns(1'000'000);
  world.settle();
  CHECK(write->ends == 1);
  CHECK(ram->disk().tag_set().in_flight() == 0);
}

}  // namespace
}  // namespace sluice::test
