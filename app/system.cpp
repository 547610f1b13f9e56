// help, poweroff and reboot.
#include "commands.hpp"

#include <sluice/kernel/exit.hpp>

namespace sluice::app {

int run_help(Session&, Words words) {
  console::Writer out(console::Stream::Output);
  if (words.empty()) {
    out.put("Paths are DEVICE:/path; a `;` stands between commands.\n");
    for (const Command& command : commands()) {
      format_to(out, "  {:<9} {}\n", command.name, command.summary);
    }
    out.put("`help COMMAND` says how a command is used.\n");
    return kSucceeded;
  }
  for (const std::string_view word : words) {
    const Command* command = find_command(word);
    if (command == nullptr) {
      out.flush();
      return usage_error("help", "no such command", word);
    }
    format_to(out, "usage: {}\n  {}\n", command->usage, command->summary);
  }
  return kSucceeded;
}

int run_poweroff(Session& session, Words words) {
  Words operands;
  if (!reject_options("poweroff", words, operands)) {
    return kUsage;
  }
  if (operands.empty()) {
    exit(static_cast<u32>(session.line_status));
  }
  const std::optional<u64> status = parse_number(operands[0]);
  if (operands.size() > 1 || !status || *status > 255) {
    return usage_error("poweroff", "one status is taken, 0 to 255", operands[0]);
  }
  exit(static_cast<u32>(*status));
}

int run_reboot(Session&, Words words) {
  if (!words.empty()) {
    return usage_error("reboot", "takes no word", words[0]);
  }
  reboot();
}

}  // namespace sluice::app
