// RamStore: the bytes of a RAM disk: pages that appear at the first write, or bytes that were there
// before (an initrd). Used by RamDisk and RamCache. Several harts may read and write at once;
// whatever gives pages back is alone (RamDisk sees to that). Linux: brd, and null_blk's
// memory_backed.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <span>

#include <sluice/drivers/block/bio.hpp>
#include <sluice/kernel/memory.hpp>

namespace sluice::blk {

// A part of a disk, in bytes.
struct ByteRange {
  u64 offset = 0;
  u64 bytes = 0;
  bool operator==(const ByteRange&) const = default;
};

// The part of a range that lies in its first page.
struct PagePiece {
  u64 page;
  usize offset;  // in the page
  usize bytes;
};
constexpr PagePiece first_piece(u64 offset, u64 bytes) {
  const usize in_page = static_cast<usize>(offset % kPageBytes);
  const usize room = kPageBytes - in_page;
  return {offset / kPageBytes, in_page, bytes < room ? static_cast<usize>(bytes) : room};
}

// The pages that lie wholly inside a range: what a discard gives back.
constexpr ByteRange whole_pages(const ByteRange& range) {
  const u64 start = align_up(range.offset, kPageBytes);
  const u64 end = align_down(range.offset + range.bytes, kPageBytes);
  return start < end ? ByteRange{start, end - start} : ByteRange{start, 0};
}

// A page of memory for a RAM disk, counted as such; null where there is none. Task or work.
std::byte* take_ram_page();
void give_ram_page(std::byte* page);

// Offsets and lengths are in bytes; the caller keeps them inside the capacity.
class RamStore {
 public:
  // Pages of zeroes, none of them there yet. NoMemory: no room for the table of pages.
  static Result<RamStore> sparse(u64 capacity_bytes);
  // Bytes of someone else's, who keeps them for as long as the store lives.
  explicit RamStore(std::span<std::byte> image) : image_(image), capacity_bytes_(image.size()) {}
  RamStore(RamStore&&) = default;
  ~RamStore();

  u64 capacity_bytes() const { return capacity_bytes_; }
  // Does it give back memory?
  bool sparse() const { return pages_ != nullptr; }
  // Counts them. Alone.
  usize pages_present() const;
  // Does the page read as zeroes because nothing was written there?
  bool absent(u64 page) const {
    return sparse() && pages_[page].load(std::memory_order_relaxed) == nullptr;
  }

  void read(u64 offset, std::span<std::byte> to) const;
  // NoSpace: there is no memory for a page; what comes before it in the range is written. Task or
  // work.
  Status write(u64 offset, std::span<const std::byte> from);
  // From now on the range reads as zeroes; pages that are wholly inside are given back. Alone; task
  // or work.
  void write_zeroes(const ByteRange& range);

 private:
  explicit RamStore(u64 capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  void read_piece(PagePiece piece, std::byte* to) const;
  void read_piecewise(u64 offset, std::span<std::byte> to) const;
  std::byte* make_page(u64 page);

  std::span<std::byte> image_;
  std::unique_ptr<std::atomic<std::byte*>[]> pages_;  // by number; null: zeroes
  u64 capacity_bytes_;
};

inline void RamStore::read_piece(PagePiece piece, std::byte* to) const {
  const std::byte* const page = pages_[piece.page].load(std::memory_order_acquire);
  if (page != nullptr) {
    std::memcpy(to, page + piece.offset, piece.bytes);
  } else {
    std::memset(to, 0, piece.bytes);
  }
}

// Mostly a part of one page.
inline void RamStore::read(u64 offset, std::span<std::byte> to) const {
  const PagePiece piece = first_piece(offset, to.size());
  if (sparse() && piece.bytes == to.size()) [[likely]] {
    read_piece(piece, to.data());
  } else {
    read_piecewise(offset, to);
  }
}

}  // namespace sluice::blk
