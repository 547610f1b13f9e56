// Starting a program, and seeing to its end.
#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace qemu {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Failure("no pipe");
    }
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out, in;
};

// In the new process: only calls that are allowed between fork and exec. What keeps it from
// starting is written to `report`.
[[noreturn]] void become(char* const* words, const char* folder, int output, int report,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(127);  // it died before
  }
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0 && dup2(nothing, 0) == 0 && dup2(output, 1) == 1 && dup2(output, 2) == 2 &&
      chdir(folder) == 0) {
    execvp(words[0], words);
  }
  const int error = errno;
  (void)!::write(report, &error, sizeof error);
  _exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const std::string& folder) {
  std::vector<char*> pointers;
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  Pipe output;
  Pipe report;
  const pid_t parent = getpid();
  id_ = fork();
  if (id_ < 0) {
    throw Failure("no new process");
  }
  if (id_ == 0) {
    become(pointers.data(), folder.c_str(), output.in.number(), report.in.number(), parent);
  }
  output_ = std::move(output.out);
  report.in.close();
  int error = 0;
  started_ = ::read(report.out.number(), &error, sizeof error) == 0;
  if (!started_) {
    reap();
    if (error != ENOENT) {
      throw Failure(words[0] + " does not start: " + std::strerror(error));
    }
  }
}

Process::~Process() {
  reap();
}

std::string Process::end(int milliseconds) {
  std::string text;
  pollfd readable{output_.number(), POLLIN, 0};
  while (id_ > 0 && poll(&readable, 1, milliseconds) == 1) {
    std::array<char, 4096> piece;
    const ssize_t bytes = ::read(output_.number(), piece.data(), piece.size());
    if (bytes <= 0) {
      break;
    }
    text.append(piece.data(), static_cast<std::size_t>(bytes));
  }
  reap();
  return text;
}

void Process::reap() {
  if (id_ > 0) {
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
    id_ = -1;
  }
}

}  // namespace qemu
