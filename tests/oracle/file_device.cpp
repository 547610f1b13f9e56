// An image file as a disk; see file_device.hpp.
#include "file_device.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

namespace sluice::test {

FileDevice::FileDevice(const std::string& path, u32 logical_block_bytes)
    : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status{};
  if (file_ < 0 || fstat(file_, &status) != 0) {
    throw std::runtime_error(path + " cannot be opened");
  }
  const u64 file_bytes = static_cast<u64>(status.st_size);
  disk_bytes_ = file_bytes - file_bytes % logical_block_bytes;
  limits_.logical_block_bytes = limits_.physical_block_bytes = logical_block_bytes;
}

FileDevice::~FileDevice() {
  close(file_);
}

void FileDevice::submit(List<blk::Bio>& bios) {
  while (blk::Bio* bio = bios.pop_front()) {
    bio->status = transfer(*bio);
    bio->end_io(*bio);
  }
}

blk::Status FileDevice::transfer(const blk::Bio& bio) const {
  u64 at = bio.sector.value() * blk::kSectorBytes;
  u64 total = 0;
  for (const blk::Segment& segment : bio.segments) {
    total += segment.bytes;
  }
  if (bio.op != blk::Op::Read) {
    return blk::Status::ReadOnly;
  }
  if (at % limits_.logical_block_bytes != 0 || total % limits_.logical_block_bytes != 0) {
    return blk::Status::Misaligned;
  }
  if (at > disk_bytes_ || total > disk_bytes_ - at) {
    return blk::Status::OutOfRange;
  }
  for (const blk::Segment& segment : bio.segments) {
    if (pread(file_, segment.data, segment.bytes, static_cast<off_t>(at)) !=
        static_cast<ssize_t>(segment.bytes)) {
      return blk::Status::IoError;
    }
    at += segment.bytes;
  }
  return blk::Status::Ok;
}

}  // namespace sluice::test
