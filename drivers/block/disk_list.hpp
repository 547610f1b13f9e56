// The list of disks, for Disk to come and go. Callers find disks through disk.hpp and open them, or
// their partitions, through OpenDevice.
#pragma once

#include <sluice/drivers/block/disk.hpp>

namespace sluice::blk {

// Exists: there is a disk of that name (logged). Task.
Result<void> add_to_list(Disk& disk);
// Takes it from the list, and away from its open handles. Task, not from an end_io.
void remove_from_list(Disk& disk);

}  // namespace sluice::blk
