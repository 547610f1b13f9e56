// RamCache: makes of a RamStore a disk with a volatile write cache. What reads see lies in the
// store; the cache keeps, of each page that was changed since the last flush, what would be there
// after a power cut. So reads do not know of it, a flush forgets, and a power cut puts back. Used
// by RamDisk. Linux: null_blk's cache_size, seen from the other side.
#pragma once

#include <atomic>
#include <memory>
#include <span>

#include <sluice/drivers/block/ram_store.hpp>

namespace sluice::blk {

// A write that a power cut lets through although nothing flushed it.
struct KeptWrite {
  u64 offset;  // in bytes
  std::span<const std::byte> data;
};

class RamCache {
 public:
  // Room to remember every page of `store`, which outlives the cache. NoMemory. Task.
  static Result<std::unique_ptr<RamCache>> create(RamStore& store);
  RamCache(const RamCache&) = delete;
  RamCache& operator=(const RamCache&) = delete;
  ~RamCache() { flush(); }

  // The range is about to change. NoSpace: there is no memory to keep what it holds now. Several
  // harts at once; task or work.
  Status save(const ByteRange& range);
  // What the store has in the range now outlives a power cut. NoSpace. Alone; task or work.
  Status make_durable(const ByteRange& range);
  // The same for all that was written so far. Alone; task or work.
  void flush();
  // The store is again what was durable, with `kept` written over it in that order. NoSpace: no
  // memory for a page that a discard gave back. Alone; task.
  Status power_cut(std::span<const KeptWrite> kept);

  // How many pages a flush would have to do with. Alone.
  usize dirty_pages() const;

 private:
  // What a dirty page held: a copy, or all_zeroes_; null: the page is clean.
  struct Saved {
    std::atomic<std::byte*> durable{nullptr};
    u64 next_dirty = kNoPage;  // written by whoever made it dirty
  };
  static constexpr u64 kNoPage = ~u64{0};

  explicit RamCache(RamStore& store) : store_(store) {}
  Status save_page(u64 page);
  std::byte* copy_of(u64 page) const;
  Status put_back(u64 page);
  void forget(u64 page);
  ByteRange range_of(u64 page) const;

  static std::byte all_zeroes_;  // its address stands for a page that was not there

  RamStore& store_;
  std::unique_ptr<Saved[]> saved_;         // by page
  std::atomic<u64> first_dirty_{kNoPage};  // a list of those with something saved
};

}  // namespace sluice::blk
