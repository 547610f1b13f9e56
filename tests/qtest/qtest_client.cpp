// Commands of qtest and their answers: "OK …" or "FAIL …", and between them "IRQ raise 8".
#include "qtest_client.hpp"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>

namespace qemu {
namespace {

char suffix(unsigned bytes) {
  return bytes == 1 ? 'b' : bytes == 2 ? 'w' : 'l';
}

}  // namespace

std::uint32_t QtestClient::read(std::uint64_t address, unsigned bytes) {
  std::array<char, 64> command;
  const int length = std::snprintf(command.data(), command.size(), "read%c 0x%" PRIx64 "\n",
                                   suffix(bytes), address);
  std::string_view answer = ask({command.data(), static_cast<std::size_t>(length)});
  answer.remove_prefix(answer.find("0x") + 2);
  std::uint64_t value = 0;
  std::from_chars(answer.data(), answer.data() + answer.size(), value, 16);
  return static_cast<std::uint32_t>(value);
}

void QtestClient::write(std::uint64_t address, unsigned bytes, std::uint32_t value) {
  std::array<char, 64> command;
  const int length =
      std::snprintf(command.data(), command.size(), "write%c 0x%" PRIx64 " 0x%" PRIx32 "\n",
                    suffix(bytes), address, value);
  ask({command.data(), static_cast<std::size_t>(length)});
}

void QtestClient::intercept_interrupts(const std::string& device) {
  ask("irq_intercept_in " + device + "\n");
}

bool QtestClient::wait_for_line(Time::time_point deadline) {
  const auto line = socket_.read_line(deadline);
  if (line && !take_line_change(*line)) {
    throw Failure("qtest: QEMU says unasked: " + std::string(*line));
  }
  return line.has_value();
}

std::string_view QtestClient::ask(std::string_view command) {
  socket_.send(command);
  std::string_view line = socket_.read_answer();
  while (take_line_change(line)) {
    line = socket_.read_answer();
  }
  if (!line.starts_with("OK")) {
    throw Failure("qtest: " + std::string(command) + "is answered with " + std::string(line));
  }
  return line;
}

bool QtestClient::take_line_change(std::string_view line) {
  ++messages_;
  if (!line.starts_with("IRQ ")) {
    return false;
  }
  unsigned number = 0;
  std::from_chars(line.data() + line.rfind(' ') + 1, line.data() + line.size(), number);
  if (line_changed) {
    line_changed(number, line.starts_with("IRQ raise"));
  }
  return true;
}

}  // namespace qemu
