// The RAM disk's memory, and requests on it.
#include <sluice/drivers/block/ram_disk.hpp>

#include <algorithm>
#include <cstring>
#include <new>

#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

// A part of a range of bytes that lies in one page.
struct Piece {
  u64 page;
  usize offset;  // in the page
  usize bytes;
};

// The first piece of [offset, offset + bytes).
Piece first_piece(u64 offset, u64 bytes) {
  const usize in_page = static_cast<usize>(offset % kPageBytes);
  return {offset / kPageBytes, in_page,
          static_cast<usize>(std::min<u64>(bytes, kPageBytes - in_page))};
}

}  // namespace

// --- RamStore ---

Result<RamStore> RamStore::sparse(u64 capacity_bytes) {
  RamStore store(capacity_bytes);
  const usize pages = pages_for(capacity_bytes);
  store.pages_.reset(new (std::nothrow) Pages[pages]);
  if (store.pages_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  return store;
}

void RamStore::read(u64 offset, std::span<std::byte> to) const {
  if (!sparse()) {
    std::memcpy(to.data(), image_.data() + offset, to.size());
    return;
  }
  while (!to.empty()) {
    const Piece piece = first_piece(offset, to.size());
    if (const std::byte* page = pages_[piece.page].get(); page != nullptr) {
      std::memcpy(to.data(), page + piece.offset, piece.bytes);
    } else {
      std::memset(to.data(), 0, piece.bytes);
    }
    offset += piece.bytes;
    to = to.subspan(piece.bytes);
  }
}

Status RamStore::write(u64 offset, std::span<const std::byte> from) {
  if (!sparse()) {
    std::memcpy(image_.data() + offset, from.data(), from.size());
    return Status::Ok;
  }
  while (!from.empty()) {
    const Piece piece = first_piece(offset, from.size());
    Pages& page = pages_[piece.page];
    if (page == nullptr) {
      page = allocate_pages(1);
      if (page == nullptr) {
        return Status::NoSpace;
      }
      ++pages_present_;
      if (piece.bytes < kPageBytes) {
        std::memset(page.get(), 0, kPageBytes);
      }
    }
    std::memcpy(page.get() + piece.offset, from.data(), piece.bytes);
    offset += piece.bytes;
    from = from.subspan(piece.bytes);
  }
  return Status::Ok;
}

void RamStore::write_zeroes(u64 offset, u64 bytes) {
  if (!sparse()) {
    std::memset(image_.data() + offset, 0, static_cast<usize>(bytes));
    return;
  }
  while (bytes > 0) {
    const Piece piece = first_piece(offset, bytes);
    if (piece.bytes == kPageBytes) {
      drop_page(piece.page);
    } else if (std::byte* page = pages_[piece.page].get(); page != nullptr) {
      std::memset(page + piece.offset, 0, piece.bytes);
    }
    offset += piece.bytes;
    bytes -= piece.bytes;
  }
}

void RamStore::discard(u64 offset, u64 bytes) {
  if (!sparse()) {
    return;
  }
  const u64 end = (offset + bytes) / kPageBytes;
  for (u64 page = pages_for(offset); page < end; ++page) {
    drop_page(page);
  }
}

void RamStore::drop_page(u64 page) {
  if (pages_[page] != nullptr) {
    pages_[page].reset();
    --pages_present_;
  }
}

// --- RamDisk ---

Result<std::unique_ptr<RamDisk>> RamDisk::create(const Options& options) {
  const u64 bytes = options.image.empty() ? options.capacity_bytes : options.image.size();
  if (bytes == 0 || bytes % kSectorBytes != 0) {
    log::error("{}: {} bytes are no whole number of {}-byte sectors", options.name, bytes,
               kSectorBytes);
    return fail(Errc::Invalid);
  }
  RamStore store = options.image.empty() ? TRY(RamStore::sparse(bytes)) : RamStore(options.image);
  std::unique_ptr<RamDisk> ram(new (std::nothrow) RamDisk(std::move(store)));
  if (ram == nullptr) {
    return fail(Errc::NoMemory);
  }
  ram->tag_set_ = TRY(TagSet::create<Command>(*ram, options.shape));
  Disk::Options disk{.sectors = bytes / kSectorBytes};
  disk.limits.physical_block_bytes = kPageBytes;
  disk.limits.max_discard_bytes = ram->store_.sparse() ? bytes : 0;
  disk.limits.max_write_zeroes_bytes = bytes;
  ram->disk_.emplace(*ram->tag_set_, options.name, disk);
  TRY(ram->disk_->add());
  return ram;
}

QueueResult RamDisk::queue_rq(HwQueue&, Request& request, bool) {
  Command& command = request.payload<Command>();
  command.status = execute(request, command);
  request.complete(command.status);
  return QueueResult::Ok;
}

Status RamDisk::execute(Request& request, Command& command) {
  command.offset = request.sector().value() << kSectorShift;
  const u64 capacity = store_.capacity_bytes();
  if (request.sector().value() > capacity >> kSectorShift ||
      request.bytes() > capacity - command.offset) {
    return Status::OutOfRange;
  }
  switch (request.op()) {
    case Op::Read:
    case Op::Write:
      return transfer(request, command);
    case Op::Flush:
      return Status::Ok;  // there is nothing between the disk and its memory
    case Op::Discard:
      store_.discard(command.offset, request.bytes());
      return Status::Ok;
    case Op::WriteZeroes:
      store_.write_zeroes(command.offset, request.bytes());
      return Status::Ok;
  }
  return Status::Unsupported;
}

Status RamDisk::transfer(Request& request, Command& command) {
  const bool writes = request.op() == Op::Write;
  for (const Segment segment : request.segments()) {
    const std::span<std::byte> memory(segment.data, segment.bytes);
    if (!writes) {
      store_.read(command.offset, memory);
    } else if (const Status status = store_.write(command.offset, memory); status != Status::Ok) {
      return status;
    }
    command.offset += segment.bytes;
  }
  return Status::Ok;
}

}  // namespace sluice::blk
