// The GUID partition table. Used by the partition table's reader.
// Reference: UEFI specification 2.10, 5.3.
#pragma once

#include <sluice/drivers/block/table_reader.hpp>

namespace sluice::blk {

// Adds the partitions of the table at block 1, or of its backup where that one is damaged. An error
// says why the last one that was tried cannot be believed. Task.
Result<void> read_gpt(TableReader& reader);

}  // namespace sluice::blk
