// What is commonly wrong with a machine, recognised at start-up and named in the log with its
// remedy. Used by start-up; docs/boot.md has the whole table.
#pragma once

namespace sluice::boot {

// Words of the kernel command line that mean nothing to anybody. The image's table may be read.
void report_command_line();

// What the devices that were found leave open: who switches the machine off, where the console is.
void report_devices();

}  // namespace sluice::boot
