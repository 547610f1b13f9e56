// A file descriptor with an owner. Used by what a test shares with QEMU.
#pragma once

#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace qemu {

// What a test fails with where QEMU, or the system, does not do what it must.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Fd {
 public:
  explicit Fd(int number = -1) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd() { close(); }
  void close() {
    if (number_ >= 0) {
      ::close(std::exchange(number_, -1));
    }
  }
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace qemu
