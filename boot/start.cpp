// Start-up, in the order in which things happen: device tree, memory and paging, traps, the other
// harts, buses and drivers, the program's main, and switching off. Called by entry.S; reads the
// image's table (image.hpp).
#include <array>
#include <memory>
#include <new>

#include <sluice/boot/doctor.hpp>
#include <sluice/boot/end.hpp>
#include <sluice/boot/firmware.hpp>
#include <sluice/boot/harts.hpp>
#include <sluice/boot/image.hpp>
#include <sluice/boot/memory.hpp>
#include <sluice/boot/paging.hpp>
#include <sluice/boot/panic.hpp>
#include <sluice/boot/stack_guard.hpp>
#include <sluice/boot/stacks.hpp>
#include <sluice/boot/trap.hpp>
#include <sluice/drivers/base/platform_bus.hpp>
#include <sluice/drivers/base/pm.hpp>
#include <sluice/drivers/base/probe.hpp>
#include <sluice/kernel/clock.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/console.hpp>
#include <sluice/kernel/entropy.hpp>
#include <sluice/kernel/fail_alloc.hpp>
#include <sluice/kernel/fdt.hpp>
#include <sluice/kernel/hart.hpp>
#include <sluice/kernel/log.hpp>
#include <sluice/kernel/memory.hpp>
#include <sluice/kernel/panic.hpp>
#include <sluice/kernel/words.hpp>
#include <sluice_port.hpp>

int main(int argc, char** argv);

extern "C" {
extern void (*__init_array_start[])();
extern void (*__init_array_end[])();
extern std::byte __image_start[], __image_end[];
[[noreturn]] void start_kernel(sluice::u64 tree_address);
}

