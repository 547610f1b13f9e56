// Byte ranges of a disk, read in whole logical blocks of whatever size the disk has.
// RangeRead is one such read as a bio, the ragged edges through bounce blocks; File sends several
// at once. BlockReader reads synchronously, and keeps a few windows of the disk: all that is not
// file data goes through it.
#pragma once

#include <array>
#include <memory>
#include <span>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/kernel/result.hpp>

namespace sluice::fat {

// One bio that reads the blocks around [disk_byte, disk_byte + target.size()): the first block into
// a bounce block where the range begins within it, the last likewise, everything between straight
// into the target. Order of calls: prepare(), submit bio(), and after its end_io finish().
class RangeRead {
 public:
  // How many bounce blocks (0…2) a range needs on a disk with such blocks. `bytes` > 0. Any
  // context.
  static u32 bounce_blocks(u64 disk_byte, u64 bytes, u32 block_bytes);

  // `bounce` holds bounce_blocks() blocks; both it and the target stay until the end. Any context.
  void prepare(u64 disk_byte, std::span<std::byte> target, u32 block_bytes, std::byte* bounce,
               blk::Bio::EndIo end_io, void* context);
  blk::Bio& bio() { return bio_; }

  // Copies the edges to where they belong, if the read succeeded. Any context.
  void finish();

 private:
  struct Edge {
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    u32 bytes = 0;
  };
  usize split(u64 disk_byte, std::span<std::byte> target, u32 block_bytes, std::byte* bounce);

  blk::Bio bio_;
  std::array<blk::Segment, 3> segments_{};
  std::array<Edge, 2> edges_{};
  u32 edge_count_ = 0;
};

class BlockReader {
 public:
  // Allocates the windows, the bounce blocks and nothing later. NoMemory. The device outlives it.
  // Task.
  static Result<BlockReader> create(blk::BlockDevice& device);

  // Reads exactly the range, past the windows. Malformed, Io, Removed. Task.
  Result<void> read(u64 disk_byte, std::span<std::byte> out);

  // The bytes from `disk_byte` to the end of its window, at least one; valid until the next call.
  // Same errors. Task.
  Result<std::span<const std::byte>> window(u64 disk_byte);

  blk::BlockDevice& device() const { return *device_; }
  u32 block_bytes() const { return block_bytes_; }

  // Does the disk hold the range, as large as it was when this was made? Any context.
  bool holds(u64 disk_byte, u64 bytes) const {
    return disk_byte <= disk_bytes_ && bytes <= disk_bytes_ - disk_byte;
  }
  // What is to be said of a range that it does not hold, and of a read that ended so: Malformed, or
  // Io; Removed where the disk is gone. Any context.
  Errc beyond_end() const { return device_->sectors() == 0 ? Errc::Removed : Errc::Malformed; }
  Errc error_of(blk::Status status) const {
    return status == blk::Status::OutOfRange ? beyond_end() : blk::to_errc(status);
  }

 private:
  static constexpr u32 kWindows = 4;
  static constexpr u32 kWindowBytes = 32 * 1024;  // or a block, where that is more
  struct Window {
    u64 first_byte = 0;
    u64 bytes = 0;  // 0: empty
    u64 last_use = 0;
    bool contains(u64 disk_byte) const { return disk_byte - first_byte < bytes; }
  };

  BlockReader(blk::BlockDevice& device, u32 block_bytes, u32 window_bytes);
  std::span<std::byte> memory_of(u32 index) const;
  Result<u32> find(u64 disk_byte);
  Result<void> fill(u32 index, u64 disk_byte, u32 bytes);

  blk::BlockDevice* device_;
  u32 block_bytes_;
  u32 window_bytes_;
  u64 disk_bytes_;   // a last block that is not whole cannot be read
  u32 current_ = 0;  // the window used last
  u64 uses_ = 0;
  std::array<Window, kWindows> windows_{};
  std::unique_ptr<std::byte[]> memory_;  // the windows, then two bounce blocks
};

}  // namespace sluice::fat
