// A World with one disk of the referee in it, and what a driver is put through.
// Used by the referee's tests.
#pragma once

#include <algorithm>

#include "tests/catch.hpp"
#include "tests/model/block_device.hpp"
#include "tests/model/sluice_adapter.hpp"
#include "tiny_driver.hpp"

namespace tiny {

inline std::byte pattern(std::uint64_t sector, std::uint32_t offset) {
  return static_cast<std::byte>(sector * 31 + offset * 7 + offset / 256);
}

// What sectors [sector, …) hold.
inline Bytes pattern_bytes(std::uint64_t sector, std::uint32_t bytes) {
  Bytes all(bytes);
  for (std::uint32_t i = 0; i < bytes; ++i) {
    all[i] = pattern(sector + i / 512, i % 512);
  }
  return all;
}

inline constexpr referee::Setup kPackedSetup{.queue_num_max = 1024,
                                             .added = referee::kFeatureRingPacked};

struct Bench {
  sluice::test::World world;
  referee::BlockDevice disk;
  referee::SluiceMemory memory{world};
  referee::MmioDevice device;

  explicit Bench(const referee::BlockOptions& block = {}, const referee::Setup& setup = {})
      : disk(block), device(disk, memory, setup) {
    disk.disk.fill = pattern;
  }
};

// The commands that the driver accepted, with two ranges each. False at the first that fails.
inline bool rarer_commands(Driver& driver) {
  if (driver.accepted(1 << 13) && !driver.work_on_ranges(11, {{100, 8}, {120, 16}})) {
    return false;
  }
  if (driver.accepted(1 << 14) && !(driver.work_on_ranges(13, {{130, 2}, {140, 4, 1}}) &&
                                    driver.read(140, 2048) == Bytes(2048))) {
    return false;
  }
  if (driver.accepted(1 << 16) && !driver.work_on_ranges(14, {{150, 8}, {160, 8}})) {
    return false;
  }
  const Bytes lifetime{std::byte{1}, std::byte{0}, std::byte{1},
                       std::byte{0}, std::byte{1}, std::byte{0}};
  return !driver.accepted(1 << 15) || driver.lifetime() == lifetime;
}

// Reads, writes, flushes, asks the id, and reads with two requests in flight. False at the first
// thing that is not as it should be.
inline bool routine(Driver& driver, bool writes) {
  if (driver.read(3, 1024) != pattern_bytes(3, 1024)) {
    return false;
  }
  const Bytes mine(1024, std::byte{0x5a});
  if (writes && !(driver.write(9, mine) && driver.read(9, 1024) == mine && driver.flush())) {
    return false;
  }
  if (driver.id() != "referee" || !rarer_commands(driver)) {
    return false;
  }
  const auto first = driver.submit(0, 20, {}, 1024);
  const auto second = driver.submit(0, 30, {}, 1024);
  if (!first || !second || driver.wait(*first) != 0 || driver.wait(*second) != 0) {
    return false;
  }
  const bool right = driver.data(*first) == pattern_bytes(20, 1024) &&
                     driver.data(*second) == pattern_bytes(30, 1024);
  driver.forget(*first);
  driver.forget(*second);
  return right;
}

// Reads one sector each of `first`, `first` + 10, …, all submitted before the device moves.
inline std::vector<std::size_t> submit_reads(Driver& driver, std::size_t count,
                                             std::uint64_t first = 0) {
  std::vector<std::size_t> requests;
  for (std::size_t i = 0; i < count; ++i) {
    const auto request = driver.submit(0, first + 10 * i, {}, 512);
    REQUIRE(request.has_value());
    requests.push_back(*request);
  }
  return requests;
}

inline void check_reads(Driver& driver, const std::vector<std::size_t>& requests,
                        std::uint64_t first = 0) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(driver.wait(requests[i]) == std::uint8_t{0});
    CHECK(driver.data(requests[i]) == pattern_bytes(first + 10 * i, 512));
    driver.forget(requests[i]);
  }
}

// What was asked for, in the order of execution.
inline std::vector<std::uint64_t> sectors(const referee::BlockDevice& disk) {
  std::vector<std::uint64_t> all;
  for (const referee::BlockRequest& request : disk.requests()) {
    all.push_back(request.sector);
  }
  return all;
}

}  // namespace tiny
