// The table of commands, and the messages that all of them share.
#include "commands.hpp"

#include <algorithm>

namespace sluice::app {
namespace {

constexpr Command kCommands[] = {
    {"ls", "ls [-l] [-R] PATH", "names in a directory", run_ls},
    {"cat", "cat PATH...", "the bytes of files", run_cat},
    {"cksum", "cksum [-r] PATH...", "checksum, size and path, as POSIX cksum", run_cksum},
    {"stat", "stat PATH", "what a directory says of a file", run_stat},
    {"fsinfo", "fsinfo [--check] DEVICE", "what a volume says of itself, and what is wrong with it",
     run_fsinfo},
    {"lsdev", "lsdev [-v] [-c|--class] [--json]", "buses, devices and drivers", run_lsdev},
    {"lsblk", "lsblk [-v]", "block devices, partitions, and what is in flight", run_lsblk},
    {"lsirq", "lsirq", "interrupts by source and hart", run_lsirq},
    {"iostat", "iostat [-v] [DISK...]", "statistics of disks since boot", run_iostat},
    {"dd", "dd if=FROM [of=DEVICE] [bs=BYTES] [count=N] [skip=N] [seek=N]",
     "raw copy, from a device or file", run_dd},
    {"hexdump", "hexdump DEVICE [-s SECTOR] [-n BYTES]", "bytes of a device or file, as hexdump -C",
     run_hexdump},
    {"bind", "bind DEVICE...", "gives devices to their drivers", run_bind},
    {"unbind", "unbind DEVICE...", "takes devices from their drivers", run_unbind},
    {"suspend", "suspend [DEVICE...|all]", "quiets devices; what is asked of them waits",
     run_suspend},
    {"resume", "resume [DEVICE...|all]", "wakes suspended devices", run_resume},
    {"free", "free", "who holds how much memory", run_free},
    {"dmesg", "dmesg", "the log", run_dmesg},
    {"bench",
     "bench --filename=DEVICE|PATH [--rw=read|write|randread|randwrite|randrw|trim] [--bs=4k]\n"
     "         [--iodepth=1] [--size=] [--offset=] [--number_ios=] [--runtime= [--time_based]]\n"
     "         [--randseed=] [--randrepeat=1] [--output-format=normal|json] [--numjobs=1]\n"
     "         [--offset_increment=] [--hipri] [--ioscheduler=none|mq-deadline|kyber]\n"
     "         [--iodepth_batch_submit=] [--iodepth_batch_complete_min=1] [--verify=crc32c]",
     "I/O benchmark with fio's options", run_bench},
    {"pt", "pt ADDRESS", "what the page tables say of an address", run_pt},
    {"fault", "fault [KIND]", "causes a fault on purpose; without a kind, lists them", run_fault},
    {"help", "help [COMMAND]", "this list", run_help},
    {"poweroff", "poweroff [STATUS]", "ends the machine, with this status or the line's so far",
     run_poweroff},
    {"reboot", "reboot", "starts the machine again", run_reboot},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view name) {
  const auto* found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::end(kCommands) ? nullptr : found;
}

int usage_error(std::string_view command, std::string_view what, std::string_view word) {
  const Command* known = find_command(command);
  console::Writer out(console::Stream::Error);
  format_to(out, "{}: {}{}{}\n", command, what, word.data() == nullptr ? "" : ": ", word);
  if (known != nullptr) {
    format_to(out, "usage: {}\n", known->usage);
  }
  return kUsage;
}

int unknown_option(std::string_view command, const OptionReader& option) {
  console::Writer out(console::Stream::Error);
  format_to(
      out, "{}: {} {}{}\n", command,
      option.has_unwanted_value() ? "unknown option, or one without a value:" : "unknown option:",
      option.is_long() ? "--" : "-", option.name());
  if (const Command* known = find_command(command)) {
    format_to(out, "usage: {}\n", known->usage);
  }
  return kUsage;
}

bool reject_options(std::string_view command, Words words, Words& operands) {
  OptionReader options(words);
  if (options.next()) {
    unknown_option(command, options);
    return false;
  }
  operands = options.operands();
  return true;
}

std::string_view in_words(Errc error) {
  return error == Errc::Malformed ? "malformed data (dmesg says where)" : to_string(error);
}

int failure(std::string_view command, std::string_view thing, std::string_view reason) {
  print_error("{}: {}: {}\n", command, thing, reason);
  return kFailed;
}

int failure_below(std::string_view command, std::string_view path, std::string_view relative,
                  std::string_view reason) {
  const bool slash = !relative.empty() && !path.ends_with('/') && !path.ends_with(':');
  print_error("{}: {}{}{}: {}\n", command, path, slash ? "/" : "", relative, reason);
  return kFailed;
}

}  // namespace sluice::app
