// Our end of a pair of sockets, spoken line by line; QEMU inherits the other end. Every wait has a
// bound. Used by both clients.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "fd.hpp"

namespace qemu {

using Time = std::chrono::steady_clock;

// What QEMU answers within, however busy the machine.
inline constexpr std::chrono::seconds kLongestAnswer{30};

class LineSocket {
 public:
  // `name` is for messages.
  explicit LineSocket(std::string name);

  // The number of QEMU's end: for its command line, and until it has started.
  int other_end() const { return theirs_.number(); }
  void close_other_end() { theirs_.close(); }

  // Throws a Failure where QEMU has closed its end, as read_line() does.
  void send(std::string_view text);
  // The next line without its end, good until the next call. Nothing: none came until then.
  std::optional<std::string_view> read_line(Time::time_point deadline);
  // The same, and none within kLongestAnswer is a Failure.
  std::string_view read_answer();

 private:
  bool receive(Time::time_point deadline);

  std::string name_;
  Fd ours_, theirs_;
  std::string received_;
  std::size_t taken_ = 0;  // of it
};

}  // namespace qemu
