// The client of QEMU's qtest protocol: the machine's bus and its interrupt lines in a test's hands.
// Used by the Adapter. Reference: QEMU, docs/devel/qtest.rst.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "line_socket.hpp"

namespace qemu {

class QtestClient {
 public:
  // For QEMU's command line.
  LineSocket& socket() { return socket_; }

  // An access of 1, 2 or 4 bytes at a physical address.
  std::uint32_t read(std::uint64_t address, unsigned bytes);
  void write(std::uint64_t address, unsigned bytes, std::uint32_t value);

  // From now on the inputs of that device (a path in QEMU's object tree) come here instead.
  void intercept_interrupts(const std::string& device);
  // Called for each change of such an input, while this client waits for something.
  std::function<void(unsigned line, bool up)> line_changed;
  // Until an input has changed. False: none did until then.
  bool wait_for_line(Time::time_point deadline);

  // What QEMU has sent so far, counted.
  std::uint64_t messages() const { return messages_; }

 private:
  std::string_view ask(std::string_view command);
  bool take_line_change(std::string_view line);

  LineSocket socket_{"qtest"};
  std::uint64_t messages_ = 0;
};

}  // namespace qemu
