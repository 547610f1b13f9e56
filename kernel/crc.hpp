// The CRCs that disks and protocols are checked with: 32 bits, lowest bit first, begun with ones
// and inverted at the end. Used by the reader of GPTs, and by who verifies data. Pure; any context.
// References: ITU-T V.42, 8.1.1.6.2 (crc32); RFC 3720, 12.1 and B.4 (crc32c). The CRC of POSIX's
// cksum is another one (app/crc.hpp).
#pragma once

#include <span>

#include <sluice/kernel/types.hpp>

namespace sluice {

// Of `data` behind what has the CRC `before`: long data may come in pieces.
u32 crc32(std::span<const std::byte> data, u32 before = 0);
u32 crc32c(std::span<const std::byte> data, u32 before = 0);

}  // namespace sluice
