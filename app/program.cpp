// Runs a line of commands: splits it into words and calls one command after the other.
// Used by main and by the interactive prompt.
#include "command.hpp"

#include <memory>
#include <new>

#include "growing_array.hpp"

#include <sluice/kernel/words.hpp>

namespace sluice::app {
namespace {

// Stands between two commands; a word, even an empty one, is not null.
constexpr std::string_view kSeparator{};
bool is_separator(std::string_view word) {
  return word.data() == nullptr;
}

int out_of_memory() {
  print_error("sluice: the command line: {}\n", to_string(Errc::NoMemory));
  return kFailed;
}

// All words of the line, before anything is run: a line with a mistake does nothing.
int split(std::string_view line, std::span<char> storage, GrowingArray<std::string_view>& words) {
  WordReader reader(line, storage);
  while (true) {
    switch (reader.next()) {
      case WordReader::Kind::Word:
        if (!words.push_back(reader.word())) {
          return out_of_memory();
        }
        break;
      case WordReader::Kind::Separator:
        if (!words.push_back(kSeparator)) {
          return out_of_memory();
        }
        break;
      case WordReader::Kind::End:
        return kSucceeded;
      case WordReader::Kind::Unterminated:
        print_error("sluice: a quote is not closed: {}\n", line);
        return kUsage;
      case WordReader::Kind::NoRoom:
        return out_of_memory();
    }
  }
}

int run_command(Session& session, Words words) {
  const Command* command = find_command(words[0]);
  if (command == nullptr) {
    print_error("sluice: unknown command: {} (help lists them)\n", words[0]);
    return kUsage;
  }
  return command->run(session, words.subspan(1));
}

}  // namespace

int run_line(Session& session, std::string_view line) {
  const usize storage_bytes = line.size() + 1;
  const std::unique_ptr<char[]> storage(new (std::nothrow) char[storage_bytes]);
  if (!storage) {
    return out_of_memory();
  }
  GrowingArray<std::string_view> words;
  if (const int status = split(line, {storage.get(), storage_bytes}, words); status != kSucceeded) {
    return status;
  }
  session.line_status = kSucceeded;
  Words rest = words.items();
  while (!rest.empty()) {
    usize count = 0;
    while (count < rest.size() && !is_separator(rest[count])) {
      ++count;
    }
    if (count > 0) {
      session.line_status =
          first_failure(session.line_status, run_command(session, rest.first(count)));
    }
    rest = rest.subspan(count < rest.size() ? count + 1 : count);
  }
  return session.line_status;
}

}  // namespace sluice::app
