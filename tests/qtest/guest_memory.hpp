// The RAM of QEMU's machine, in a file that both have mapped: ring memory is plain memory here.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <string>

#include "fd.hpp"

namespace qemu {

class GuestMemory {
 public:
  GuestMemory(const std::string& file, std::size_t bytes)
      : file_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), length_(bytes) {
    if (file_.number() < 0 || ftruncate(file_.number(), static_cast<off_t>(bytes)) != 0) {
      throw Failure("cannot make " + file);
    }
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.number(), 0);
    if (data_ == MAP_FAILED) {
      throw Failure("cannot map " + file);
    }
  }
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  ~GuestMemory() { munmap(data_, length_); }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), length_}; }

 private:
  Fd file_;
  void* data_ = nullptr;
  std::size_t length_;
};

}  // namespace qemu
