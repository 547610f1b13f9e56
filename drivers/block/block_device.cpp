// Plugs, and the synchronous helpers.
#include <sluice/drivers/block/block_device.hpp>

#include <algorithm>

#include <sluice/kernel/work.hpp>

namespace sluice::blk {

void BlockDevice::submit(Bio& bio) {
  List<Bio> one;
  one.push_back(bio);
  submit(one);
}

void Plug::add(Bio& bio) {
  bios_.push_back(bio);
  if (++count_ == kBatch) {
    flush();
  }
}

void Plug::flush() {
  count_ = 0;
  if (!bios_.empty()) {
    device_.submit(bios_);
  }
}

// --- Synchronous helpers ---

Status submit_and_wait(BlockDevice& device, Bio& bio) {
  Completion done;
  bio.context = &done;
  bio.end_io = [](Bio& ended) { static_cast<Completion*>(ended.context)->complete(); };
  device.submit(bio);
  done.wait();
  return bio.status;
}

namespace {

// A segment counts its bytes in 32 bits; whole blocks of any size.
constexpr usize kMostAtOnce = usize{1} << 30;

Status transfer(BlockDevice& device, Op op, Sector sector, std::byte* data, usize bytes) {
  do {
    const Segment segment{data, static_cast<u32>(std::min(bytes, kMostAtOnce))};
    Bio bio(op, sector, {&segment, 1}, nullptr, nullptr);
    const Status status = submit_and_wait(device, bio);
    if (status != Status::Ok) {
      return status;
    }
    data += segment.bytes;
    bytes -= segment.bytes;
    sector += segment.bytes >> kSectorShift;
  } while (bytes > 0);
  return Status::Ok;
}

Status transfer_range(BlockDevice& device, Op op, Sector sector, u64 bytes) {
  Bio bio(op, sector, {}, nullptr, nullptr);
  bio.range_bytes = bytes;
  return submit_and_wait(device, bio);
}

}  // namespace

Status read(BlockDevice& device, Sector sector, std::span<std::byte> data) {
  return transfer(device, Op::Read, sector, data.data(), data.size());
}

Status write(BlockDevice& device, Sector sector, std::span<const std::byte> data) {
  // A segment serves both directions; what a Write names is only read.
  return transfer(device, Op::Write, sector, const_cast<std::byte*>(data.data()), data.size());
}

Status flush(BlockDevice& device) {
  return transfer_range(device, Op::Flush, Sector{}, 0);
}

Status discard(BlockDevice& device, Sector sector, u64 bytes) {
  return transfer_range(device, Op::Discard, sector, bytes);
}

Status write_zeroes(BlockDevice& device, Sector sector, u64 bytes) {
  return transfer_range(device, Op::WriteZeroes, sector, bytes);
}

Status secure_erase(BlockDevice& device, Sector sector, u64 bytes) {
  return transfer_range(device, Op::SecureErase, sector, bytes);
}

}  // namespace sluice::blk
