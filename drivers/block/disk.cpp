// What a disk does with bios: checks each, and sends it on its way.
#include <sluice/drivers/block/disk.hpp>

#include <algorithm>

namespace sluice::blk {

u64 Disk::room_at(u64 sector) const {
  const u64 boundary = options_.limits.boundary_bytes;
  return boundary == 0 ? ~u64{0} : boundary - ((sector << kSectorShift) & (boundary - 1));
}

Totals Disk::totals(Direction direction) const {
  Totals totals;
  for (usize queue = 0; queue < tag_set_.hw_queues().size() && statistics_ != nullptr; ++queue) {
    totals += statistics_[queue].totals(direction);
  }
  return totals;
}

// --- Submission ----------------------------------------------------------------------------------

void Disk::submit_within(const Window& window, List<Bio>& bios) {
  const u64 capacity = sectors();
  const u64 left = capacity > window.first ? capacity - window.first : 0;
  const u64 in_window = std::min(window.sectors, left);
  const Admission admission{window.first, in_window, port::ticks(),
                            std::min(max_bytes_in_one_piece_, in_window << kSectorShift)};
  if (tag_set_.only_default_queues()) [[likely]] {
    tag_set_.default_queue_of_this_hart().submit_fresh(*this, admission, bios);
  } else {
    admit_all(bios, admission);
    sort_out(bios);
  }
}

// Each bio to the queue of its type.
void Disk::sort_out(List<Bio>& bios) {
  std::array<List<Bio>, kQueueTypes> of_type;
  while (Bio* const bio = bios.pop_front()) {
    of_type[static_cast<u32>(tag_set_.type_for(*bio))].push_back(*bio);
  }
  for (u32 type = 0; type < kQueueTypes; ++type) {
    if (!of_type[type].empty()) {
      tag_set_.queue_of_this_hart(static_cast<QueueType>(type)).submit(of_type[type]);
    }
  }
}

void Disk::submit_steps(List<Bio>& bios) {
  const u64 now_ticks = port::ticks();
  for (Bio& bio : bios) {
    bio.disk_ = this;
    bio.submitted_ticks_ = now_ticks;
    plan_parts(bio);
  }
  tag_set_.default_queue_of_this_hart().submit(bios);
}

unsigned Disk::poll() {
  unsigned completed = tag_set_.default_queue_of_this_hart().poll();
  if (!tag_set_.only_default_queues()) {
    for (const QueueType type : {QueueType::Read, QueueType::Poll}) {
      if (tag_set_.map().range(type).count > 0) {
        completed += tag_set_.queue_of_this_hart(type).poll();
      }
    }
  }
  return completed;
}

// --- Admission -----------------------------------------------------------------------------------

[[gnu::noinline]] void Disk::admit_all(List<Bio>& bios, const Admission& admission) {
  List<Bio> to_flush;
  for (auto at = bios.begin(); at != bios.end();) {
    Bio& bio = *at++;
    admit(bio, admission);
    if (bio.flush_step_ != Bio::FlushStep::None) {
      bios.remove(bio);
      to_flush.push_back(bio);
    }
  }
  if (!to_flush.empty()) {
    flushes_.submit(to_flush);
  }
}

void Disk::admit(Bio& bio, const Admission& admission) {
  bio.disk_ = this;
  bio.disk_sector_ = admission.first_sector + bio.sector.value();
  bio.submitted_ticks_ = admission.now_ticks;
  bio.flush_step_ = Bio::FlushStep::None;
  if (is_plain(bio, 0, admission)) {
    bio.total_bytes_ = bio.segments[0].bytes;
    bio.plan_ = Bio::Plan::OneWhole;
    return;
  }
  constexpr u8 kDurable = bio_flag::kPreflush | bio_flag::kFua;
  const u64 bytes = bio.bytes();
  bio.total_bytes_ = bytes;
  bio.status =
      static_cast<u32>(bio.op) < kOps ? check(bio, bytes, admission.sectors) : Status::Unsupported;
  if (carries_data(bio.op)) {
    for (const Segment& segment : bio.segments) {
      if (segment.data == nullptr && segment.bytes > 0) {
        bio.status = Status::Unsupported;
      }
    }
  }
  if ((bio.flags & kDurable) != 0 && bio.op != Op::Write && bio.op != Op::Flush) {
    bio.status = Status::Unsupported;
  }
  const bool flushes = bio.op == Op::Flush || (bio.flags & kDurable) != 0;
  if (bio.status == Status::Ok && flushes && has_write_cache()) {
    bio.flush_step_ = Bio::FlushStep::Before;  // the flush machine says which
  }
  plan_parts(bio);
  if (bio.status != Status::Ok || (bytes == 0 && bio.flush_step_ == Bio::FlushStep::None)) {
    bio.plan_ = Bio::Plan::EndNow;
  }
}

void Disk::plan_parts(Bio& bio) {
  bio.plan_ = Bio::Plan::Parts;
  bio.parts_.store(1, std::memory_order_relaxed);
  bio.failure_.store(0, std::memory_order_relaxed);
  bio.issued_bytes_ = 0;
  bio.issued_to_ = {};
}

Status Disk::check(const Bio& bio, u64 bytes, u64 sectors) const {
  const Status refusal = refusals_[static_cast<u32>(bio.op)];
  if (refusal != Status::Ok || bio.op == Op::Flush) {
    return refusal;
  }
  const u64 first = bio.sector.value();
  if ((((first << kSectorShift) | bytes) & block_mask_) != 0) {
    return Status::Misaligned;
  }
  if (first > sectors || bytes >> kSectorShift > sectors - first) {
    return Status::OutOfRange;
  }
  return Status::Ok;
}

}  // namespace sluice::blk
