// A program beside the test, which never outlives it, however the test ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "fd.hpp"

namespace qemu {

class Process {
 public:
  // Starts words[0], found along PATH, in that folder. It inherits the descriptors that are not
  // close-on-exec; standard input is empty.
  Process(const std::vector<std::string>& words, const std::string& folder);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  // False: there is no such program.
  bool started() const { return started_; }

  // Waits until it has ended, and kills it where it does not within `milliseconds`; says all that
  // it printed. The second time it says nothing.
  std::string end(int milliseconds);

 private:
  void reap();

  pid_t id_ = -1;
  bool started_ = false;
  Fd output_;  // ends when the program has
};

}  // namespace qemu
