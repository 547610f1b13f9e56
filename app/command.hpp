// What a command is, and what all commands share: statuses, messages, the volumes that are mounted.
// Used by every command and by the program that runs them.
#pragma once

#include <string_view>

#include "arguments.hpp"
#include "volumes.hpp"

#include <sluice/kernel/console.hpp>

namespace sluice::app {

// Exit statuses of a command.
inline constexpr int kSucceeded = 0;
inline constexpr int kFailed = 1;  // not found, I/O error, corrupt volume
inline constexpr int kUsage = 2;

// What lives as long as the run.
struct Session {
  Volumes volumes;
  int line_status = kSucceeded;  // of the line that runs, as far as it has come
};

struct Command {
  std::string_view name;
  std::string_view usage;    // "ls [-l] [-R] PATH"
  std::string_view summary;  // what it does, for help
  // `words` without the command's name; they may be reordered. Task.
  int (*run)(Session& session, Words words);
};

// All commands, in the order of help; null where there is none of that name.
std::span<const Command> commands();
const Command* find_command(std::string_view name);

// Prints what is wrong with the words of a command, and how it is used. Returns kUsage.
int usage_error(std::string_view command, std::string_view what, std::string_view word = {});
// The same for an option that the command does not have, or that came with a value it does not
// take.
int unknown_option(std::string_view command, const OptionReader& option);
// True where no option is left that nobody knows; for commands without options.
bool reject_options(std::string_view command, Words words, Words& operands);

// What a command says of an error: where the kernel's log knows more, that it does.
std::string_view in_words(Errc error);
// "ls: vda:/nope: not found" on standard error. Returns kFailed.
int failure(std::string_view command, std::string_view thing, std::string_view reason);
// The same for what was found at `relative` below `path`.
int failure_below(std::string_view command, std::string_view path, std::string_view relative,
                  std::string_view reason);

// The later of two statuses counts only where the first was success.
constexpr int first_failure(int first, int second) {
  return first != kSucceeded ? first : second;
}

// Runs all commands of a line, `;` between them; returns the status of the first that failed. Task.
int run_line(Session& session, std::string_view line);

// Reads and runs lines from the console until the end of input; returns the status of the last.
// Task.
int run_shell(Session& session);

}  // namespace sluice::app
