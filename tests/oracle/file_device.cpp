// An image file as a disk; see file_device.hpp.
#include "file_device.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

namespace sluice::test {

FileDevice::FileDevice(const std::string& path, u32 logical_block_bytes)
    : JudgingDisk(logical_block_bytes), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status{};
  if (file_ < 0 || fstat(file_, &status) != 0) {
    throw std::runtime_error(path + " cannot be opened");
  }
  const u64 file_bytes = static_cast<u64>(status.st_size);
  disk_bytes_ = file_bytes - file_bytes % logical_block_bytes;
}

FileDevice::~FileDevice() {
  close(file_);
}

void FileDevice::copy(u64 at, std::span<std::byte> to) const {
  if (pread(file_, to.data(), to.size(), static_cast<off_t>(at)) !=
      static_cast<ssize_t>(to.size())) {
    throw std::runtime_error("the image cannot be read");
  }
}

}  // namespace sluice::test
