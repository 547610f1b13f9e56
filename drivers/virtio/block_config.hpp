// BlockConfig: what a virtio disk says of itself in its configuration space, read and checked.
// Used by BlockDisk. Reference: virtio 1.2, 5.2.4, 5.2.5.
#pragma once

#include <algorithm>

#include <sluice/drivers/block/block_device.hpp>
#include <sluice/drivers/virtio/bus.hpp>

namespace sluice::virtio {

struct BlockConfig {
  u64 sectors = 0;  // of 512 bytes, whatever the block size
  u32 block_bytes = blk::kSectorBytes;
  u32 max_segments = 1;
  u32 max_segment_bytes = ~u32{0};
  u32 queues = 1;
  bool read_only = false;
  bool write_cache = false;
  u32 physical_block_bytes = blk::kSectorBytes;
  // What a disk says of cylinders, heads and sectors; 0: nothing. Nobody needs it but people.
  struct Geometry {
    u32 cylinders = 0;
    u32 heads = 0;
    u32 sectors = 0;
    bool operator==(const Geometry&) const = default;
  };
  Geometry geometry;
  // How much one range of a request may cover, in whole blocks, and how many there may be, for
  // max_segment_bytes, too; 0: the device does not do it.
  struct Ranges {
    u32 sectors = 0;
    u32 count = 0;
    bool operator==(const Ranges&) const = default;
    u64 bytes(u32 most) const { return u64{sectors} * std::min(count, most) * blk::kSectorBytes; }
  };
  Ranges discard;
  Ranges write_zeroes;
  Ranges secure_erase;
  bool zeroes_may_unmap = false;  // WriteZeroes may give the place back

  bool operator==(const BlockConfig&) const = default;

  // The fields whose features were negotiated, of one generation. Task or work, once FEATURES_OK is
  // set. Malformed, with the value in the log and in the device's reason: a field that makes no
  // sense; Timeout: they keep changing.
  static Result<BlockConfig> read(Device& device);
};

}  // namespace sluice::virtio
