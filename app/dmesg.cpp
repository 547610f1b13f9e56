// dmesg: the lines of the log.
#include "commands.hpp"
#include "growing_array.hpp"

#include <sluice/kernel/lock.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::app {
namespace {

std::string_view level_name(log::Level level) {
  switch (level) {
    case log::Level::Error:
      return "error";
    case log::Level::Warning:
      return "warning";
    case log::Level::Info:
      return "info";
    case log::Level::Debug:
      return "debug";
  }
  return "?";
}

// Lines go to memory first: printing is slow, and the log may grow meanwhile.
struct Lines final : Sink {
  GrowingArray<char> text;
  bool complete = true;
  void put(std::string_view part) override {
    complete = complete && text.append({part.data(), part.size()});
  }
};

}  // namespace

int run_dmesg(Session&, Words words) {
  Words operands;
  if (!reject_options("dmesg", words, operands)) {
    return kUsage;
  }
  if (!operands.empty()) {
    return usage_error("dmesg", "takes no operand", operands[0]);
  }
  Lines lines;
  log::for_each(
      [](const log::Line& line, void* context) {
        format_to(*static_cast<Lines*>(context), "[{:>5}.{:06}] {:<7} {}\n",
                  line.time_ns / 1'000'000'000, line.time_ns / 1000 % 1'000'000,
                  level_name(line.level), line.text);
      },
      &lines);
  console::write(console::Stream::Output, {lines.text.items().data(), lines.text.count()});
  return lines.complete ? kSucceeded : failure("dmesg", "the log", to_string(Errc::NoMemory));
}

}  // namespace sluice::app
