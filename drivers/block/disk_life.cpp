// A disk's life: found by name, standing still, changed under load, and gone.
#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include <sluice/drivers/block/disk.hpp>
#include <sluice/drivers/block/disk_list.hpp>
#include <sluice/drivers/block/partition_table.hpp>
#include <sluice/kernel/command_line.hpp>
#include <sluice/kernel/log.hpp>

namespace sluice::blk {
namespace {

// The bytes of a disk are counted in 63 bits, whatever its device says.
constexpr u64 kMostSectors = u64{1} << (63 - kSectorShift);

// Counted in 16 bits in each request.
constexpr u32 kMostSegments = 65535;

bool is_power_of_two_between(u32 value, u32 minimum, u32 maximum) {
  return std::has_single_bit(value) && value >= minimum && value <= maximum;
}

}  // namespace

// --- Birth ---------------------------------------------------------------------------------------

Disk::Disk(TagSet& tag_set, std::string_view name, const Options& options)
    : tag_set_(tag_set),
      options_(options),
      write_cache_(options.write_cache ? 1 : 0),
      timeouts_(*this, options.timeout_ns),
      flushes_(*this),
      statistics_(new(std::nothrow) Statistics[tag_set.hw_queues().size()]) {
  name.copy(name_.data(), name_.size() - 1);
  if (limits_make_sense()) {
    round_to_blocks();
    sectors_.store(whole_blocks(options_.sectors), std::memory_order_relaxed);
  }
  if (statistics_ == nullptr) {
    gate_.store(kRemoved, std::memory_order_relaxed);  // add() says so
  }
  const Limits& limits = options_.limits;
  const Status write = options_.read_only ? Status::ReadOnly : Status::Ok;
  const auto range = [write](u64 max_bytes) {
    return max_bytes == 0 ? Status::Unsupported : write;
  };
  refusals_ = {Status::Ok,
               write,
               Status::Ok,
               range(limits.max_discard_bytes),
               range(limits.max_write_zeroes_bytes),
               range(limits.max_secure_erase_bytes)};
  block_mask_ = limits.logical_block_bytes - 1;
  last_plain_op_ = static_cast<u32>(options_.read_only ? Op::Read : Op::Write);
  max_bytes_in_one_piece_ =
      limits.boundary_bytes != 0 ? 0 : std::min(limits.max_bytes, limits.max_segment_bytes);
  max_bytes_ = {limits.max_bytes,
                limits.max_bytes,
                0,
                limits.max_discard_bytes,
                limits.max_write_zeroes_bytes,
                limits.max_secure_erase_bytes};
}

bool Disk::limits_make_sense() const {
  const Limits& limits = options_.limits;
  const u64 most_in_segments = u64{limits.max_segments} * limits.max_segment_bytes;
  return is_power_of_two_between(limits.logical_block_bytes, kSectorBytes, 65536) &&
         limits.max_bytes >= limits.logical_block_bytes &&
         most_in_segments >= limits.logical_block_bytes &&
         (limits.boundary_bytes == 0 ||
          is_power_of_two_between(limits.boundary_bytes, limits.logical_block_bytes, u32{1} << 31));
}

void Disk::round_to_blocks() {
  Limits& limits = options_.limits;
  const u64 block = limits.logical_block_bytes;
  limits.max_segments = std::min(limits.max_segments, kMostSegments);
  limits.max_bytes = static_cast<u32>(align_down(limits.max_bytes, block));
  limits.max_discard_bytes = align_down(limits.max_discard_bytes, block);
  limits.max_write_zeroes_bytes = align_down(limits.max_write_zeroes_bytes, block);
  limits.max_secure_erase_bytes = align_down(limits.max_secure_erase_bytes, block);
}

u64 Disk::whole_blocks(u64 sectors) const {
  const u64 block_sectors = options_.limits.logical_block_bytes >> kSectorShift;
  return align_down(std::min(sectors, kMostSectors), block_sectors);
}

Result<void> Disk::add() {
  const Limits& limits = options_.limits;
  if (!limits_make_sense()) {
    log::error(
        "{}: no request can keep its limits: logical block {} bytes, {} segments of {} bytes, {} "
        "bytes in all, boundary {} bytes",
        name(), limits.logical_block_bytes, limits.max_segments, limits.max_segment_bytes,
        limits.max_bytes, limits.boundary_bytes);
    return fail(Errc::Invalid);
  }
  if (statistics_ == nullptr) {
    log::error("{}: no memory for its statistics", name());
    return fail(Errc::NoMemory);
  }
  if (name().empty()) {
    log::error("a disk of {} sectors has no name", sectors());
    return fail(Errc::Invalid);
  }
  if (options_.partitioned && find(name()) == nullptr &&
      command_line::number("partitions", 0, 1).value_or(1) == 1) {
    find_partitions();  // before anybody else finds the disk
  }
  return add_to_list(*this);
}

// A disk without partitions is one whose table says so, or that has none, or one that cannot be
// read or believed (logged).
void Disk::find_partitions() {
  const Result<PartitionTable> table = PartitionTable::read(*this);
  if (!table || table->entries().empty()) {
    if (!table && table.error() != Errc::NotFound && table.error() != Errc::Malformed) {
      log::error("{}: its partition table cannot be read: {}", name(), to_string(table.error()));
    }
    return;
  }
  partition_storage_.reset(new (std::nothrow) Partition[table->entries().size()]);
  if (partition_storage_ == nullptr) {
    log::error("{}: no memory for its {} partitions", name(), table->entries().size());
    return;
  }
  usize at = 0;
  for (const PartitionEntry& entry : table->entries()) {
    Partition& partition = partition_storage_[at++];
    partition.set(name(), entry.number, {entry.first.value(), entry.sectors});
    partitions_.push_back(partition);
  }
  log::info("{}: {} with {} partitions", name(), table->kind(), at);
}

const Partition* Disk::find_partition(std::string_view name) const {
  const auto found = std::find_if(partitions_.begin(), partitions_.end(),
                                  [name](const Partition& each) { return each.name() == name; });
  return found == partitions_.end() ? nullptr : &*found;
}

Disk::~Disk() {
  remove();
  for (HwQueue* queue : tag_set_.hw_queues()) {
    while (queue->ends_requests_of(*this)) {
      port::relax();  // a batch of completions on another hart
    }
  }
  end_waiting();  // what the driver has given back meanwhile
  for (const HwQueue* queue : tag_set_.hw_queues()) {
    SLUICE_ASSERT(!queue->has_begun(*this));
  }
  while (partitions_.pop_front() != nullptr) {
  }
}

void Disk::remove() {
  remove_from_list(*this);
  gate_.fetch_or(kRemoved, std::memory_order_relaxed);
  end_waiting();
}

void Disk::end_waiting() {
  List<Bio> held_by_scheduler;
  tag_set_.while_held([&] {
    sectors_.store(0, std::memory_order_relaxed);
    if (scheduled()) {  // the scheduler stays, for the requests in flight to end with
      scheduler_->drain(held_by_scheduler);
      tag_set_.remove_scheduled(*this);
    }
    for (HwQueue* queue : tag_set_.hw_queues()) {
      queue->end_waiting_of_removed();
    }
  });
  while (Bio* const bio = held_by_scheduler.pop_front()) {
    bio->end_part(Status::Removed);
  }
}

// --- Standing still ------------------------------------------------------------------------------

void Disk::quiesce() {
  gate_.fetch_add(1, std::memory_order_relaxed);
  for (HwQueue* queue : tag_set_.hw_queues()) {
    const HwQueue::Hold barrier(*queue);  // who has it now has not seen the gate yet
  }
}

void Disk::unquiesce() {
  SLUICE_ASSERT((gate_.load(std::memory_order_relaxed) & ~kRemoved) != 0);
  gate_.fetch_sub(1, std::memory_order_relaxed);
  for (HwQueue* queue : tag_set_.hw_queues()) {
    const HwQueue::Hold hold(*queue);
    queue->unpark();
  }
}

bool Disk::driver_has_some() {
  bool some = false;
  for (HwQueue* queue : tag_set_.hw_queues()) {
    some = queue->busy_with(*this) || some;
  }
  return some;
}

void Disk::freeze() {
  quiesce();
  wait_until([this] { return !driver_has_some(); });
  for (HwQueue* queue : tag_set_.hw_queues()) {
    queue->stop_watching();
  }
}

void Disk::resize(u64 sectors) {
  freeze();
  capacity_changed(sectors);
  unfreeze();
}

void Disk::capacity_changed(u64 sectors) {
  tag_set_.while_held([this, sectors] {
    sectors_.store(removed() ? 0 : whole_blocks(sectors), std::memory_order_relaxed);
  });
}

// --- Schedulers ----------------------------------------------------------------------------------

Result<void> Disk::set_scheduler(std::string_view name) {
  std::unique_ptr<Scheduler> next = TRY(make_scheduler(name, *this));
  freeze();
  tag_set_.while_held([&] {
    List<Bio> held;
    if (scheduled()) {
      scheduler_->drain(held);
      tag_set_.remove_scheduled(*this);
    }
    if (next != nullptr && !removed()) {
      tag_set_.add_scheduled(*this);
    }
    if (!removed()) {
      std::swap(scheduler_, next);
      const std::string_view now = scheduler_ == nullptr ? kNoScheduler : scheduler_->name();
      scheduler_name_.store(now.data(), std::memory_order_relaxed);
    }
    tag_set_.default_queue_of_this_hart().arrange(held);
  });
  unfreeze();
  return {};
}

bool Disk::dispatch(HwQueue& queue, List<Bio>& to) {
  return gate_.load(std::memory_order_relaxed) == 0 && scheduler_->dispatch(queue, to);
}

}  // namespace sluice::blk
