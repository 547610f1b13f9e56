// Lines in and out.
#include "line_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace qemu {

LineSocket::LineSocket(std::string name) : name_(std::move(name)) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw Failure("no sockets");
  }
  ours_ = Fd(ends[0]);
  theirs_ = Fd(ends[1]);
  fcntl(theirs_.number(), F_SETFD, 0);
}

void LineSocket::send(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(ours_.number(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      throw Failure(name_ + ": QEMU is gone");
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::optional<std::string_view> LineSocket::read_line(Time::time_point deadline) {
  std::size_t end = 0;
  while ((end = received_.find('\n', taken_)) == std::string::npos) {
    received_.erase(0, std::exchange(taken_, 0));
    if (!receive(deadline)) {
      return std::nullopt;
    }
  }
  std::string_view line(received_.data() + taken_, end - taken_);
  taken_ = end + 1;
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

std::string_view LineSocket::read_answer() {
  const std::optional<std::string_view> line = read_line(Time::now() + kLongestAnswer);
  if (!line) {
    throw Failure(name_ + ": no answer from QEMU");
  }
  return *line;
}

// False: nothing came until the deadline.
bool LineSocket::receive(Time::time_point deadline) {
  using std::chrono::nanoseconds;
  const nanoseconds left = std::max(nanoseconds(deadline - Time::now()), nanoseconds(0));
  const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  pollfd readable{ours_.number(), POLLIN, 0};
  if (ppoll(&readable, 1, &timeout, nullptr) != 1) {
    return false;
  }
  std::array<char, 4096> piece;
  const ssize_t bytes = recv(ours_.number(), piece.data(), piece.size(), 0);
  if (bytes <= 0) {
    throw Failure(name_ + ": QEMU has closed its end");
  }
  received_.append(piece.data(), static_cast<std::size_t>(bytes));
  return true;
}

}  // namespace qemu
