// RAM disks coming and going.
#include <algorithm>
#include <new>

#include <sluice/drivers/block/ram_disk.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {

Result<std::unique_ptr<RamDisk>> RamDisk::create(const Options& options) {
  const u64 bytes = options.image.empty() ? options.capacity_bytes : options.image.size();
  const u32 block_bytes = options.limits.logical_block_bytes;
  if (bytes < block_bytes || bytes % kSectorBytes != 0) {
    log::error("{}: {} bytes are no whole number of {}-byte sectors, or less than a block of {}",
               options.name, bytes, kSectorBytes, block_bytes);
    return fail(Errc::Invalid);
  }
  for (const FaultRule& rule : options.faults.rules) {
    if (rule.number == 0) {
      return fail(Errc::Invalid);
    }
  }
  RamStore store = options.image.empty() ? TRY(RamStore::sparse(bytes)) : RamStore(options.image);
  std::unique_ptr<RamDisk> ram(new (std::nothrow) RamDisk(options, std::move(store)));
  if (ram == nullptr) {
    return fail(Errc::NoMemory);
  }
  if (options.write_cache) {
    ram->cache_ = TRY(RamCache::create(ram->store_));
  }
  ram->tag_set_ = TRY(TagSet::create<RamCommand>(*ram, options.shape));
  TRY(ram->add_disk());
  return ram;
}

Result<void> RamDisk::add_disk() {
  const u64 bytes = store_.capacity_bytes();
  Disk::Options disk{.sectors = bytes / kSectorBytes,
                     .limits = options_.limits,
                     .read_only = options_.read_only,
                     .write_cache = options_.write_cache,
                     .fua = options_.write_cache && options_.fua,
                     .partitioned = options_.partitioned,
                     .timeout_ns = options_.timeout_ns};
  Limits& limits = disk.limits;
  limits.physical_block_bytes = std::max<u32>(kPageBytes, limits.logical_block_bytes);
  limits.max_discard_bytes = store_.sparse() ? std::min(limits.max_discard_bytes, bytes) : 0;
  limits.max_write_zeroes_bytes = std::min(limits.max_write_zeroes_bytes, bytes);
  disk_.emplace(*tag_set_, options_.name, disk);
  return disk_->add();
}

void RamDisk::remove() {
  if (disk_) {
    disk_->remove();
    end_all_held(Status::Removed);
    while (has_some()) {
      port::relax();  // another hart ends the rest: it was due, or late
    }
  }
}

Result<void> RamDisk::init_hctx(HwQueue& queue) {
  queue.driver_data = new (std::nothrow) RamLane(queue);
  if (queue.driver_data == nullptr) {
    return fail(Errc::NoMemory);
  }
  return {};
}

void RamDisk::exit_hctx(HwQueue& queue) {
  delete &RamLane::of(queue);
}

}  // namespace sluice::blk
