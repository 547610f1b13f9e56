// Saving what would be lost, and putting it back.
#include <sluice/drivers/block/ram_cache.hpp>

#include <algorithm>
#include <cstring>
#include <new>

namespace sluice::blk {

std::byte RamCache::all_zeroes_{};

Result<std::unique_ptr<RamCache>> RamCache::create(RamStore& store) {
  std::unique_ptr<RamCache> cache(new (std::nothrow) RamCache(store));
  if (cache == nullptr) {
    return fail(Errc::NoMemory);
  }
  cache->saved_.reset(new (std::nothrow) Saved[pages_for(store.capacity_bytes())]);
  if (cache->saved_ == nullptr) {
    return fail(Errc::NoMemory);
  }
  return cache;
}

ByteRange RamCache::range_of(u64 page) const {
  const u64 offset = page * kPageBytes;
  return {offset, std::min<u64>(kPageBytes, store_.capacity_bytes() - offset)};
}

// A copy of the page as the store has it; null where there is no memory.
std::byte* RamCache::copy_of(u64 page) const {
  std::byte* const copy = take_ram_page();
  if (copy != nullptr) {
    const ByteRange range = range_of(page);
    store_.read(range.offset, {copy, static_cast<usize>(range.bytes)});
  }
  return copy;
}

Status RamCache::save(const ByteRange& range) {
  for (u64 done = 0; done < range.bytes;) {
    const PagePiece piece = first_piece(range.offset + done, range.bytes - done);
    if (saved_[piece.page].durable.load(std::memory_order_acquire) == nullptr) {
      if (const Status status = save_page(piece.page); status != Status::Ok) {
        return status;
      }
    }
    done += piece.bytes;
  }
  return Status::Ok;
}

// Nobody writes to a page before something is saved of it; so whoever saves first has saved the
// page as it was, and the others throw their copies away.
Status RamCache::save_page(u64 page) {
  Saved& saved = saved_[page];
  std::byte* const copy = store_.absent(page) ? &all_zeroes_ : copy_of(page);
  if (copy == nullptr) {
    return Status::NoSpace;
  }
  std::byte* nothing = nullptr;
  if (!saved.durable.compare_exchange_strong(nothing, copy, std::memory_order_acq_rel)) {
    if (copy != &all_zeroes_) {
      give_ram_page(copy);
    }
    return Status::Ok;
  }
  saved.next_dirty = first_dirty_.load(std::memory_order_relaxed);
  while (!first_dirty_.compare_exchange_weak(saved.next_dirty, page, std::memory_order_release,
                                             std::memory_order_relaxed)) {
  }
  return Status::Ok;
}

Status RamCache::make_durable(const ByteRange& range) {
  for (u64 done = 0; done < range.bytes;) {
    const PagePiece piece = first_piece(range.offset + done, range.bytes - done);
    std::byte* saved = saved_[piece.page].durable.load(std::memory_order_relaxed);
    if (saved == &all_zeroes_) {
      saved = take_ram_page();
      if (saved == nullptr) {
        return Status::NoSpace;
      }
      std::memset(saved, 0, kPageBytes);
      saved_[piece.page].durable.store(saved, std::memory_order_relaxed);
    }
    if (saved != nullptr) {
      store_.read(range.offset + done, {saved + piece.offset, piece.bytes});
    }
    done += piece.bytes;
  }
  return Status::Ok;
}

void RamCache::flush() {
  while (first_dirty_.load(std::memory_order_relaxed) != kNoPage) {
    forget(first_dirty_.load(std::memory_order_relaxed));
  }
}

// Of the first dirty page.
void RamCache::forget(u64 page) {
  Saved& saved = saved_[page];
  first_dirty_.store(saved.next_dirty, std::memory_order_relaxed);
  std::byte* const copy = saved.durable.exchange(nullptr, std::memory_order_relaxed);
  if (copy != &all_zeroes_) {
    give_ram_page(copy);
  }
}

Status RamCache::power_cut(std::span<const KeptWrite> kept) {
  while (first_dirty_.load(std::memory_order_relaxed) != kNoPage) {
    const u64 page = first_dirty_.load(std::memory_order_relaxed);
    if (const Status status = put_back(page); status != Status::Ok) {
      return status;
    }
    forget(page);
  }
  for (const KeptWrite& write : kept) {
    if (const Status status = store_.write(write.offset, write.data); status != Status::Ok) {
      return status;
    }
  }
  return Status::Ok;
}

Status RamCache::put_back(u64 page) {
  const std::byte* const saved = saved_[page].durable.load(std::memory_order_relaxed);
  const ByteRange range = range_of(page);
  if (saved == &all_zeroes_) {
    // The last page, too, goes as a whole, though the disk ends within it.
    store_.write_zeroes({range.offset, store_.sparse() ? kPageBytes : range.bytes});
    return Status::Ok;
  }
  return store_.write(range.offset, {saved, static_cast<usize>(range.bytes)});
}

usize RamCache::dirty_pages() const {
  usize pages = 0;
  for (u64 page = first_dirty_.load(std::memory_order_relaxed); page != kNoPage;
       page = saved_[page].next_dirty) {
    ++pages;
  }
  return pages;
}

}  // namespace sluice::blk
