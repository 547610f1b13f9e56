// Reading byte ranges in whole blocks; see block_reader.hpp.
#include <sluice/fs/fat/block_reader.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace sluice::fat {
namespace {

bool is_whole_blocks(u64 disk_byte, u64 bytes, u32 block_bytes) {
  return ((disk_byte | bytes) & (block_bytes - 1)) == 0;
}

}  // namespace

u32 RangeRead::bounce_blocks(u64 disk_byte, u64 bytes, u32 block_bytes) {
  if (is_whole_blocks(disk_byte, bytes, block_bytes)) [[likely]] {
    return 0;
  }
  const u64 end = disk_byte + bytes;
  const bool head = disk_byte != align_down(disk_byte, block_bytes);
  const bool tail = end != align_down(end, block_bytes);
  const bool one_block = end - align_down(disk_byte, block_bytes) <= block_bytes;
  return one_block ? u32{head || tail} : u32{head} + u32{tail};
}

void RangeRead::prepare(u64 disk_byte, std::span<std::byte> target, u32 block_bytes,
                        std::byte* bounce, blk::Bio::EndIo end_io, void* context) {
  SLUICE_ASSERT(target.size() <= std::numeric_limits<u32>::max());
  usize segments = 1;
  edge_count_ = 0;
  if (is_whole_blocks(disk_byte, target.size(), block_bytes)) [[likely]] {
    segments_[0].data = target.data();  // one by one: GCC would copy the pair byte by byte
    segments_[0].bytes = static_cast<u32>(target.size());
  } else {
    segments = split(disk_byte, target, block_bytes, bounce);
    disk_byte = align_down(disk_byte, block_bytes);
  }
  bio_.op = blk::Op::Read;
  bio_.sector = blk::Sector(disk_byte / blk::kSectorBytes);
  bio_.segments = std::span(segments_).first(segments);
  bio_.end_io = end_io;
  bio_.context = context;
  bio_.status = blk::Status::Ok;
}

// Into a first, a middle and a last segment, of which the first and the last are bounced where they
// are not whole blocks; how many there are.
[[gnu::noinline]] usize RangeRead::split(u64 disk_byte, std::span<std::byte> target,
                                         u32 block_bytes, std::byte* bounce) {
  const u64 end = disk_byte + target.size();
  const u64 first_block = align_down(disk_byte, block_bytes);
  u64 at = disk_byte;  // what lies before is in a segment
  usize segments = 0;
  const auto bounce_block = [&](u64 block) {
    const u64 to = std::min(block + block_bytes, end);
    edges_[edge_count_++] = {.to = target.data() + (at - disk_byte),
                             .from = bounce + (at - block),
                             .bytes = static_cast<u32>(to - at)};
    segments_[segments++] = {.data = bounce, .bytes = block_bytes};
    bounce += block_bytes;
    at = to;
  };
  if (disk_byte != first_block || end < first_block + block_bytes) {
    bounce_block(first_block);
  }
  const u64 last_block = align_down(end, block_bytes);
  if (at < last_block) {
    segments_[segments++] = {.data = target.data() + (at - disk_byte),
                             .bytes = static_cast<u32>(last_block - at)};
    at = last_block;
  }
  if (at < end) {
    bounce_block(last_block);
  }
  return segments;
}

void RangeRead::finish() {
  if (bio_.status != blk::Status::Ok) {
    return;
  }
  for (const Edge& edge : std::span(edges_).first(edge_count_)) {
    std::memcpy(edge.to, edge.from, edge.bytes);
  }
}

BlockReader::BlockReader(blk::BlockDevice& device, u32 block_bytes, u32 window_bytes)
    : device_(&device),
      block_bytes_(block_bytes),
      window_bytes_(window_bytes),
      disk_bytes_(align_down(device.sectors() * blk::kSectorBytes, block_bytes)) {}

Result<BlockReader> BlockReader::create(blk::BlockDevice& device) {
  const u32 block_bytes = device.limits().logical_block_bytes;
  BlockReader reader(device, block_bytes, std::max(kWindowBytes, block_bytes));
  reader.memory_.reset(new (std::nothrow)
                           std::byte[usize{kWindows} * reader.window_bytes_ + 2 * block_bytes]);
  if (!reader.memory_) {
    return fail(Errc::NoMemory);
  }
  return reader;
}

std::span<std::byte> BlockReader::memory_of(u32 index) const {
  return {memory_.get() + usize{index} * window_bytes_, window_bytes_};
}

Result<void> BlockReader::read(u64 disk_byte, std::span<std::byte> out) {
  if (out.empty()) {
    return {};
  }
  if (!holds(disk_byte, out.size())) {
    return fail(beyond_end());
  }
  RangeRead range;
  range.prepare(disk_byte, out, block_bytes_, memory_.get() + usize{kWindows} * window_bytes_,
                nullptr, nullptr);
  const blk::Status status = blk::submit_and_wait(*device_, range.bio());
  if (status != blk::Status::Ok) {
    return fail(error_of(status));
  }
  range.finish();
  return {};
}

Result<std::span<const std::byte>> BlockReader::window(u64 disk_byte) {
  if (!windows_[current_].contains(disk_byte)) {
    current_ = TRY(find(disk_byte));
  }
  Window& window = windows_[current_];
  window.last_use = ++uses_;
  const u64 skip = disk_byte - window.first_byte;
  return std::span<const std::byte>(memory_of(current_)).subspan(skip, window.bytes - skip);
}

// The window that holds the place: one that does already, else the one not used for longest.
Result<u32> BlockReader::find(u64 disk_byte) {
  u32 oldest = 0;
  for (u32 i = 0; i < kWindows; ++i) {
    if (windows_[i].contains(disk_byte)) {
      return i;
    }
    if (windows_[i].last_use < windows_[oldest].last_use) {
      oldest = i;
    }
  }
  if (!holds(disk_byte, 1)) {
    return fail(beyond_end());
  }
  Result<void> filled = fill(oldest, disk_byte, window_bytes_);
  if (!filled && filled.error() != Errc::Removed) {
    filled = fill(oldest, disk_byte, block_bytes_);  // its neighbours may be what cannot be read
  }
  TRY(filled);
  return oldest;
}

Result<void> BlockReader::fill(u32 index, u64 disk_byte, u32 bytes) {
  const u64 first_byte = align_down(disk_byte, bytes);
  const u64 here = std::min<u64>(bytes, disk_bytes_ - first_byte);
  windows_[index] = {};
  TRY(read(first_byte, memory_of(index).first(here)));
  windows_[index] = {.first_byte = first_byte, .bytes = here};
  return {};
}

}  // namespace sluice::fat
