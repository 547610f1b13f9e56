// Disks over bytes in memory; see byte_device.hpp.
#include "tests/unit/fat/byte_device.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::test {

JudgingDisk::JudgingDisk(u32 logical_block_bytes) {
  limits_.logical_block_bytes = limits_.physical_block_bytes = logical_block_bytes;
}

void JudgingDisk::submit(List<blk::Bio>& list) {
  ++batches;
  while (blk::Bio* bio = list.pop_front()) {
    ++bios;
    if (hold) {
      held_.push_back(bio);
    } else {
      end(*bio);
    }
  }
}

bool JudgingDisk::complete_one() {
  if (held_.empty()) {
    return false;
  }
  blk::Bio* bio = newest_first ? held_.back() : held_.front();
  newest_first ? held_.pop_back() : held_.pop_front();
  end(*bio);
  return true;
}

void JudgingDisk::end(blk::Bio& bio) {
  bio.status = transfer(bio);
  bio.end_io(bio);
}

blk::Status JudgingDisk::transfer(const blk::Bio& bio) {
  const u32 block = limits_.logical_block_bytes;
  u64 at = bio.sector.value() * blk::kSectorBytes;
  u64 total = 0;
  for (const blk::Segment& segment : bio.segments) {
    total += segment.bytes;
  }
  if (bio.op != blk::Op::Read || at % block != 0 || total % block != 0 || total == 0) {
    ++senseless;
    return blk::Status::Misaligned;
  }
  if (at > size_bytes() || total > size_bytes() - at) {
    ++senseless;
    return blk::Status::OutOfRange;
  }
  const auto bad = bad_sectors.lower_bound(at / blk::kSectorBytes);
  if (bad != bad_sectors.end() && *bad * blk::kSectorBytes < at + total) {
    return blk::Status::IoError;
  }
  for (const blk::Segment& segment : bio.segments) {
    copy(at, {segment.data, segment.bytes});
    at += segment.bytes;
  }
  bytes_read += total;
  return blk::Status::Ok;
}

void ByteDevice::copy(u64 at, std::span<std::byte> to) const {
  const usize held = at < bytes.size() ? std::min<usize>(to.size(), bytes.size() - at) : 0;
  if (held > 0) {
    std::memcpy(to.data(), bytes.data() + at, held);
  }
  std::ranges::fill(to.subspan(held), std::byte{0});
}

}  // namespace sluice::test
