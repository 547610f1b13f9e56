// A RAM disk's options as words of the kernel command line: ram0.latency=50us. Used by
// RamDiskDriver. docs/ram-disk.md has the table of all of them.
#pragma once

#include <string_view>

#include <sluice/drivers/block/ram_disk.hpp>

namespace sluice::blk {

// Changes in `options` what the words `<name>.<option>=<value>` say. A value that makes no sense is
// logged, with what it could be, and leaves the option as it is. Task.
void read_ram_options(std::string_view name, RamDisk::Options& options);

}  // namespace sluice::blk