namespace sluice::boot {
namespace {

constexpr u64 kHighestHartId = 0xffff'ffff;
constexpr usize kTreeHeaderBytes = 40;
constexpr usize kMaxTreeBytes = 2 * 1024 * 1024;
constexpr u32 kFailedStatus = 1;
constexpr u32 kStatusMask = 0xff;  // what a process can say

constinit fdt::Tree tree;

void parse_tree(u64 address) {
  if (address == 0 || address % 8 != 0) {
    panic_with("device tree: the firmware says that it is at {:#x}, which is no place for one",
               address);
  }
  const auto* at = reinterpret_cast<const std::byte*>(address);
  if (at >= __image_start && at < __image_end) {
    panic_with(
        "device tree: the firmware put it at {:#x}, inside the image ({:#x} to {:#x}), which has "
        "overwritten it: give the machine more memory, or load the tree elsewhere",
        address, reinterpret_cast<u64>(__image_start), reinterpret_cast<u64>(__image_end));
  }
  const std::optional<u32> bytes = fdt::Tree::claimed_bytes({at, kTreeHeaderBytes});
  if (!bytes || *bytes > kMaxTreeBytes) {
    panic_with("device tree: none at {:#x} (no magic number, or larger than {} bytes)", address,
               kMaxTreeBytes);
  }
  if (!tree.parse({at, *bytes})) {
    panic("device tree: malformed");
  }
}

void read_command_line() {
  command_line::set(tree.find("/chosen").text("bootargs").value_or(""));
  console::use_records(command_line::value("console") == "records");
  fail_alloc::set(command_line::number("fail_alloc", 1, ~u64{0}).value_or(0));
  if (const auto level = command_line::number("loglevel", 0, 7)) {
    log::set_level(static_cast<log::Level>(*level));
  }
}

// boot_hart=N: hart N starts as this one did, and this one becomes one of the others.
void go_to_boot_hart(u64 tree_address) {
  const std::optional<u64> id = command_line::number("boot_hart", 0, kHighestHartId);
  if (id && *id != boot_hart.id) {
    const i64 error = boot_on(*id, tree_address);
    log::error(
        "command line: boot_hart={}: the firmware does not start that hart (error {}); {} goes on",
        *id, error, boot_hart.id);
  }
}

// A frequency that is not there is QEMU's: times are wrong at worst, and all else works.
void set_up_clock() {
  constexpr u64 kUsualFrequency = 10'000'000;
  const fdt::Node cpus = tree.find("/cpus");
  u64 frequency = cpus.number("timebase-frequency").value_or(0);
  if (frequency == 0) {
    frequency = cpus.child("cpu").number("timebase-frequency").value_or(0);
  }
  if (frequency == 0) {
    frequency = kUsualFrequency;
    log::warning("device tree: /cpus has no timebase-frequency; {} Hz is taken: times may be wrong",
                 frequency);
  }
  clock::set_frequency(frequency);
}

// The firmware's seed into the pool, and out of the tree (as Linux does): whoever reads the tree
// later learns nothing. A tree that is no memory keeps it.
void take_seed() {
  const std::optional<fdt::Property> seed = tree.find("/chosen").property("rng-seed");
  if (!seed || seed->value.empty()) {
    return;
  }
  entropy::add(seed->value);
  const u64 start = reinterpret_cast<u64>(seed->value.data());
  if (is_memory(start, start + seed->value.size())) {
    auto* const bytes = const_cast<std::byte*>(seed->value.data());
    entropy::wipe({bytes, seed->value.size()});
  }
  log::info("device tree: {} bytes of entropy", seed->value.size());
}

void show_line(const log::Line& line) {
  std::array<char, 300> text;
  BufferSink sink(text);
  log::put_line(sink, line);
  console::write_log(sink.text());
}

// The first driver of the table is the serial line's: from then on the log shows, and on a machine
// without one through the firmware.
void bring_up_devices() {
  static dev::PlatformBus platform;
  static dev::Device ram_disk("ram0", nullptr);
  dev::add_bus(platform);
  for (dev::Bus* bus : image.buses) {
    dev::add_bus(*bus);
  }
  if (const Result<void> populated = platform.populate(tree); !populated) {
    log::error("device tree: not all devices were added: {}", to_string(populated.error()));
  }
  ram_disk.platform_data = initrd();
  if (!platform.add_device(ram_disk)) {
    log::error("ram0: the device tree has a device of that name");
  }
  bool shown = false;
  for (dev::Driver* driver : image.drivers) {
    if (!dev::add_driver(*driver)) {
      log::error("driver {}: the image has no bus called {}", driver->name(), driver->bus_name());
    }
    if (!shown) {
      if (console::device() == nullptr) {
        console::set_device(&firmware_console());
      }
      log::set_show(show_line);
      shown = true;
    }
  }
  dev::wait_for_device_probe();
}

u32 run_main() {
  const std::string_view words = command_line::program_words();
  const usize most = words.size() + 2;  // every character a word, our name, the null
  const std::unique_ptr<char[]> storage(new (std::nothrow) char[words.size() + 1]);
  const std::unique_ptr<char*[]> argv(new (std::nothrow) char*[most]);
  std::array<char, 64> name{};
  image.name.copy(name.data(), name.size() - 1);
  if (storage == nullptr || argv == nullptr) {
    print_error("{}: no memory for the command line\n", image.name);
    return kFailedStatus;
  }
  usize argc = 0;
  argv[argc++] = name.data();
  WordReader reader(words, {storage.get(), words.size() + 1});
  std::array<char, 2> separator{";"};
  while (true) {
    const WordReader::Kind kind = reader.next();
    if (kind == WordReader::Kind::Word) {
      argv[argc++] = const_cast<char*>(reader.word().data());
    } else if (kind == WordReader::Kind::Separator) {
      argv[argc++] = separator.data();
    } else {
      if (kind == WordReader::Kind::Unterminated) {
        log::error("command line: a quote is not closed; the words from there on are left out: {}",
                   words);
      }
      break;
    }
  }
  argv[argc] = nullptr;
  return static_cast<u32>(main(static_cast<int>(argc), argv.get())) & kStatusMask;
}

}  // namespace
}  // namespace sluice::boot

void sluice::port::exit(u32 status) {
  dev::shutdown_all();
  boot::power_off(status & boot::kStatusMask);
}

void sluice::port::reboot() {
  dev::shutdown_all();
  boot::restart();
}

void start_kernel(sluice::u64 tree_address) {
  using namespace sluice;
  using namespace sluice::boot;
  probe_firmware();
  set_up_traps(trap_stack_of(0).top);
  parse_tree(tree_address);
  read_command_line();
  go_to_boot_hart(tree_address);
  set_up_clock();
  const bool has_sstc = all_harts_have(tree, "sstc");
  if (has_sstc) {
    use_sstc();
  }
  report_firmware(harts_in(tree), has_sstc);
  report_command_line();
  choose_paging_mode(command_line::value("mmu").value_or(""));
  const u32 harts = wanted_harts(tree);
  find_memory(tree, harts);
  take_seed();
  set_stack_guard(entropy::seed64());
  set_up_memory(tree, tree_address, harts);
  for (auto* constructor = __init_array_start; constructor != __init_array_end; ++constructor) {
    (*constructor)();
  }
  port::irq_restore(true);
  start_other_harts(tree);
  log::info("{}: hart {}, {} running, {} MiB free", image.name, boot_hart.id, hart_count(),
            page_allocator().free_pages() * kPageBytes >> 20);
  bring_up_devices();
  report_devices();
  port::exit(run_main());
}
