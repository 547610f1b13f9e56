// RamDisk: a disk in memory, of pages that appear at the first write or of bytes that were there
// before (an initrd). Used by RamDiskDriver and, as a class, by tests. Requests complete inline:
// inside queue_rq. Linux: brd.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/tag_set.hpp>
#include <sluice/kernel/memory.hpp>

namespace sluice::blk {

// What a RAM disk holds. Offsets and lengths are in bytes; the caller keeps them inside the
// capacity.
class RamStore {
 public:
  // Pages of zeroes, none of them there yet. NoMemory: no room for the table of pages.
  static Result<RamStore> sparse(u64 capacity_bytes);
  // Bytes of someone else's, who keeps them for as long as the store lives.
  explicit RamStore(std::span<std::byte> image) : image_(image), capacity_bytes_(image.size()) {}

  u64 capacity_bytes() const { return capacity_bytes_; }
  // Does it give back the memory of what is discarded?
  bool sparse() const { return pages_ != nullptr; }
  usize pages_present() const { return pages_present_; }

  void read(u64 offset, std::span<std::byte> to) const;
  // NoSpace: there is no memory for a page; what comes before it in the range is written. Task or
  // work.
  Status write(u64 offset, std::span<const std::byte> from);
  // From now on the range reads as zeroes; pages that are wholly inside are given back. Task or
  // work.
  void write_zeroes(u64 offset, u64 bytes);
  // Gives back the pages that are wholly inside; they read as zeroes, the rest of the range as
  // before. Task or work.
  void discard(u64 offset, u64 bytes);

 private:
  explicit RamStore(u64 capacity_bytes) : capacity_bytes_(capacity_bytes) {}
  void drop_page(u64 page);

  std::span<std::byte> image_;
  std::unique_ptr<Pages[]> pages_;  // by number; null: zeroes
  usize pages_present_ = 0;
  u64 capacity_bytes_;
};

class RamDisk final : public QueueOps {
 public:
  static constexpr u64 kDefaultBytes = 32 * 1024 * 1024;

  struct Options {
    std::string_view name = "ram0";
    u64 capacity_bytes = kDefaultBytes;  // where there is no image
    std::span<std::byte> image{};        // the bytes of the disk, not copied; outlive it
    TagSet::Shape shape{.hw_queues = 4, .depth = 64, .merge = true};
  };

  // A disk that is added under its name. Invalid: a capacity of no sectors or of a part of one;
  // NoMemory; Exists. Task.
  static Result<std::unique_ptr<RamDisk>> create(const Options& options);

  Disk& disk() { return *disk_; }
  const RamStore& store() const { return store_; }

  // QueueOps. Task or work.
  QueueResult queue_rq(HwQueue& queue, Request& request, bool last) override;

 private:
  // The driver's part of a request.
  struct Command {
    u64 offset = 0;  // in bytes: where on the disk the next piece goes
    Status status = Status::Ok;
  };

  explicit RamDisk(RamStore store) : store_(std::move(store)) {}
  Status execute(Request& request, Command& command);
  Status transfer(Request& request, Command& command);

  // Destroyed from the last to the first: the disk, then what carries its requests, then what they
  // read and write.
  RamStore store_;
  std::unique_ptr<TagSet> tag_set_;
  std::optional<Disk> disk_;
};

}  // namespace sluice::blk
