// The default program: runs the commands of the kernel command line, or, where there are none, the
// interactive prompt. Its status is that of the first command that failed. docs/your-own-image.md
// shows how to write another program.
#include "command.hpp"

#include <sluice/kernel/command_line.hpp>

// Words are split here and not taken from argv: only here is it known which `;` was quoted.
int main(int, char**) {
  sluice::app::Session session;
  const std::string_view words = sluice::command_line::program_words();
  if (words.find_first_not_of(" \t\n") == std::string_view::npos) {
    return sluice::app::run_shell(session);
  }
  return sluice::app::run_line(session, words);
}
