// Which bio goes out next.
#include <sluice/drivers/block/mq_deadline.hpp>

#include <algorithm>

#include <sluice/drivers/block/bio_run.hpp>
#include <sluice/drivers/block/disk.hpp>
#include <sluice/kernel/clock.hpp>

namespace sluice::blk {

MqDeadline::MqDeadline(const Disk& disk, const Tunables& tunables)
    : disk_(disk),
      tunables_(tunables),
      expire_ticks_{clock::ns_to_ticks(tunables.read_expire_ns),
                    clock::ns_to_ticks(tunables.write_expire_ns)} {}

void MqDeadline::insert(HwQueue&, List<Bio>& bios) {
  while (Bio* const bio = bios.pop_front()) {
    const Side side = side_of(*bio);
    const LockGuard guard(lock_);  // anew for each, so that no long list keeps interrupts off
    fifo_[side].push_back(*bio);
    sorted_[side].insert(*bio);
  }
}

bool MqDeadline::dispatch(HwQueue& queue, List<Bio>& to) {
  if (queue.type() == QueueType::Poll) {
    return false;  // nobody would poll for what came here through another queue
  }
  const LockGuard guard(lock_);
  if (queue.type() != QueueType::Read) {
    return next_of_batch(to);
  }
  if (fifo_[kReads].empty()) {
    return false;
  }
  send(kReads, *next_to_begin_with(kReads), to);  // beside the batches: writes have other queues
  return true;
}

bool MqDeadline::next_of_batch(List<Bio>& to) {
  Bio* bio = left_in_batch_ > 0 ? next_in_order(side_) : nullptr;
  if (bio == nullptr) {
    if (!choose_side()) {
      return false;
    }
    left_in_batch_ = std::max(tunables_.fifo_batch, 1u);
    bio = next_to_begin_with(side_);
  }
  --left_in_batch_;
  send(side_, *bio, to);
  return true;
}

// The bio that a new batch begins with: the oldest where it is overdue, and otherwise what follows
// the last batch of that side. At the end of the disk it is the oldest again.
Bio* MqDeadline::next_to_begin_with(Side side) const {
  Bio& oldest = fifo_[side].front();
  if (port::ticks() >= oldest.submitted_ticks() + expire_ticks_[side]) {
    return &oldest;
  }
  Bio* const next = next_in_order(side);
  return next != nullptr ? next : &oldest;
}

// Reads first, unless writes have been waiting for too many batches of them. False: nothing waits.
bool MqDeadline::choose_side() {
  const bool reads = !fifo_[kReads].empty();
  const bool writes = !fifo_[kWrites].empty();
  if (reads && !(writes && starved_ >= tunables_.writes_starved)) {
    side_ = kReads;
    starved_ += writes ? 1 : 0;
  } else {
    side_ = kWrites;
    starved_ = 0;
  }
  return reads || writes;
}

// Sends `first` and its neighbours.
void MqDeadline::send(Side side, Bio& first, List<Bio>& to) {
  SectorTree& sorted = sorted_[side];
  BioRun run(disk_, first, to);
  sorted.remove(first);
  while (Bio* const behind = sorted.first_at_or_after(run.end_sector())) {
    if (!run.take(behind)) {
      break;
    }
    sorted.remove(*behind);
  }
  while (Bio* const before = sorted.last_before(run.first_sector())) {
    if (!tunables_.front_merges || !run.take(before)) {
      break;
    }
    sorted.remove(*before);
  }
  position_[side] = run.first_sector();
}

void MqDeadline::drain(List<Bio>& to) {
  std::array<List<Bio>, kSides> all;
  {
    const LockGuard guard(lock_);
    for (u32 side = 0; side < kSides; ++side) {
      all[side].splice_back(fifo_[side]);
      sorted_[side].clear();
    }
    left_in_batch_ = 0;
    starved_ = 0;
  }
  move_oldest_first(all, to);
}

}  // namespace sluice::blk
