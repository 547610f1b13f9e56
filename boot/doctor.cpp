// The checks, each with what it says.
#include <sluice/boot/doctor.hpp>

#include <algorithm>

#include <sluice/boot/firmware.hpp>
#include <sluice/boot/image.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/power.hpp>

namespace sluice::boot {
namespace {

// Those of all drivers that there are, whether the image has them or not: docs/boot.md has the
// table.
constexpr std::string_view kOptions =
    "boot_hart codepage console fail_alloc loglevel mmu nomerges partitions virtio_blk.poll_queues "
    "virtio_blk.queue_size virtio_blk.timeout";

// The RAM disk knows its own options, and a driver that is not one of ours its own.
bool is_a_drivers(std::string_view name) {
  const std::string_view driver = name.substr(0, name.find('.'));
  return driver.size() < name.size() && driver != "virtio_blk" &&
         (driver == "ram0" ||
          std::ranges::any_of(
              image.drivers,
              [driver](const dev::Driver* known) { return known->name() == driver; }));
}

}  // namespace

void report_command_line() {
  command_line::report_unknown("", kOptions, is_a_drivers);
}

void report_devices() {
  if (power::device() == nullptr) {
    log::warning("no test finisher in the device tree: {}",
                 firmware_has(Extension::Reset) || firmware_has(Extension::LegacyShutdown)
                     ? "the firmware switches the machine off, with no status but run.sh's records"
                     : "and the firmware lacks SRST: nobody switches this machine off");
  }
  if (console::device() == &firmware_console()) {
    log::info("console: the firmware's ({}); no serial line is driven here",
              firmware_has(Extension::DebugConsole)    ? "DBCN"
              : firmware_has(Extension::LegacyPutchar) ? "legacy putchar"
                                                       : "it has none: nothing is shown");
  }
}

}  // namespace sluice::boot
