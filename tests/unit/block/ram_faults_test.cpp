// Bad sectors, errors and swallowed requests: which request they meet, and what it leaves.
#include "ram_fixture.hpp"

namespace sluice::test {
namespace {

using blk::FaultOptions;
using blk::FaultRule;
using When = FaultRule::When;

RamDisk::Options with(const FaultRule& rule) {
  RamDisk::Options options{.capacity_bytes = 1 << 20};
  options.faults.rules[0] = rule;
  return options;
}

// How `count` reads of one sector end, a letter each: o ok, I IoError, M MediumError, N NoSpace,
// T TimedOut.
std::string ends(RamDisk& ram, Op op, int count) {
  std::string letters;
  for (int at = 0; at < count; ++at) {
    std::array<std::byte, 512> data{};
    const Status status = op == Op::Read ? blk::read(ram.disk(), Sector(0), data)
                                         : blk::write(ram.disk(), Sector(0), data);
    letters += status == Status::Ok            ? 'o'
               : status == Status::IoError     ? 'I'
               : status == Status::MediumError ? 'M'
               : status == Status::NoSpace     ? 'N'
               : status == Status::TimedOut    ? 'T'
                                               : '?';
  }
  return letters;
}

TEST_CASE("a transfer that touches a bad sector is a medium error and one beside it is not") {
  World world;
  RamDisk::Options options{.capacity_bytes = 1 << 20};
  options.faults.bad[0] = {100, 8};
  options.faults.bad[15] = {2047, ~u64{0}};  // reaches beyond every number
  const auto ram = make_ram(options);
  std::vector<std::byte> data(512);
  const auto read = [&](u64 sector, usize bytes) {
    data.resize(bytes);
    return blk::read(ram->disk(), Sector(sector), data);
  };
  CHECK(read(99, 512) == Status::Ok);
  CHECK(read(100, 512) == Status::MediumError);
  CHECK(read(107, 512) == Status::MediumError);
  CHECK(read(108, 512) == Status::Ok);
  CHECK(read(98, 1024) == Status::Ok);
  CHECK(read(98, 1536) == Status::MediumError);
  CHECK(read(90, 20 * 512) == Status::MediumError);
  CHECK(read(2046, 512) == Status::Ok);
  CHECK(read(2047, 512) == Status::MediumError);
}

TEST_CASE("a write does not heal a bad sector, and writes nothing") {
  World world;
  RamDisk::Options options{.capacity_bytes = 1 << 20};
  options.faults.bad[0] = {100, 1};
  const auto ram = make_ram(options);
  CHECK(try_fill(ram->disk(), 99, 1024, 1) == Status::MediumError);
  CHECK(all(bytes_of(ram->disk(), 99, 512), 0));
  CHECK(blk::write_zeroes(ram->disk(), Sector(96), 4096) == Status::MediumError);
  CHECK(blk::discard(ram->disk(), Sector(96), 4096) == Status::Ok);
  std::array<std::byte, 512> data{};
  CHECK(blk::read(ram->disk(), Sector(100), data) == Status::MediumError);
}

TEST_CASE("every third request of an operation fails and no other") {
  World world;
  const auto ram = make_ram(with({.when = When::Every, .op = Op::Write, .number = 3}));
  CHECK(ends(*ram, Op::Write, 7) == "ooIooIo");
  CHECK(ends(*ram, Op::Read, 4) == "oooo");
  CHECK(ends(*ram, Op::Write, 3) == "oIo");
}

TEST_CASE("the fifth request fails and none after it") {
  World world;
  const auto ram = make_ram(with({.when = When::Nth, .number = 5, .status = Status::MediumError}));
  CHECK(ends(*ram, Op::Write, 2) == "oo");  // any operation counts
  CHECK(ends(*ram, Op::Read, 10) == "ooMooooooo");
}

TEST_CASE("one in so many fails by chance, the same ones for the same seed") {
  World world;
  RamDisk::Options options = with({.when = When::OneIn, .op = Op::Read, .number = 8});
  const std::string first = ends(*make_ram(options), Op::Read, 400);
  CHECK(ends(*make_ram(options), Op::Read, 400) == first);
  const auto failures = std::count(first.begin(), first.end(), 'I');
  CHECK(failures > 25);
  CHECK(failures < 75);
  options.faults.seed = 2;
  CHECK(ends(*make_ram(options), Op::Read, 400) != first);
}

TEST_CASE("a rule's status is what the bio ends with") {
  World world;
  CHECK(ends(*make_ram(with({.when = When::Every, .status = Status::NoSpace})), Op::Write, 1) ==
        "N");
  CHECK(ends(*make_ram(with({.when = When::Every, .status = Status::MediumError})), Op::Read, 1) ==
        "M");
}

TEST_CASE("a transient error that comes once is not seen, one that stays is an I/O error") {
  World world;
  CHECK(ends(*make_ram(with({.when = When::Nth, .status = Status::Transient})), Op::Read, 1) ==
        "o");
  CHECK(ends(*make_ram(with({.when = When::Every, .status = Status::Transient})), Op::Read, 1) ==
        "I");
}

TEST_CASE("of two rules the first decides and both count") {
  World world;
  RamDisk::Options options = with({.when = When::Nth, .number = 2});
  options.faults.rules[1] = {.when = When::Every, .number = 2, .status = Status::NoSpace};
  CHECK(ends(*make_ram(options), Op::Read, 4) == "oIoN");
}

TEST_CASE("a request that fails by rule changes nothing") {
  World world;
  const auto ram = make_ram(with({.when = When::Nth, .op = Op::Write, .number = 2}));
  fill(ram->disk(), 0, 512, 1);
  CHECK(try_fill(ram->disk(), 0, 512, 2) == Status::IoError);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 1));
}

