// What a disk holds whose first sector is no FAT boot sector.
// Used by parse_boot_sector, so that the error names it. References: Microsoft's documentation of
// exFAT and NTFS boot sectors (the OEM name); UEFI specification 2.10, 5.2 (MBR).
#pragma once

#include <optional>
#include <span>

#include <sluice/fs/fat/bpb.hpp>

namespace sluice::fat {

struct Recognized {
  Line text;             // the rest of a sentence that begins with the disk's name
  bool nothing = false;  // it holds nothing at all
};

// Nothing where the sector is like nothing known. Any context.
std::optional<Recognized> recognize_other(BootSectorBytes sector);

}  // namespace sluice::fat
