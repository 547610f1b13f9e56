// Pages of a RAM disk, and the ways through them.
#include <sluice/drivers/block/ram_store.hpp>

#include <algorithm>
#include <new>

#include <sluice/kernel/memory_usage.hpp>

namespace sluice::blk {

std::byte* take_ram_page() {
  std::byte* const page = port::allocate_pages(1);
  if (page != nullptr) {
    memory_usage::hold(Holder::RamDisk, kPageBytes);
  }
  return page;
}

void give_ram_page(std::byte* page) {
  memory_usage::release(Holder::RamDisk, kPageBytes);
  port::free_pages(page, 1);
}

Result<RamStore> RamStore::sparse(u64 capacity_bytes) {
  RamStore store(capacity_bytes);
  store.pages_.reset(new (std::nothrow) std::atomic<std::byte*>[pages_for(capacity_bytes)]());
  if (store.pages_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  return store;
}

RamStore::~RamStore() {
  if (sparse()) {
    write_zeroes({0, align_up(capacity_bytes_, kPageBytes)});
  }
}

usize RamStore::pages_present() const {
  usize present = 0;
  for (u64 page = 0; sparse() && page < pages_for(capacity_bytes_); ++page) {
    present += absent(page) ? 0 : 1;
  }
  return present;
}

void RamStore::read_piecewise(u64 offset, std::span<std::byte> to) const {
  if (!sparse()) {
    std::memcpy(to.data(), image_.data() + offset, to.size());
    return;
  }
  while (!to.empty()) {
    const PagePiece piece = first_piece(offset, to.size());
    read_piece(piece, to.data());
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
    const PagePiece piece = first_piece(offset, from.size());
    std::byte* page = pages_[piece.page].load(std::memory_order_acquire);
    if (page == nullptr) {
      page = make_page(piece.page);
      if (page == nullptr) {
        return Status::NoSpace;
      }
    }
    std::memcpy(page + piece.offset, from.data(), piece.bytes);
    offset += piece.bytes;
    from = from.subspan(piece.bytes);
  }
  return Status::Ok;
}

// A page of zeroes in the table; null where there is no memory. Of several harts that need the same
// page at once one is first, and the others take its page.
std::byte* RamStore::make_page(u64 page) {
  std::byte* const made = take_ram_page();
  if (made == nullptr) {
    return nullptr;
  }
  std::memset(made, 0, kPageBytes);
  std::byte* there = nullptr;
  if (pages_[page].compare_exchange_strong(there, made, std::memory_order_acq_rel)) {
    return made;
  }
  give_ram_page(made);
  return there;
}

void RamStore::write_zeroes(const ByteRange& range) {
  if (!sparse()) {
    std::memset(image_.data() + range.offset, 0, static_cast<usize>(range.bytes));
    return;
  }
  for (u64 done = 0; done < range.bytes;) {
    const PagePiece piece = first_piece(range.offset + done, range.bytes - done);
    std::byte* const page = pages_[piece.page].load(std::memory_order_relaxed);
    if (page != nullptr && piece.bytes == kPageBytes) {
      pages_[piece.page].store(nullptr, std::memory_order_relaxed);
      give_ram_page(page);
    } else if (page != nullptr) {
      std::memset(page + piece.offset, 0, piece.bytes);
    }
    done += piece.bytes;
  }
}

}  // namespace sluice::blk
