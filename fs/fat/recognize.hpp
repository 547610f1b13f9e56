// What a disk holds whose first sector is no FAT boot sector.
// Used by parse_boot_sector, so that the error names it. References: Microsoft's documentation of
// exFAT and NTFS boot sectors (the OEM name); UEFI specification 2.10, 5.2 (MBR).
#pragma once

#include <optional>
#include <span>

#include <sluice/fs/fat/bpb.hpp>

namespace sluice::fat {

// The rest of a sentence that begins with the disk's name ("is partitioned: …"), or nothing where
// the sector is like nothing known. Any context.
std::optional<Line> recognize_other(std::span<const std::byte, 512> sector);

}  // namespace sluice::fat
