// The checksum of POSIX cksum: CRC-32 with the polynomial 0x04c11db7, highest bit first, the length
// behind the data. Used by cksum. Pure; any context. Reference: POSIX.1-2017, cksum.
#pragma once

#include <span>

#include <sluice/kernel/types.hpp>

namespace sluice::app {

class PosixCrc {
 public:
  void add(std::span<const std::byte> data);
  // Of everything added so far.
  u32 value() const;
  u64 bytes() const { return bytes_; }

 private:
  // The remainder with its bytes in reverse order: the next byte of data then meets the lowest byte
  // of the register, and eight bytes at a time can be loaded as they lie in memory.
  u32 register_ = 0;
  u64 bytes_ = 0;
};

}  // namespace sluice::app
