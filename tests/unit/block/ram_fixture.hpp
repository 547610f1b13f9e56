// What the RAM disk's tests share: filling, reading back, and many bios on their way at once.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <sluice/drivers/block/ram_disk.hpp>

#include "test_device.hpp"

namespace sluice::test {

using blk::RamDisk;

inline std::unique_ptr<RamDisk> make_ram(const RamDisk::Options& options) {
  auto made = RamDisk::create(options);
  REQUIRE(made);
  return std::move(*made);
}

inline std::vector<std::byte> bytes_of(blk::BlockDevice& device, u64 sector, usize bytes) {
  std::vector<std::byte> data(bytes, std::byte{0xee});
  REQUIRE(blk::read(device, Sector(sector), data) == Status::Ok);
  return data;
}

inline bool all(const std::vector<std::byte>& data, u32 value) {
  return std::all_of(data.begin(), data.end(),
                     [value](std::byte byte) { return byte == static_cast<std::byte>(value); });
}

inline Status try_fill(blk::BlockDevice& device, u64 sector, usize bytes, u32 value) {
  return blk::write(device, Sector(sector),
                    std::vector<std::byte>(bytes, static_cast<std::byte>(value)));
}
inline void fill(blk::BlockDevice& device, u64 sector, usize bytes, u32 value) {
  REQUIRE(try_fill(device, sector, bytes, value) == Status::Ok);
}

// A write that is durable when it ends.
inline Status durable_fill(blk::BlockDevice& device, u64 sector, usize bytes, u32 value) {
  std::vector<std::byte> data(bytes, static_cast<std::byte>(value));
  const Segment segment{data.data(), static_cast<u32>(bytes)};
  Bio bio;
  bio.op = Op::Write;
  bio.flags = blk::bio_flag::kFua;
  bio.sector = Sector(sector);
  bio.segments = {&segment, 1};
  return blk::submit_and_wait(device, bio);
}

// A bio of one block of 4 KiB, on its way.
inline std::unique_ptr<TestBio> start(blk::BlockDevice& device, Op op, u64 sector,
                                      u32 bytes = 4096) {
  auto bio = blk::carries_data(op) ? std::make_unique<TestBio>(op, sector, std::vector<u32>{bytes})
                                   : TestBio::range(op, sector, op == Op::Flush ? 0 : bytes);
  device.submit(bio->bio);
  return bio;
}

}  // namespace sluice::test
