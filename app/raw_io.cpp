// Whole blocks go straight between memory and device; a block at an edge goes through memory of its
// own.
#include "raw_io.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::app {
namespace {

constexpr usize kMinTransferBytes = 128 * 1024;  // two of the largest logical blocks

blk::Sector sector_of(u64 byte) {
  return blk::Sector(byte / blk::kSectorBytes);
}

}  // namespace

Pages allocate_transfer(usize& bytes) {
  Pages memory;
  for (; bytes >= kMinTransferBytes; bytes /= 2) {
    memory = allocate_pages(pages_for(bytes));
    if (memory != nullptr) {
      break;
    }
  }
  return memory;
}

int ByteSource::open(Session& session, std::string_view command, std::string_view name) {
  if (is_path(name)) {
    Place place;
    if (const int status = find_file(session, command, name, place); status != kSucceeded) {
      return status;
    }
    Result<fat::File> file = place.volume->open(place.entry);
    if (!file) {
      return failure(command, name, in_words(file.error()));
    }
    file_.emplace(std::move(*file));
  } else if (!open_disk(command, name, device_)) {
    return kFailed;
  }
  memory_ = allocate_transfer(memory_bytes_);
  return memory_ != nullptr ? kSucceeded : failure(command, name, to_string(Errc::NoMemory));
}

u64 ByteSource::bytes() const {
  return file_ ? file_->size_bytes() : device_.sectors() * blk::kSectorBytes;
}

Result<std::span<const std::byte>> ByteSource::read(u64 offset, u64 at_most) {
  if (offset >= bytes() || at_most == 0) {
    return std::span<const std::byte>{};
  }
  const u64 wanted = std::min(at_most, bytes() - offset);
  if (!file_) {
    return read_device(offset, wanted);
  }
  const usize now = static_cast<usize>(std::min<u64>(wanted, memory_bytes_));
  const usize got = TRY(file_->read(offset, {memory_.get(), now}));
  return std::span<const std::byte>(memory_.get(), got);
}

Result<std::span<const std::byte>> ByteSource::read_device(u64 offset, u64 wanted) {
  const u32 block = device_.limits().logical_block_bytes;
  const u64 begin = align_down(offset, block);
  const u64 end = std::min(align_up(offset + wanted, block), begin + memory_bytes_);
  const usize all = static_cast<usize>(end - begin);
  const blk::Status status = blk::read(device_, sector_of(begin), {memory_.get(), all});
  if (status != blk::Status::Ok) {
    return fail(blk::to_errc(status));
  }
  const usize skipped = static_cast<usize>(offset - begin);
  const usize got = static_cast<usize>(std::min<u64>(all - skipped, wanted));
  return std::span<const std::byte>(memory_.get() + skipped, got);
}

int ByteTarget::open(std::string_view command, std::string_view name) {
  if (is_path(name)) {
    return failure(command, name, "files cannot be written, only devices");
  }
  if (!open_disk(command, name, device_)) {
    return kFailed;
  }
  if (device_.read_only()) {
    return failure(command, name, "the device is read-only");
  }
  block_ = allocate_pages(pages_for(device_.limits().logical_block_bytes));
  return block_ != nullptr ? kSucceeded : failure(command, name, to_string(Errc::NoMemory));
}

blk::Status ByteTarget::write(u64 offset, std::span<const std::byte> data) {
  const u32 block = device_.limits().logical_block_bytes;
  const usize begin = static_cast<usize>(offset % block);
  if (begin != 0) {
    const usize now = std::min<usize>(block - begin, data.size());
    const blk::Status status = write_part(offset - begin, begin, data.first(now));
    if (status != blk::Status::Ok) {
      return status;
    }
    offset += now;
    data = data.subspan(now);
  }
  const usize whole = data.size() - data.size() % block;
  if (whole > 0) {
    const blk::Status status = blk::write(device_, sector_of(offset), data.first(whole));
    if (status != blk::Status::Ok) {
      return status;
    }
  }
  return whole < data.size() ? write_part(offset + whole, 0, data.subspan(whole)) : blk::Status::Ok;
}

blk::Status ByteTarget::write_part(u64 block_offset, usize begin, std::span<const std::byte> data) {
  const std::span<std::byte> block(block_.get(), device_.limits().logical_block_bytes);
  const blk::Status status = blk::read(device_, sector_of(block_offset), block);
  if (status != blk::Status::Ok) {
    return status;
  }
  std::memcpy(block.data() + begin, data.data(), data.size());
  return blk::write(device_, sector_of(block_offset), block);
}

blk::Status ByteTarget::flush() {
  return device_.has_write_cache() ? blk::flush(device_) : blk::Status::Ok;
}

}  // namespace sluice::app
