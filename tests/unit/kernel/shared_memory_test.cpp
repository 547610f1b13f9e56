// The test World's memory for devices in another process: it is finite, and it is looked after.
#include "tests/catch.hpp"

#include "tests/port/world.hpp"

#include <map>
#include <vector>

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr u64 kBus = 0x8000'0000;
constexpr auto kFrom = port::DmaDirection::FromDevice;
constexpr auto kTo = port::DmaDirection::ToDevice;
constexpr u64 kAnywhere = ~u64{0};

struct Shared {
  explicit Shared(usize bytes) : memory(bytes), arena({memory, kBus}) {}
  std::vector<std::byte> memory;
  Arena arena;
};

}  // namespace

TEST_CASE("What is lent to a device stands in shared memory at its bus address, and comes back") {
  Shared shared(4096);
  std::vector<std::byte> data(100, std::byte{7});
  const BusAddr out = *shared.arena.map(data.data(), 100, kTo, kAnywhere);
  CHECK(shared.memory[out.value() - kBus] == std::byte{7});
  CHECK(shared.memory[out.value() - kBus + 99] == std::byte{7});
  const BusAddr in = *shared.arena.map(data.data(), 100, kFrom, kAnywhere);
  shared.memory[in.value() - kBus + 50] = std::byte{9};
  shared.arena.unmap(in, data.data(), 100, kFrom);
  CHECK(data[50] == std::byte{9});
  const port::DmaBlock block = *shared.arena.allocate(256, 256, kAnywhere);
  CHECK(block.data == shared.memory.data() + (block.bus.value() - kBus));
  CHECK(block.bus.value() % 256 == 0);
  shared.arena.free(block);
  shared.arena.unmap(out, data.data(), 100, kTo);
  CHECK_FALSE(shared.arena.first_spoiled().has_value());
}

TEST_CASE("Shared memory is used again as late as can be, and never by two at once") {
  Shared shared(64 * 1024);
  std::vector<std::byte> data(300);
  std::map<u64, u32> live;  // bytes by bus address
  u64 before = 0;
  u32 wraps = 0;
  for (u32 i = 0; i < 2000; ++i) {
    const u32 bytes = 1 + i * 37 % 300;
    const u64 bus = shared.arena.map(data.data(), bytes, kTo, kAnywhere)->value();
    REQUIRE(bus + bytes <= kBus + shared.memory.size());
    for (const auto& [start, length] : live) {
      REQUIRE((bus + bytes < start || start + length < bus));
    }
    live[bus] = bytes;
    wraps += bus < before ? 1 : 0;
    before = bus;
    // Some stay for long.
    if (i % 100 != 0) {
      shared.arena.unmap(BusAddr(bus), data.data(), bytes, kTo);
      live.erase(bus);
    }
  }
  CHECK(wraps > 2);
  CHECK(wraps < 20);
  for (const auto& [bus, bytes] : live) {
    shared.arena.unmap(BusAddr(bus), data.data(), bytes, kTo);
  }
}

TEST_CASE("Shared memory that is full says so, and has room again once something came back") {
  Shared shared(8192);
  CHECK(shared.arena.allocate(8192, 16, kAnywhere).error() == Errc::NoMemory);
  const port::DmaBlock one = *shared.arena.allocate(4000, 4096, kAnywhere);
  const port::DmaBlock two = *shared.arena.allocate(4000, 4096, kAnywhere);
  CHECK(shared.arena.allocate(100, 16, kAnywhere).error() == Errc::NoMemory);
  shared.arena.free(one);
  const port::DmaBlock again = *shared.arena.allocate(4000, 4096, kAnywhere);
  CHECK(again.bus == one.bus);
  shared.arena.free(again);
  shared.arena.free(two);
}

TEST_CASE("A device that writes where nothing is lent to it any more is found out") {
  Shared shared(4096);
  std::vector<std::byte> data(64);
  const u64 bus = shared.arena.map(data.data(), 64, kFrom, kAnywhere)->value();
  shared.arena.unmap(BusAddr(bus), data.data(), 64, kFrom);
  CHECK_FALSE(shared.arena.first_spoiled().has_value());
  const u64 place = GENERATE(0, 1, 63, 64, 4000);  // from the mapping on, and beyond
  shared.memory[bus - kBus + place] = std::byte{1};
  CHECK(shared.arena.first_spoiled() == bus + place);
}