TEST_CASE("a flush can fail by rule") {
  World world;
  RamDisk::Options options = with({.when = When::Nth, .op = Op::Flush});
  options.write_cache = true;
  const auto ram = make_ram(options);
  fill(ram->disk(), 0, 512, 1);
  CHECK(blk::flush(ram->disk()) == Status::IoError);
  CHECK(ram->cache()->dirty_pages() == 1);
  CHECK(blk::flush(ram->disk()) == Status::Ok);
  CHECK(ram->cache()->dirty_pages() == 0);
}

TEST_CASE("a swallowed request ends when its time is over, and its memory is left alone") {
  World world;
  RamDisk::Options options = with({.when = When::Nth, .op = Op::Read, .swallow = true});
  options.timeout_ns = 1'000'000;
  const auto ram = make_ram(options);
  fill(ram->disk(), 0, 4096, 7);
  {
    const auto read = start(ram->disk(), Op::Read, 0);
    world.advance_ns(900'000);
    world.settle();
    CHECK(read->ends == 0);
    world.advance_ns(2'000'000);
    world.settle();
    CHECK(read->ended(Status::TimedOut));
    CHECK(all(read->content(), 0));
  }  // the memory is gone: whatever still touched it would be seen
  CHECK(ram->disk().tag_set().in_flight() == 0);
  CHECK(all(bytes_of(ram->disk(), 0, 4096), 7));
  world.advance_ns(5'000'000);
  world.settle();
}

TEST_CASE("a disk that asks for more time gets it as often as it was told to") {
  World world;
  RamDisk::Options options = with({.when = When::Nth, .swallow = true});
  options.timeout_ns = 1'000'000;
  options.on_timeout = RamDisk::OnTimeout::Extend;
  options.extensions = 3;
  const auto ram = make_ram(options);
  const u64 begun = world.now_ticks;
  const auto read = start(ram->disk(), Op::Read, 0);
  while (read->ends == 0) {
    REQUIRE(world.now_ticks < begun + 20'000'000);
    world.advance_ns(100'000);
    world.settle();
  }
  CHECK(read->ended(Status::TimedOut));
  CHECK(world.now_ticks >= begun + 4'000'000);
}

TEST_CASE("a disk that resets tries the swallowed request again") {
  World world;
  RamDisk::Options options = with({.when = When::Nth, .op = Op::Write, .swallow = true});
  options.timeout_ns = 1'000'000;
  options.on_timeout = RamDisk::OnTimeout::Reset;
  const auto ram = make_ram(options);
  CHECK(try_fill(ram->disk(), 0, 512, 4) == Status::Ok);
  CHECK(all(bytes_of(ram->disk(), 0, 512), 4));
  CHECK(ram->disk().tag_set().in_flight() == 0);
}

TEST_CASE("removal ends what was swallowed") {
  World world;
  const auto ram = make_ram(with({.when = When::Every, .op = Op::Read, .swallow = true}));
  const auto first = start(ram->disk(), Op::Read, 0);
  const auto second = start(ram->disk(), Op::Read, 800);
  ram->remove();
  world.settle();
  CHECK(first->ended(Status::Removed));
  CHECK(second->ended(Status::Removed));
  ram->remove();  // again changes nothing
}

}  // namespace
}  // namespace sluice::test
